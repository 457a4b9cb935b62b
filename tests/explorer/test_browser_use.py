"""What a reader does in the explorer: drag, click, type, zoom, draw, undo, follow a link, take the tour."""

from __future__ import annotations

import numpy as np
from driver import SESSION, Explorer

import lintrans as lt
from lintrans.explorer import explorer_page

TOUR = [
    "monotone",
    "catapult",
    "periodic",
    "periodic",
    "chaotic",
    "periodic",
    "chaotic",
    "chaotic",
    "divergent",
]
CONTROLS = """() => [
  ...document.querySelectorAll("#page :is(button:not(.entries *), input, select, summary, canvas)"),
].filter((el) => !el.disabled && el.offsetParent !== null && el.tabIndex === 0).length"""
VARIANTS = ({"decay": 0.2}, {"momentum": 0.4}, {"schedule": [0.5]}, {"decay": 0.3, "momentum": 0.3})
PLAIN = {"decay": 0, "momentum": 0, "schedule": None, "batch": 0}
WATCH = """() => {
  window.reached = new Set();
  document.addEventListener("focusin", (event) => reached.add(event.target));
}"""


def test_the_cursor_follows_the_pointer(explore):
    page = explore()
    x, y = page.place("diagram", 1.5, 1.0)
    page.tab.mouse.move(x, y)
    page.tab.mouse.down()
    for mu in (1.4, 1.2, 1.1):
        page.tab.mouse.move(*page.place("diagram", mu, 1.0))
    page.tab.mouse.up()
    page.wait()
    assert abs(page.state["mu"] - 1.1) < 0.005
    assert "period 2" in page.tab.locator(".verdict .headline").inner_text()
    page.tab.keyboard.press("Control+z")
    assert page.state["mu"] == 1.5  # the whole drag is one step


def test_a_click_sets_the_start_and_the_run_can_be_played(explore):
    page = explore()
    page.tab.mouse.click(*page.place("plane", -0.5, -0.7))
    page.wait()
    assert abs(page.state["u"] + 0.5) < 0.02 and abs(page.state["v"] + 0.7) < 0.02
    page.set(speed=60, steps=30)
    page.tab.get_by_role("button", name="Play").click()
    page.tab.wait_for_function(f"() => {SESSION}.step === 30")
    page.tab.get_by_role("button", name="Play").wait_for()
    page.tab.get_by_role("button", name="One step back").click()
    assert page.ask("page.step") == 29


def test_all_of_it_works_with_keys(explore):
    page = explore()
    page.canvas("diagram").focus()
    page.tab.keyboard.press("ArrowLeft")
    assert page.state["mu"] < 1.5
    page.tab.keyboard.press("+")
    page.wait()
    assert np.ptp(page.state["window"]) < 0.75
    page.tab.keyboard.press("0")
    page.canvas("plane").focus()
    page.tab.keyboard.press("Shift+ArrowUp")
    page.wait()
    assert page.state["v"] > 0.4
    assert page.canvas("diagram").get_attribute("aria-valuenow") == str(page.state["mu"])
    before = page.state
    for key in ("Control+z", "Control+z", "Control+z", "Control+z"):
        page.tab.keyboard.press(key)
    assert page.state["mu"] == 1.5 and page.state["v"] == 0.4
    for _ in range(4):
        page.tab.keyboard.press("Control+y")
    assert page.state == before


def test_every_control_is_reached_by_tabbing(explore):
    page = explore()
    wanted = page.tab.evaluate(CONTROLS)
    page.tab.evaluate(WATCH)
    for _ in range(wanted + 5):
        page.tab.keyboard.press("Tab")
    assert page.tab.evaluate("() => reached.size") >= wanted


def test_a_box_zooms_both_axes(explore):
    page = explore()
    page.tab.get_by_role("button", name="Zoom to a box: orbit diagram").click()
    page.tab.mouse.move(*page.place("diagram", 1.3, 1.4))
    page.tab.mouse.down()
    page.tab.mouse.move(*page.place("diagram", 1.4, 1.0))
    page.tab.mouse.up()
    page.wait()
    assert np.allclose(page.state["window"], [1.3, 1.4], atol=0.005)
    assert np.allclose(page.state["heights"], [1.0, 1.4], atol=0.02)


