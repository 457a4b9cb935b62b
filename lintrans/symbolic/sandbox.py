"""Sparse modular addition by one head: what symmetry keeps, and where optimisers lose stability (theory/12).

    xi = sum_t e^(z_t . q / sqrt d) V z_t / sum_t e^(z_t . q / sqrt d),   z_t = norm(E[x_t] + P_t),
    out = xi + W2 g(W1 norm(xi) + b1) + b2,   logits = E out

Norms and the activation g are undefined functions: what is proved holds for any. Small instances stand for
all sizes, as exchanging two positions touches no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import sympy as sp

from lintrans.symbolic.claims import claim, every, same, vanishes

D = 2
POSITIONS = (0, 1, 2, 3)
SUMMED = (0, 1)  # of the small instances
GROUPS = ((0, 1), (2, 3))
HALF, LN_2 = sp.Rational(1, 2), sp.log(2)

beta, rate, c = sp.symbols("beta eta c", positive=True)
margin, curve = sp.symbols("m kappa", positive=True)
s, r = sp.symbols("s r", real=True)
_entering, _leaving, _activation = sp.Function("N"), sp.Function("M"), sp.Function("g")

Vectors = Sequence[Any]
Sequences = Iterable[tuple[int, ...]]


class Instance(NamedTuple):
    """Symbolic weights of a head with d = 2 and one hidden unit."""

    tokens: Vectors
    positions: Vectors
    query: Any
    value: Any
    up: Any
    up_bias: Any
    down: Any
    down_bias: Any


def instance(p: int = 2) -> Instance:
    """Return general weights for p tokens and four positions."""
    return Instance(
        [_matrix(f"E{x}", D, 1) for x in range(p)],
        [_matrix(f"P{t}", D, 1) for t in POSITIONS],
        _matrix("q", D, 1),
        _matrix("V", D, D),
        _matrix("U", 1, D),
        _matrix("b", 1, 1),
        _matrix("W", D, 1),
        _matrix("o", D, 1),
    )


def attended(weights: Instance, sequence: Sequence[int]) -> Any:
    """Return xi of one sequence."""
    sums = [weights.tokens[x] + place for x, place in zip(sequence, weights.positions, strict=True)]
    normed = [_vector(_entering, z) for z in sums]
    raised = [sp.exp(weights.query.dot(z) / sp.sqrt(D)) for z in normed]
    total = sum((a * z for a, z in zip(raised, normed, strict=True)), sp.zeros(D, 1))
    return weights.value * total / sum(raised)


def cross_entropy(weights: Instance, sequence: Sequence[int]) -> Any:
    """Return the loss of one sequence, labelled by the sum over ``SUMMED``."""
    xi = attended(weights, sequence)
    hidden = (weights.up * _vector(_leaving, xi) + weights.up_bias).applyfunc(_activation)
    out = xi + weights.down * hidden + weights.down_bias
    logits = [token.dot(out) for token in weights.tokens]
    label = sum(sequence[t] for t in SUMMED) % len(logits)
    return sp.log(sum(sp.exp(x) for x in logits)) - logits[label]


def total_loss(weights: Instance, sequences: Sequences | None = None) -> Any:
    """Return the sum of the losses over sequences, by default the whole population."""
    p = len(weights.tokens)
    chosen = product(range(p), repeat=len(POSITIONS)) if sequences is None else sequences
    return sum(cross_entropy(weights, sequence) for sequence in chosen)


def exchanged(weights: Instance, first: int, second: int) -> Instance:
    """Return the weights with the vectors of two positions exchanged."""
    moved = list(weights.positions)
    moved[first], moved[second] = moved[second], moved[first]
    return weights._replace(positions=moved)


def tied(weights: Instance) -> Instance:
    """Return the weights with one vector for each group of positions."""
    moved = list(weights.positions)
    for group in GROUPS:
        for t in group:
            moved[t] = weights.positions[group[0]]
    return weights._replace(positions=moved)


def averaged_step(w: Any, m: Any, slope: Any) -> tuple[Any, Any]:
    """Adam with a frozen denominator: m' = beta m + (1 - beta) g, w' = w - eta m'."""
    moment = beta * m + (1 - beta) * slope
    return w - rate * moment, moment


