"""The documentation site: `make docs` builds it, with warnings as errors.

Theory chapters are executed when the site is built. Pages that follow from the code (chapters, claims,
commands, experiments) are written by `generated.py`, next to this file, into the folder `_generated`.
"""

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import generated

from lintrans.symbolic.claims import claims

PAGES = Path(__file__).parent / "_generated/extra/live"
PAGES.mkdir(parents=True, exist_ok=True)  # which is looked for before it is written

project = "lintrans"
author = "the lintrans developers"
version = release = installed("lintrans")
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinxcontrib.bibtex",
    "sphinx-mathjax-offline",  # pages are readable without a network
]
exclude_patterns = [
    "_build",
    "conf.py",
    "generated.py",
    "draw_layers.py",
    "draw_explorer.py",
    "**.ipynb_checkpoints",
]
default_role = "autolink"
keep_warnings = False
nitpicky = True

# theory
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
mathjax3_config = {"tex": {"tags": "none"}, "chtml": {"mtextInheritFont": True, "scale": 0.88}}

# reference
autodoc_typehints = "none"
maximum_signature_line_length = 60
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

html_theme = "pydata_sphinx_theme"
html_title = "lintrans"
html_static_path = ["_static"]
html_extra_path = ["_generated/extra"]  # the explorer, a page of its own
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
}
html_sidebars = {
    page: []
    for page in ("index", "explorer", "getting_started", "diagrams", "clusters", "conventions", "glossary")
}
copyright = "2026, the lintrans developers, MIT licence"


def to_restructured_text(app, what, name, obj, options, lines):
    """Let |y_q| in a docstring be an absolute value, not a substitution, and claims be links."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(``.*?``)", line)  # literals stay as they are
            lines[i] = "".join(part if part.startswith("``") else _linked(part) for part in parts)


def _linked(text):
    ids = "|".join(re.escape(claim.id) for claim in claims())
    return re.sub(rf"\b({ids})\b(?!\w)", r":ref:`\1 <claim-\1>`", text.replace("|", r"\|"))


def setup(app):
    app.connect("builder-inited", lambda app: generated.write(Path(app.srcdir) / "_generated"), priority=100)
    app.connect("autodoc-process-docstring", to_restructured_text, priority=900)