def test_windows_are_moved_with_the_pointer(explore):
    page = explore(fragment="window=1.2,1.4&plane=-1,1,-1,1")
    x, y = page.place("diagram", 1.3, page.ask("page.part('diagram').frame().y.low"))
    page.tab.mouse.move(x, y + 12)
    page.tab.mouse.down()
    page.tab.mouse.move(page.place("diagram", 1.35, 1)[0], y + 12, steps=3)
    page.tab.mouse.up()
    assert np.allclose(page.state["window"], [1.15, 1.35], atol=2e-3) and page.state["mu"] == 1.5
    page.tab.keyboard.down("Shift")
    page.tab.mouse.move(*page.place("plane", 0.0, 0.0))
    page.tab.mouse.down()
    page.tab.mouse.move(*page.place("plane", 0.5, -0.25), steps=1)
    page.tab.mouse.up()
    page.tab.keyboard.up("Shift")
    assert np.allclose(page.state["plane"], [-1.5, 0.5, -0.75, 1.25], atol=0.02) and page.state["u"] == 0.4


def test_zoom_ends_where_float64_does(explore):
    page = explore(fragment="mu=1.3022834627007123")
    page.canvas("diagram").focus()
    for _ in range(60):
        page.tab.keyboard.press("+")
    page.wait()
    low, high = page.state["window"]
    assert 0.9e-12 < high - low < 1.6e-12
    assert "Float64 ends here" in page.tab.locator(".panel.diagram .note").inner_text()
    assert page.ask("page.part('diagram').image.found.place.x") == [
        low,
        high,
    ]


def test_a_link_restores_everything(explore, open_page):
    page = explore(size=(1000, 700))
    page.set(
        mu=0.87,
        u=1.9,
        v=0.35,
        window=[0.8, 1.1],
        plane=[-1, 2, -1, 2],
        steps=33,
        t=12,
        decay=0.1,
        show="steps",
    )
    link = page.link()
    other = Explorer(open_page(explorer_page(mu=1.5), fragment=link.partition("#")[2], size=(1000, 700)))
    assert other.state == page.state
    assert other.ask("page.step") == 12
    for name in ("diagram", "plane", "loss", "cobweb"):
        assert other.picture(name) == page.picture(name)


def test_a_broken_link_falls_back_to_defaults(explore):
    page = explore(
        fragment="mu=NaN&u=1e999&window=2,1&plane=1,2&tour=77&steps=&quantity=%3Cb%3E&unknown=1&v=0.25"
    )
    assert page.state["mu"] == 1.5 and page.state["u"] == 0.4 and page.state["v"] == 0.25
    assert page.state["window"] == [0.6, 2.08]


def test_two_pages_do_not_disturb_each_other(explore):
    first, second = explore(), explore()
    first.set(mu=0.7)
    assert second.state["mu"] == 1.5
    assert "Chaotic" in second.tab.locator(".verdict").inner_text()


def test_the_tour_shows_what_it_says(explore):
    page = explore()
    page.tab.get_by_role("button", name="Tour").click()
    for i, regime in enumerate(TOUR):
        page.wait()
        heading = page.tab.locator(".tour h2").inner_text()
        assert heading.startswith(f"{i + 1} of 9")
        assert page.ask("page.verdict.label") == regime, heading
        assert "?" in page.tab.locator(".tour .question").inner_text()
        page.tab.locator(".tour button.main").click()
    assert page.tab.locator(".tour").is_hidden()


def test_numbers_are_typed_and_nonsense_changes_nothing(explore):
    page = explore()
    box = page.tab.get_by_label("μ, exact")
    box.fill("1.2345678901234567")
    box.press("Enter")
    page.wait()
    assert page.state["mu"] == 1.2345678901234567
    box.fill("much")
    box.press("Enter")
    assert box.get_attribute("aria-invalid") == "true"
    assert page.state["mu"] == 1.2345678901234567


