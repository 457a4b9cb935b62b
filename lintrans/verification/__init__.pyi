from .full_batch import Verification as Verification
from .full_batch import verify as verify
from .mini_batch import BatchVerification as BatchVerification
from .mini_batch import TrainedRisk as TrainedRisk
from .mini_batch import trained_risk as trained_risk
from .mini_batch import verify_batches as verify_batches
