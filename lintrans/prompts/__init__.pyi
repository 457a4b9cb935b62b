from .prompt import Preprocessing as Preprocessing
from .prompt import Prompt as Prompt
from .prompt import example_data as example_data
from .tables import prompts_from_csv as prompts_from_csv
