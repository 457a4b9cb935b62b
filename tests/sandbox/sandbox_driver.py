"""What tests do with the page of the sandbox in a browser."""

from __future__ import annotations

import numpy as np

SESSION = "document.getElementById('page').page"
PICTURE = "(canvases) => [...document.querySelectorAll(canvases)].map((x) => x.toDataURL()).join()"
STILL = f"() => {SESSION} && {SESSION}.pool.isIdle() && !{SESSION}.isMoving"
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Sandbox:
    """The page in a tab."""

    def __init__(self, tab):
        self.tab = tab
        self.wait()

    def wait(self):
        """Wait until nothing moves and the last frame is drawn."""
        self.tab.wait_for_function(STILL)
        self.tab.evaluate(FRAMES)

    def ask(self, expression):
        """Value of an expression about ``page``, the session."""
        return self.tab.evaluate(f"() => {{ const page = {SESSION}; return {expression}; }}")

    def until(self, condition):
        """Wait for a condition on ``page``."""
        self.tab.wait_for_function(f"() => {{ const page = {SESSION}; return {condition}; }}")

    def set(self, **changes):
        """Change fields of the state, as one act of the reader."""
        self.tab.evaluate(f"(changes) => {SESSION}.set(changes)", changes)
        self.wait()

    @property
    def state(self):
        """All fields by name."""
        return self.ask("page.state")

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

    def canvas(self, name):
        """Canvas of a panel."""
        return self.tab.locator(f".panel.{name} canvas:not(.top)")

    def place(self, name, x, y, side=0):
        """Place on the screen, in pixels, of numbers in a panel."""
        self.canvas(name).scroll_into_view_if_needed()
        self.wait()
        box = self.canvas(name).bounding_box()
        find = f"page.part({name!r}).frame({side or ''})"
        px, py = self.ask(f"(({{ x, y }}) => [x.pixel({x!r}), y.pixel({y!r})])({find})")
        return box["x"] + px, box["y"] + py

    def export(self, name, item):
        """Download an item of the menu of a panel; returns the path."""
        section = self.tab.locator(f".panel.{name}")
        section.locator("summary[title^=Export]").click()
        with self.tab.expect_download() as found:
            section.get_by_role("button", name=item).click()
        return found.value.path()

    def link(self):
        """Fragment of the address of the present state, once the page has written it."""
        self.tab.wait_for_function(f"() => {SESSION}.store.timer === null")
        return self.tab.evaluate("location.hash")

    def picture(self, name):
        """Pixels of a panel as text, to be compared; it is drawn once it is seen."""
        self.canvas(name).scroll_into_view_if_needed()
        self.wait()
        return self.tab.evaluate(PICTURE, f".panel.{name} canvas")
