// The limit of one core, and the map in C. Both are written in vectors of the machine, several side by
// side to hide the latency of the multiply-add, their states in registers from the first step to the last.

#include <string.h>

#ifdef __AVX512F__
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define VECTORS 8  // 4 to 16, steps unrolled or not, differ by one per cent; 3 are too few
#define CHAINS 12
#define UNROLL_TWO _Pragma("GCC unroll 2")
#define UNROLL_ALL _Pragma("GCC unroll 16")

typedef double vector __attribute__((vector_size(WIDTH * sizeof(double))));

const long block = WIDTH * VECTORS;
const long chains = WIDTH * CHAINS;

// n multiply-adds in each of `chains` independent chains.
double multiply_adds(long n, double factor, double term) {
  vector x[CHAINS];
  for (int k = 0; k < CHAINS; k++) x[k] = (vector){} + k;  // equal chains would be computed once
  for (long i = 0; i < n; i++)
    UNROLL_ALL for (int k = 0; k < CHAINS; k++) x[k] = x[k] * factor + term;
  double sum = 0;
  for (int k = 0; k < CHAINS; k++)
    for (int lane = 0; lane < WIDTH; lane++) sum += x[k][lane];
  return sum;
}

// n_steps of the map in the plane; n is a multiple of block.
void plane(const double *mu, double *a, double *b, long n, long n_steps) {
  for (long start = 0; start < n; start += block) {
    vector m[VECTORS], p[VECTORS], q[VECTORS];
    memcpy(m, mu + start, sizeof m);
    memcpy(p, a + start, sizeof p);
    memcpy(q, b + start, sizeof q);
    UNROLL_TWO for (long i = 0; i < n_steps; i++)
      UNROLL_ALL for (int k = 0; k < VECTORS; k++) {
        vector r = p[k] * p[k] - (q[k] * q[k] + m[k]);
        p[k] -= r * p[k];
        q[k] += r * q[k];
      }
    memcpy(a + start, p, sizeof p);
    memcpy(b + start, q, sizeof q);
  }
}

// The same on the slice b = 0.
void slice(const double *mu, double *a, long n, long n_steps) {
  for (long start = 0; start < n; start += block) {
    vector m[VECTORS], p[VECTORS];
    memcpy(m, mu + start, sizeof m);
    memcpy(p, a + start, sizeof p);
    UNROLL_TWO for (long i = 0; i < n_steps; i++)
      UNROLL_ALL for (int k = 0; k < VECTORS; k++) {
        vector r = p[k] * p[k] - m[k];
        p[k] -= r * p[k];
      }
    memcpy(a + start, p, sizeof p);
  }
}
