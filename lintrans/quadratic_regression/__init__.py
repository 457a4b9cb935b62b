"""A second model: quadratic regression and phase retrieval on orthogonal inputs, the same map per sample.

`descent` trains it and does not use the map; `modes` reduces every sample to the map; `averages` predicts
with the average over the iterates, which is stable even if the iterates are not.
"""

from lintrans.quadratic_regression.averages import (
    AveragedPredictor,
    ErrorCurves,
    error_curves,
    time_average,
)
from lintrans.quadratic_regression.descent import (
    QuadraticRun,
    gradient,
    loss,
    predictions,
    train,
)
from lintrans.quadratic_regression.modes import SampleModes, landmark_step_sizes
from lintrans.quadratic_regression.problem import OrthogonalData, QuadraticModel

__all__ = [
    "AveragedPredictor",
    "ErrorCurves",
    "OrthogonalData",
    "QuadraticModel",
    "QuadraticRun",
    "SampleModes",
    "error_curves",
    "gradient",
    "landmark_step_sizes",
    "loss",
    "predictions",
    "time_average",
    "train",
]
