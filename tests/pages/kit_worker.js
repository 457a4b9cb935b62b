// A worker that waits, or fails, and answers.

const COMPUTE = {
  wait: async ({ ms, value }) => new Promise((done) => setTimeout(() => done(value), ms)),
  fail: async () => {
    throw new Error("as asked");
  },
};

self.onmessage = ({ data }) => {
  COMPUTE[data.kind](data.args).then(
    (value) => self.postMessage({ id: data.id, value }),
    (error) => self.postMessage({ id: data.id, error: error.message }),
  );
};