def edge_of_averages(beta: Any, rate: Any) -> Any:
    """Return 2 (1 + beta)/((1 - beta) eta), the curvature at which averaged momentum loses stability.

    Examples
    --------
    >>> edge_of_averages(sp.Rational(9, 10), 1)
    38
    """
    return 2 * (1 + beta) / ((1 - beta) * rate)


def adam_step(weight: Any, gradient: Any, *, step_size: Any = rate) -> Any:
    """Return a weight after two steps of clipped Adam with weight decay, from moments of 0.

    The gradient is (g_1, g_2); clipping multiplies both by the same factors for all weights.
    """
    beta1, beta2, epsilon, decay = sp.symbols("beta_1 beta_2 epsilon lambda", positive=True)
    m = v = sp.Integer(0)
    for n, slope in enumerate(gradient, start=1):
        g = sp.Symbol(f"clip_{n}", positive=True) * slope
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        moved = m / (1 - beta1**n) / (sp.sqrt(v / (1 - beta2**n)) + epsilon)
        weight = weight - step_size * (moved + decay * weight)
    return weight


@claim("sandbox.permutation", "any norms, any activation; p = 2, L = 4, k = 2")
def exchange_leaves_the_loss(
    pairs: Iterable[tuple[int, int]] = GROUPS, sequences: Sequences | None = None
) -> Any:
    """The population loss does not change when two positions of one group exchange their vectors.

    The groups are the summed positions and the others. Exchanging the tokens too leaves xi and the label, and
    exchanging the tokens of two positions maps the population onto itself. So the gradient at the exchanged
    weights is the exchanged gradient, and dynamics that treat all positions alike commute with the exchange.
    """
    weights = instance()
    loss = total_loss(weights, sequences)
    return every(*(same(total_loss(exchanged(weights, *pair), sequences) - loss, 0) for pair in pairs))


@claim("sandbox.tied", "any norms, any activation; p = 2, L = 4, k = 2; s and r in any direction")
def loss_is_even_in_the_difference(start: Callable[[Instance], Instance] = tied) -> Any:
    """At tied positions, moving one by s and the other by r costs the same as by r and by s.

    So the loss is even in s - r: its gradient takes no two tied positions apart, and its Hessian has no block
    between directions that keep positions tied and directions that sum to 0 over a group.
    """
    weights = start(instance())
    direction = _matrix("n", D, 1)
    outcomes = []
    for first, second in GROUPS:
        ways = []
        for by_first, by_second in ((s, r), (r, s)):
            moved = list(weights.positions)
            moved[first] = moved[first] + by_first * direction
            moved[second] = moved[second] + by_second * direction
            ways.append(total_loss(weights._replace(positions=moved)))
        outcomes.append(same(ways[0] - ways[1], 0))
    return every(*outcomes)


@claim("sandbox.steps", "two steps of Adam with clipping and weight decay, any gradients")
def optimizers_keep_ties(step_sizes: tuple[Any, Any] = (rate, rate)) -> Any:
    """Weights that are equal and have equal gradients in every step stay equal under Adam.

    Every weight moves by one function of its own gradients and of numbers common to all: bias corrections,
    and the factor of clipping, in which all weights enter symmetrically. Descent with momentum is simpler.
    """
    weight, gradient = sp.Symbol("w", real=True), sp.symbols("g1:3", real=True)
    first, second = (adam_step(weight, gradient, step_size=size) for size in step_sizes)
    return vanishes(first - second)


@claim("sandbox.counts", "any norm; p = 3, L = 4, k = 2")
def head_counts(start: Callable[[Instance], Instance] = tied) -> Any:
    """With tied positions xi depends on how often each token stands in each group, and on nothing else."""
    weights = start(instance(3))
    seen: dict[Any, Any] = {}
    outcomes = []
    for sequence in product(range(3), repeat=len(POSITIONS)):
        key = tuple(tuple(sorted(sequence[t] for t in group)) for group in GROUPS)
        xi = attended(weights, sequence)
        outcomes.append(same(xi - seen.setdefault(key, xi), sp.zeros(D, 1)))
    return every(*outcomes, same(len(seen), 36))


