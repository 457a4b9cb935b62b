"""Mini-batch training: a random two-factor map on one shared mode, and the transformer itself, many times.

`population` is what batches are drawn from, `sampling` how; `kernels` walks trajectories, and `escapes`,
`statistics` and `risk` ask one question each of them. `trainings` and `trained_risks` ask the same of the
transformer, compiled, for prompts that share no mode. `answers` looks for the step size and batch size of a
risk, and `verification` holds it all against mini-batch training by the definition of attention.
"""

from lintrans.minibatch.answers import (
    largest_step_size,
    refine_step_size,
    trained_batch_size,
    trained_step_size,
)
from lintrans.minibatch.escapes import EscapeTimes, escape_sweep, escape_times
from lintrans.minibatch.full_batch import full_batch_step_size
from lintrans.minibatch.limits import Limit, bisect_step_size, search_batch_size
from lintrans.minibatch.population import Population
from lintrans.minibatch.proportions import Proportion
from lintrans.minibatch.risk import RiskMap, risk_map, risk_sweep
from lintrans.minibatch.sampling import draw_batches
from lintrans.minibatch.statistics import BatchExponents, batch_exponents, stationary_density
from lintrans.minibatch.tables import prompts_from_csv
from lintrans.minibatch.trained_risks import trained_risk_map, trained_risk_sweep
from lintrans.minibatch.trainings import trained_escapes, training_sweep
from lintrans.minibatch.verification import (
    BatchVerification,
    TrainedRisk,
    trained_risk,
    verify_batches,
)

__all__ = [
    "BatchExponents",
    "BatchVerification",
    "EscapeTimes",
    "Limit",
    "Population",
    "Proportion",
    "RiskMap",
    "TrainedRisk",
    "batch_exponents",
    "bisect_step_size",
    "draw_batches",
    "escape_sweep",
    "escape_times",
    "full_batch_step_size",
    "largest_step_size",
    "prompts_from_csv",
    "refine_step_size",
    "risk_map",
    "risk_sweep",
    "search_batch_size",
    "stationary_density",
    "trained_batch_size",
    "trained_escapes",
    "trained_risk",
    "trained_risk_map",
    "trained_risk_sweep",
    "trained_step_size",
    "training_sweep",
    "verify_batches",
]
