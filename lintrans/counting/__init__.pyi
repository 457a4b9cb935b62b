from .limits import Limit as Limit
from .limits import bisect_step_size as bisect_step_size
from .limits import search_batch_size as search_batch_size
from .proportions import Proportion as Proportion
from .proportions import intervals as intervals
from .proportions import proportion as proportion
