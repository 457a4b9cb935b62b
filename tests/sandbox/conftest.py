"""The page of the sandbox, opened in a browser."""

from __future__ import annotations

import pytest
from page_runs import record
from sandbox_driver import Sandbox

from lintrans.sandbox.model import Model
from lintrans.sandbox.page import sandbox_page
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

N_EPOCHS = 16


@pytest.fixture(scope="session")
def recorded():
    """Two short runs of the default task, and their full states after every epoch."""
    return record(Task(), Model(), Training(n_epochs=N_EPOCHS), (1, 4))


@pytest.fixture(scope="session")
def page_of_runs(recorded):
    return sandbox_page(recorded[0], task=Task(), model=Model(), training=Training(n_epochs=N_EPOCHS))


@pytest.fixture
def sandbox(open_page, page_of_runs):
    """Open the page; keywords as `open_page`."""

    def opened(page=None, **options):
        return Sandbox(open_page(page or page_of_runs, **options))

    return opened
