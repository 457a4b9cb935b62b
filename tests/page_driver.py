"""What tests and benchmarks do with any page of the kit in a browser."""

from __future__ import annotations

SESSION = "document.getElementById('page').page"
PICTURE = "(canvases) => [...document.querySelectorAll(canvases)].map((x) => x.toDataURL()).join()"
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class PageDriver:
    """A page in a tab.

    ``still`` is what holds of the session once nothing is being computed.
    """

    still = "page.pool.isIdle()"

    def __init__(self, tab):
        self.tab = tab
        self.wait()

    def wait(self):
        """Wait until nothing is being computed and the last frame is drawn."""
        self.until(self.still)
        self.tab.evaluate(FRAMES)
        self.until(self.still)

    def ask(self, expression):
        """Value of an expression about ``page``, the session."""
        return self.tab.evaluate(f"() => {{ const page = {SESSION}; return {expression}; }}")

    def until(self, condition):
        """Wait for a condition on ``page``."""
        self.tab.wait_for_function(f"() => {{ const page = {SESSION}; return page && {condition}; }}")

    def set(self, **changes):
        """Change fields of the state, as one act of the reader."""
        self.tab.evaluate(f"(changes) => {SESSION}.set(changes)", changes)
        self.wait()

    @property
    def state(self):
        """All fields by name."""
        return self.ask("page.state")

    def canvas(self, name):
        """Canvas of a panel."""
        return self.tab.locator(f".panel.{name} canvas:not(.top)")

    def place(self, name, x, y, side=0):
        """Place on the screen, in pixels, of numbers in a panel, or in one of its sides."""
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
        """Address of the present state, once the page has written it."""
        self.until("page.store.timer === null")
        return self.tab.evaluate("location.href")

    def picture(self, name):
        """Pixels of a panel as text, to be compared; it is drawn once it is seen."""
        self.canvas(name).scroll_into_view_if_needed()
        self.wait()
        return self.tab.evaluate(PICTURE, f".panel.{name} canvas")
