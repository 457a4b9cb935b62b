from .page import explorer_page as explorer_page