def test_the_window_follows_a_cursor_that_leaves_it(explore):
    page = explore(fragment="window=1.2,1.4&mu=1.3")
    for mu in (0.3, 2.5):
        page.set(mu=mu)
        low, high = page.state["window"]
        assert low < mu < high
    page.set(mu=1.3, window=[0.7, 0.8])  # but a window that is chosen stays
    assert page.state["window"] == [0.7, 0.8]


def test_a_schedule_is_drawn_by_hand(explore):
    page = explore()
    page.tab.mouse.move(*page.place("schedule", 0.5, 0.1))
    page.tab.mouse.down()
    page.tab.mouse.move(*page.place("schedule", 60.5, 1.0), steps=8)
    page.tab.mouse.up()
    page.wait()
    schedule = page.state["schedule"]
    assert abs(schedule[0] - 0.1) < 0.03 and abs(schedule[30] - 0.55) < 0.05 and schedule[99] == 1
    variant = lt.two_factor.Variant(schedule=schedule)
    expected = lt.orbit(1.5, 0.4, 0.4, n_steps=30, variant=variant)
    np.testing.assert_allclose(
        page.ask("Array.from(page.run.loss)")[:31], expected.loss, rtol=1e-9, atol=1e-20
    )


def test_keys_work_on_a_fresh_page(explore):
    page = explore(fragment="speed=1")
    page.tab.keyboard.press("Space")
    assert page.ask("page.clock.isPlaying") and page.tab.evaluate("scrollY") == 0
    page.tab.keyboard.press(".")
    assert not page.ask("page.clock.isPlaying")
    assert page.state["t"] == page.ask("page.step") == 1  # a link would keep it
    page.set(mu=1.1)
    page.tab.keyboard.press("Control+z")
    assert page.state["mu"] == 1.5


def test_the_tour_keeps_the_focus_and_gives_back_what_was_before(explore):
    page = explore(fragment="mu=0.7&u=1.2")
    page.tab.get_by_role("button", name="Tour").click()
    follow = page.tab.locator(".tour button.main")
    follow.focus()
    page.tab.keyboard.press("Enter")
    assert page.tab.evaluate("document.activeElement.textContent") == "Next"
    page.tab.get_by_text("Show the answer").click()
    assert "2/\N{GREEK SMALL LETTER MU} = 2.17" in page.tab.locator(".tour").inner_text()
    page.tab.keyboard.press("Escape")
    page.wait()
    assert (page.state["mu"], page.state["u"], page.state["tour"]) == (0.7, 1.2, -1)


def test_batches_exclude_decay_and_momentum(explore):
    page = explore(fragment="batch=8&decay=0.3")  # from a link too
    assert (page.state["batch"], page.state["decay"]) == (8, 0)
    page.set(momentum=0.2)
    assert (page.state["batch"], page.state["momentum"]) == (0, 0.2)


def test_the_edge_of_stability_is_where_training_stops_to_converge(explore):
    """With weight decay, momentum or a schedule a minimum attracts just below it, and not just above."""
    page = explore(explorer_page(mu=1.0, start=(0.9, 0.9)))
    for variant in VARIANTS:
        settled, low, high = None, 0.3, 4.0
        while high - low > 1e-3:
            mu = (low + high) / 2
            page.tab.evaluate(
                f"(changes) => {SESSION}.set(changes)", {"steps": 4000, "mu": mu, **PLAIN, **variant}
            )
            if page.ask("page.verdict.ending.code") == "converged":
                low, settled = mu, page.ask("page.run.sharpness.at(-1)")
            else:
                high = mu
        edge = page.ask("page.part('sharpness').levels()[0].values.at(-1)")
        assert abs(settled / edge - 1) < 0.01, (
            variant
        )  # the ending leaves a margin of 1e-3, mu is known to 1e-3
