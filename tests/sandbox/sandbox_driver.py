"""What tests and benchmarks do with the page of the sandbox in a browser."""

from __future__ import annotations

import numpy as np
from page_driver import SESSION, PageDriver

__all__ = ["SESSION", "Sandbox"]


class Sandbox(PageDriver):
    """The page in a tab."""

    still = "page.pool.isIdle() && !page.isMoving"

    @property
    def weights(self):
        """Weights that are shown."""
        return np.array(self.ask("Array.from(page.sides[0].weights)"))

    def train(self, n_steps):
        """Train here for so many steps; returns weights and both moments."""
        self.tab.evaluate(f"(n) => {SESSION}.live.start(n)", n_steps)
        self.until("!page.live.isRunning && !page.live.isWaiting")
        self.wait()
        parts = "['weights', 'first', 'second'].map((name) => Array.from(page.live.state[name]))"
        return np.array(self.ask(parts))

    def fragment(self):
        """Fragment of the address of the present state."""
        return self.link().partition("#")[2]
