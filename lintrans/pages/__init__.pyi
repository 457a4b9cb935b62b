from .bundle import module as module
from .bundle import script as script
from .page import Page as Page
from .values import encode as encode