@claim("sandbox.edge", "0 < beta < 1, eta > 0; loss c w^2/2")
def averaged_momentum_is_stable_up_to(bound: Callable[[Any, Any], Any] = edge_of_averages) -> Any:
    """Averaged momentum, as in Adam, is stable iff 0 < c < 2 (1 + beta)/((1 - beta) eta), for every beta.

    Jury: both roots of z^2 - t z + d are inside the unit circle iff d < 1, 1 + t + d > 0 and 1 - t + d > 0.
    Here d = beta; the second is (1 - beta) eta (bound - c), the third (1 - beta) eta c. For beta = 0.9 the
    bound is 38/eta. At it one root is -1: the iterates alternate. The steps are those of heavy ball with the
    step size (1 - beta) eta, claim variants.heavy_ball.
    """
    w, m = sp.symbols("w m", real=True)
    step = sp.Matrix(averaged_step(w, m, c * w)).jacobian([w, m])
    trace, determinant = step.trace(), step.det()
    scale = (1 - beta) * rate
    return every(
        vanishes(
            determinant - beta,
            1 + trace + determinant - scale * (bound(beta, rate) - c),
            1 - trace + determinant - scale * c,
            (step + sp.eye(2)).det().subs(c, bound(beta, rate)),
        ),
        same(bound(sp.Rational(9, 10), rate), 38 / rate),
    )


@claim("sandbox.preconditioned", "D > 0 diagonal and constant, H symmetric; two weights")
def preconditioner_is_a_change_of_units(power: Any = HALF) -> Any:
    """Steps of D^-1 times the averaged gradient of w.H w/2 are plain ones in y = D^1/2 w on D^-1/2 H D^-1/2.

    That matrix is symmetric and has the eigenvalues of D^-1 H. Along each of its eigenvectors the iteration
    is that of claim sandbox.edge.
    """
    d = sp.symbols("d1:3", positive=True)
    H = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"h{min(i, j)}{max(i, j)}", real=True))
    w, m = _matrix("w", 2, 1), _matrix("m", 2, 1)
    inverse, root, back = (sp.diag(*(x**e for x in d)) for e in (-1, power, -power))
    moment = beta * m + (1 - beta) * H * w
    moved = root * (w - rate * inverse * moment)
    scaled, y, original = back * H * back, root * w, inverse * H
    expected = y - rate * (beta * back * m + (1 - beta) * scaled * y)
    eigenvalues = scaled.det() - original.det(), scaled.trace() - original.trace()
    return vanishes(moved - expected, scaled - scaled.T, *eigenvalues)


@claim("sandbox.parabola", "E_y = (-kappa y^2, y), out = (1, 2 kappa y') m/kappa")
def parabola_reads_every_answer(second: Any = 2) -> Any:
    """Logits of tokens on a parabola differ by m (y - y')^2 from that of y': the margin is m for unit steps.

    So two dimensions are enough for any number of answers.
    """
    y, answer = sp.symbols("y y'", real=True)

    def logit(row: Any) -> Any:
        return (-curve * row**2 + row * second * curve * answer) * margin / curve

    return vanishes(logit(answer) - logit(y) - margin * (y - answer) ** 2)


@claim("sandbox.certain", "n sequences of equal weight")
def small_loss_is_certain(bound: Any = LN_2) -> Any:
    """If the mean cross entropy of n sequences is below (ln 2)/n, all n are answered rightly.

    No loss is negative, so each is below ln 2: the label has a probability above 1/2, and the largest.
    Descent that never raises the loss never loses the answers again.
    """
    probability = sp.Dummy("p", positive=True)
    found = sp.solveset(-sp.log(probability) < bound, probability, sp.Interval.Lopen(0, 1))
    return same(found, sp.Interval.Lopen(HALF, 1))


def _matrix(name: str, rows: int, columns: int) -> Any:
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i}{j}", real=True))


def _vector(function: Any, z: Any) -> Any:
    """Return a vector of undefined functions of all coordinates of z."""
    return sp.Matrix([function(i, *z) for i in range(D)])
