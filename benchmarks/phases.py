"""What `lintrans phase-diagram` does on its default grid, phase by phase; prints their seconds as JSON.

A process of its own, so that imports count. "compile" is the first call of the kernel: all of its
compilation, or, where the cache has it, loading the machine code.

python benchmarks/phases.py FOLDER
"""

import json
import sys
import time
from pathlib import Path

seconds, began = {}, time.perf_counter()


def end_of(phase):
    global began  # noqa: PLW0603
    seconds[phase] = time.perf_counter() - began
    began = time.perf_counter()


import numpy as np  # noqa: E402

from lintrans import plotting  # noqa: E402
from lintrans.sweeps import grid as sweeps  # noqa: E402
from lintrans.sweeps import store  # noqa: E402
from lintrans.two_factor import phase  # noqa: E402

end_of("import")

sweep = phase.PhaseSweep(np.linspace(0.002, 2.2, 1100))
sweeps.compute(phase.PhaseSweep([0.5], n_transient=1, n_steps=1))
end_of("compile")

result = sweeps.compute(sweep)
end_of("compute")

output = store.save(result, Path(sys.argv[1], "diagram.h5"), force=True)
end_of("write")

plotting.save_figure(plotting.plot(store.load(output)), Path(sys.argv[1], "diagram.png"), force=True)
end_of("draw")

print(json.dumps(seconds))
