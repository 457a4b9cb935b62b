"""What the explorer draws and says is where the theory has it: a flipped sign would be seen."""

from __future__ import annotations

import csv
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import lintrans as lt
from lintrans.explorer import explorer_page
from lintrans.two_factor import normal_form

PIXEL = 0.011  # an SVG has hundredths of a pixel


def drawn(page, name, color):
    """Points of all lines of one colour in a panel, as numbers on its axes; and the size of a pixel."""
    root = ElementTree.fromstring(page.export(name, "SVG").read_text())
    wanted = page.ask(f"page.theme.color({color!r})")
    paths = [
        el.get("d") for el in root.iter("{http://www.w3.org/2000/svg}path") if el.get("stroke") == wanted
    ]
    pixels = np.array(
        [pair.split() for pair in re.findall(r"[ML]([-\d.]+ [-\d.]+)", " ".join(paths))], dtype=float
    )
    find = "((scale, x) => scale.value(x))"
    x, y = (
        np.array(
            page.ask(f"{pixels[:, i].tolist()}.map((x) => {find}(page.part({name!r}).frame().{axis}, x))")
        )
        for i, axis in enumerate("xy")
    )
    unit = page.ask(f"((frame) => frame.x.value(1) - frame.x.value(0))(page.part({name!r}).frame())")
    return x, y, abs(unit)


def test_the_curves_of_the_plane_are_those_of_the_theory(explore):
    """To a hundredth of a pixel, times the slope of the level there, which is below 10 in this window."""
    mu = 0.9
    page = explore(explorer_page(mu=mu), fragment="trail=0", accept_downloads=True)
    u, v, unit = drawn(page, "plane", "orange")
    assert u.size > 300
    assert np.abs(normal_form.ellipse_level(mu, *normal_form.to_modes(mu, u, v))).max() < 10 * PIXEL * unit
    assert (
        np.abs(normal_form.ellipse_level(mu, *normal_form.to_modes(mu, u, -v))).max() > 1
    )  # mirrored it is not
    u, v, _ = drawn(page, "plane", "green")
    assert np.abs(u * v - 1).max() < 10 * PIXEL * unit
    u, v, _ = drawn(page, "plane", "pink")
    assert np.abs(mu * (u * u + v * v) - 2).max() < 10 * PIXEL * unit


COLORS_OF = """(starts) => {
  const plane = document.getElementById("page").page.part("plane");
  const { x, y } = plane.frame();
  const { width, height } = plane.basin.picture.canvas;
  const { data } = plane.basin.picture.canvas.getContext("2d").getImageData(0, 0, width, height);
  return starts.map(([u, v]) => {
    const column = Math.floor(((u - x.low) / (x.high - x.low)) * width);
    const row = Math.floor(((y.high - v) / (y.high - y.low)) * height);
    return [...data.slice(4 * (row * width + column), 4 * (row * width + column) + 3)];
  });
}"""


def test_the_picture_of_the_plane_is_not_mirrored(explore):
    """The pixel of a start has the colour of its regime."""
    page = explore(explorer_page(mu=0.7), fragment="show=regime")
    starts = [[1.9, 0.4], [0.3, 1.8], [2.2, -1.2], [-1.5, 2.0], [0.5, -0.4]]
    labels = [lt.regime(0.7, u, v).regime.label for u, v in starts]
    assert len(set(labels)) > 2
    expected = [page.ask(f"page.problem.palette[{label!r}]") for label in labels]
    found = page.tab.evaluate(COLORS_OF, starts)
    assert ["#{:02x}{:02x}{:02x}".format(*color) for color in found] == expected


def test_the_cobweb_is_the_cubic(explore):
    page = explore(explorer_page(mu=1.3), accept_downloads=True)
    a, after, unit = drawn(page, "cobweb", "green")
    assert a.size > 200
    assert np.abs(after - a * (1 + 1.3 - a * a)).max() < 20 * PIXEL * unit  # its slope is below 10


def test_the_loss_is_drawn_on_its_axes(explore):
    page = explore(explorer_page(mu=0.7, start=(0.4, 0.3)), fragment="steps=20", accept_downloads=True)
    step, loss, _ = drawn(page, "loss", "blue")
    expected = lt.orbit(0.7, 0.4, 0.3, n_steps=20).loss
    np.testing.assert_allclose(step, np.arange(21), atol=1e-3)
    np.testing.assert_allclose(np.log10(loss), np.log10(expected), atol=0.01)


def test_landmarks_and_cursor_stand_at_their_mu(explore):
    page = explore(explorer_page(mu=1.3), accept_downloads=True)
    cursor, _, unit = drawn(page, "diagram", "accent")
    assert np.abs(cursor - 1.3).max() < 7 * unit  # with its handle, 12 pixels wide
    x, _, _ = drawn(page, "exponents", "muted")
    marks = [mark.mu for mark in lt.landmarks().values()]
    assert all(np.abs(x - mu).min() < PIXEL * unit for mu in marks)


@pytest.mark.parametrize(("mu", "ellipse"), [(2.0, False), (1.2, True)])
def test_the_density_agrees_with_its_closed_form(explore, mu, ellipse):
    page = explore(explorer_page(mu=mu), fragment=f"ellipse={int(ellipse)}", accept_downloads=True)
    path = page.export("density", "CSV")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    rows = np.array([[float(x) for x in row.values()] for row in csv.DictReader(lines)])
    residual, density, closed = rows.T
    assert abs(density.sum() * 0.04 - 1) < 1e-12
    np.testing.assert_allclose(closed, 1 / (np.pi * np.sqrt(4 - residual**2)), rtol=1e-14)
    inner = slice(5, -5)  # at the ends the closed form varies within a bin
    error = np.sqrt(closed / (0.04 * 40_000))[inner]
    assert 0.6 < np.mean(((density - closed)[inner] / error) ** 2) < 1.5  # 90 bins: 1 +- 0.15


def test_the_verdict_lists_the_cycle_and_its_mean(explore):
    page = explore(explorer_page(mu=1.15, start=(0.4, 0.4)))
    words = page.tab.locator(".verdict .detail").inner_text()
    assert f"their mean is {float(normal_form.two_cycle_averages(1.15)[0]):.4g}." in words
    assert "0.15 above stable" in words and "0.0861 below period 4" in words


def test_learning_rates_are_mu_times_their_unit(explore, prompt):
    page = explore(explorer_page(prompt, step_size=7e-5))
    unit = lt.two_factor.Mode.of(prompt).unit_step_size
    assert "Learning rate 7e" in page.tab.locator(".verdict .detail").inner_text()
    assert float(page.tab.get_by_label("learning rate", exact=False).first.input_value()) == 7e-5
    ticks = page.ask("((axis) => axis.scale.ticks(6))(page.muAxis())")
    rates = [float(label) * 1e-4 for label in ticks["labels"]]
    assert "1e" in ticks["note"]
    np.testing.assert_allclose(np.array(ticks["values"]) * unit, rates, rtol=1e-12)
