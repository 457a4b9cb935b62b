"""Layer 6: every result has a figure, labelled, readable in grey, drawn without warnings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib import colors, pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from problems import OF_BATCHES, OF_THE_PLANE, OF_THE_SANDBOX

import lintrans as lt
from lintrans import registry
from lintrans.plotting import diagrams, plot, save_figure
from lintrans.plotting.mu_axis import COLORS
from lintrans.sweeps.results import Result
from lintrans.two_factor import Variant
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.regimes import Regime

MU = np.linspace(0.6, 2.1, 16)
SMALL = {"n_transient": 128, "n_steps": 128}
UNIT = lt.Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)
ON_PROMPT = {"unit_step_size": 3e-5}


def bifurcation(mus=MU, **options):
    return lt.bifurcation_diagram(mus, n_transient=128, n_samples=16, **options)


def phases(mus=MU, **options):
    return lt.phase_diagram(mus, **SMALL, **options)


def verification(mu=0.5):
    return lt.verify(UNIT, step_size=mu, value=0.4, key_query=[[0.3]], n_steps=64)


WINDOW = np.linspace(-2.5, 2.5, 40)
MAKERS = {
    "phase line": phases,
    "phase line on a prompt": lambda: phases(**ON_PROMPT),
    "scales": lambda: phases(start=(1, 0.9), scales=np.linspace(0.1, 2, 7), **ON_PROMPT),
    "imbalances": lambda: phases(start=(0.5, 0.5), imbalances=np.linspace(-4, 4, 7)),
    "bifurcation": bifurcation,
    "bifurcation on a prompt": lambda: bifurcation(**ON_PROMPT),
    "lyapunov": lambda: lt.lyapunov_exponents(MU, **SMALL),
    "lyapunov on a prompt": lambda: lt.lyapunov_exponents(MU, **SMALL, **ON_PROMPT),
    "basin": lambda: lt.basin_map(0.9, u=WINDOW, v=WINDOW),
    "basin of a variant": lambda: lt.basin_map(0.5, u=WINDOW, v=WINDOW, variant=Variant(0.4)),
    "basin in modes": lambda: lt.basin_map(1.3, a=WINDOW, b=WINDOW),
    "basin beyond crisis": lambda: lt.basin_map(1.8, u=WINDOW, v=WINDOW),
    **OF_THE_PLANE,
    **OF_BATCHES,
    **OF_THE_SANDBOX,
    "orbit": lambda: lt.orbit(1.1, 0.4, 0.3, n_steps=40),
    "verification": verification,
}
ODD = {
    "one mu": lambda: phases([1.2]),
    "one mu, several starts": lambda: phases([1.2], scales=[0.1, 0.2, 0.3]),
    "several mus, one start that is an imbalance": lambda: phases(imbalances=[0.5]),
    "two by two": lambda: phases([1.0, 2.0], scales=[0.5, 1.0]),
    "all divergent": lambda: phases([3.0, 4.0, 5.0]),
    "all divergent plane": lambda: phases([3.0, 4.0], scales=[0.5, 1.0, 2.0]),
    "all monotone plane": lambda: phases([0.1, 0.2], scales=[0.01, 0.02, 0.03]),
    "uneven mus": lambda: phases([0.1, 0.11, 0.5, 2.15], scales=[0.1, 1.0, 1.1]),
    "no landmark in range": lambda: phases([0.1, 0.2]),
    "one mu in bifurcation": lambda: bifurcation([1.1]),
    "basin of one start": lambda: lt.basin_map(0.9, u=[0.5], v=[0.4]),
    "basin, all divergent": lambda: lt.basin_map(2.5, u=[2.0, 3.0], v=[2.0, 3.0]),
    "divergent bifurcation": lambda: bifurcation([3.0, 4.0]),
    "constant bifurcation": lambda: bifurcation([0.3, 0.4], start=(1.0, 1.0)),
    "uneven bifurcation": lambda: bifurcation([0.5, 1.1, 1.11, 1.9]),
    "escaping late": lambda: lt.bifurcation_diagram([2.0, 2.05, 2.1], n_transient=0, n_samples=6),
    "one mu in lyapunov": lambda: lt.lyapunov_exponents([1.1], **SMALL),
    "divergent lyapunov": lambda: lt.lyapunov_exponents([3.0, 4.0], **SMALL),
    "superstable": lambda: lt.lyapunov_exponents([0.5, 0.6], start=(1.0, 1.0), **SMALL),
    "orbit of no steps": lambda: lt.orbit(1.1, 0.4, 0.3, n_steps=0),
    "orbit at a minimum": lambda: lt.orbit(0.5, 1.0, 1.0, n_steps=9),
    "orbit that escapes": lambda: lt.orbit(2.5, 3.0, 1.0, n_steps=30),
    "orbit far out from the first": lambda: lt.orbit(2.5, 3e3, 1.0, n_steps=30),
    "chaotic verification": lambda: verification(1.5),
    "divergent verification": lambda: verification(40.0),
    "tiny mus": lambda: phases([1e-300, 2e-300]),
    "huge mus": lambda: phases([1e150, 1e300], **ON_PROMPT),
}
_made: dict[str, Result] = {}


def made(name):
    if name not in _made:
        _made[name] = {**MAKERS, **ODD}[name]()
    return _made[name]


_drawn: dict[str, Figure] = {}


def drawn(name):
    """Figure of a result, to be looked at only."""
    if name not in _drawn:
        _drawn[name] = plot(made(name))
        _drawn[name].draw_without_rendering()
    return _drawn[name]


every_figure = pytest.mark.parametrize("name", MAKERS)


def labels(figure):
    """Texts of all axes of a figure, secondary ones too."""
    found = []
    for axes in (a for panel in figure.axes for a in (panel, *panel.child_axes)):
        found += [axes.get_xlabel(), axes.get_ylabel()]
    return [text for text in found if text]


def texts(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def lightness(color):
    """CIE L* of a colour: what is left of it in grey, 0 black to 100 white."""
    rgb = np.array(colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(luminance) - 16 if luminance > 0.008856 else 903.3 * luminance


OF_ONE_RUN = ("orbit", "verification", "basin_map", "escape_times", "batch_verification")
OF_ONE_MU = {
    "cycles": ["factor $u$", "factor $v$"],
    "boundary_dimension": ["side of the box", "units of $u$", "$N$"],
    "exponent_windows": ["exponent", "nats per step"],
    "invariant_density": [r"r=\mu", "density"],
}


# Every result has a figure


def test_every_kind_is_among_them():
    assert {made(name).kind for name in MAKERS} == set(registry.kinds())


ENDINGS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("name", ["phase line", "imbalances", "bifurcation", "lyapunov", "orbit"])
def test_figures_are_saved_in_every_format(name, tmp_path):
    figure = plot(made(name))
    for ending, begins in ENDINGS.items():
        content = save_figure(figure, tmp_path / f"x{ending}").read_bytes()
        assert content.startswith(begins)
        assert 2_000 < len(content) < 500_000
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "ending"), [("lyapunov", ".png"), ("verification", ".pdf"), ("scales", ".svg")]
)
def test_equal_results_give_equal_files(name, ending, tmp_path):
    first, second = (save_figure(plot(made(name)), tmp_path / f"{i}{ending}").read_bytes() for i in range(2))
    assert first == second
    if ending != ".png":  # made at another time, or with another salt, they would differ
        assert b"CreationDate" not in first and b"<dc:date>" not in first


@pytest.mark.parametrize("name", ODD)
def test_odd_results_are_drawn_without_warnings(name):
    drawn(name)


@pytest.mark.parametrize("variable", ["uv", "a", "loss"])
@pytest.mark.parametrize("name", ["bifurcation", "divergent bifurcation", "constant bifurcation"])
def test_variables_of_a_bifurcation_diagram(name, variable):
    figure = plot(made(name), variable=variable)
    figure.draw_without_rendering()
    symbol = {"uv": "uv", "a": "a=", "loss": "(uv-1)^2/2"}[variable]
    assert symbol in figure.axes[0].get_ylabel()


def test_figures_are_one_or_two_columns_wide_and_leave_pyplot_alone():
    before = dict(pyplot.rcParams)
    before.pop("backend")  # chosen when first read
    figures = pyplot.get_fignums()  # other tests may have left some
    for name in MAKERS:
        assert drawn(name).get_size_inches()[0] == (7.0 if "sandbox" in name else 3.5)  # of several panels
    assert pyplot.get_fignums() == figures
    assert {name: pyplot.rcParams[name] for name in before} == before


# What is written on it


@every_figure
def test_axes_are_labelled_with_their_symbols(name):
    figure, result = drawn(name), made(name)
    assert all(axes.get_ylabel() for axes in figure.axes)
    place = 0 if result.kind in ("basin_map", "risk_map") else 2 if name in OF_THE_SANDBOX else -1
    assert figure.axes[place].get_xlabel()  # no colour bar has one, nor a second axis
    found = " ".join(labels(figure))
    if name in OF_THE_SANDBOX:
        assert "training loss (nats)" in found or "share of 2 runs" in found
    elif result.kind == "risk_map":
        assert "risk of leaving" in found and "batch size $B$" in found
    elif result.kind in OF_ONE_RUN:
        assert rf"$\mu={result.settings['mu']:.6g}$" in figure.axes[0].get_title()
        assert "gradient descent step" in found or "of the start" in found
    elif result.kind in OF_ONE_MU:
        assert rf"$\mu={result.settings['mu']:.6g}$" in figure.axes[0].get_title()
        assert all(symbol in found for symbol in OF_ONE_MU[result.kind])
    else:
        assert r"$\mu$" in found
    symbols = {
        "phase line": ["(uv-1)^2/2", "exponent"],
        "scales": ["scale"],
        "imbalances": ["u^2-v^2"],
        "bifurcation": ["uv"],
        "lyapunov": ["exponent"],
        "orbit": ["(uv-1)^2/2"],
    }
    for symbol in symbols.get(name, []):
        assert symbol in found


@every_figure
def test_learning_rates_have_an_axis_where_they_are_known_and_only_there(name):
    known = getattr(made(name), "step_size", None) is not None
    assert any(r"$\eta$" in label for label in labels(drawn(name))) == known


def test_the_two_axes_agree():
    figure = drawn("lyapunov on a prompt")
    axes = figure.axes[-1]
    (second,) = axes.child_axes
    assert second.get_xlim() == pytest.approx(3e-5 * np.array(axes.get_xlim()))


@pytest.mark.parametrize("name", ["phase line", "bifurcation", "lyapunov"])
def test_landmarks_in_range_are_named_and_no_others(name):
    def names(marks):
        return {mark.name.replace("_", " ") for mark in marks}

    assert texts(drawn(name)) >= names(landmarks().values())
    inside = {"phase line": phases, "bifurcation": bifurcation}.get(
        name, lambda mus: lt.lyapunov_exponents(mus, **SMALL)
    )(np.linspace(1.1, 1.5, 9))
    shown = [m for m in landmarks().values() if 1.075 < m.mu < 1.525]
    assert texts(plot(inside)) == names(shown) and 1 < len(shown) < 8


def test_names_of_landmarks_do_not_overlap_nor_leave_the_figure():
    figure = drawn("phase line")
    boxes = sorted((t.get_window_extent() for t in figure.axes[0].texts), key=lambda box: box.x0)
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0 + 0.5
    width, height = figure.bbox.size
    assert boxes[0].x0 >= 0 and boxes[-1].x1 <= width and max(box.y1 for box in boxes) <= height


@pytest.mark.parametrize(
    "mus", [np.linspace(1, 1.02, 5), np.linspace(1.5, 1.50001, 5), np.linspace(0, 2, 6)[1:]]
)
def test_numbers_on_the_axis_of_mu_do_not_overlap(mus):
    figure = plot(lt.lyapunov_exponents(mus, **SMALL, unit_step_size=1e-5))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    left, right = axes.get_xlim()
    ticks = [t for t in axes.xaxis.get_major_ticks() if left <= t.get_loc() <= right]
    boxes = [t.label1.get_window_extent() for t in ticks]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_the_edge_of_the_ellipse_is_drawn_where_there_is_one():
    def legend(name):
        return [text.get_text() for text in drawn(name).legends[0].get_texts()]

    assert "edge of the ellipse" in legend("scales")
    assert "edge of the ellipse" not in legend("all monotone plane")
    present = [label for label in legend("scales") if label != "edge of the ellipse"]
    assert set(present) == set(made("scales").count())


# Colours


def test_regimes_can_be_told_apart_in_grey():
    """8 in L* is several times the least step seen side by side (about 1 to 2)."""
    shades = sorted(lightness(color) for color in COLORS.values())
    assert len(shades) == len(Regime)
    assert min(np.diff(shades)) >= 8


def test_that_check_notices_the_unaltered_palette():
    orange, sky_blue, vermillion, green = "#e69f00", "#56b4e9", "#d55e00", "#009e73"
    assert abs(lightness(orange) - lightness(sky_blue)) < 8
    assert abs(lightness(vermillion) - lightness(green)) < 8
    assert lightness("#ffffff") == pytest.approx(100) and lightness("#000000") == 0


def shown_regimes(figure: Figure, axes: Axes, result):
    """Regime codes read back from the colours of a mesh."""
    (mesh,) = axes.collections[:1]
    figure.draw_without_rendering()
    palette = {colors.to_rgb(color): int(regime) for regime, color in COLORS.items()}
    rgb = [tuple(face[:3]) for face in mesh.get_facecolors()]
    return np.array([palette[face] for face in rgb]).reshape(result.regime.T.shape).T


@pytest.mark.parametrize("name", ["scales", "imbalances", "phase line"])
def test_cells_have_the_colour_of_their_regime(name):
    figure = drawn(name)
    np.testing.assert_array_equal(shown_regimes(figure, figure.axes[-1], made(name)), made(name).regime)


def test_that_check_notices_a_swapped_axis(monkeypatch):
    draw = diagrams.regime_mesh
    monkeypatch.setattr(diagrams, "regime_mesh", lambda axes, x, y, r: draw(axes, x, y, r[::-1]))
    figure = plot(made("scales"))
    assert (shown_regimes(figure, figure.axes[-1], made("scales")) != made("scales").regime).any()


def test_cells_lie_around_their_grid_points():
    axes = drawn("uneven mus").axes[0]
    corners = np.asarray(axes.collections[0].get_coordinates())
    assert corners[0, :, 0] == pytest.approx([0.095, 0.105, 0.305, 1.325, 2.975])
    assert corners[:, 0, 1] == pytest.approx([-0.35, 0.55, 1.05, 1.15])


# Refusals


@pytest.mark.parametrize("name", ["lyapunov", "phase line", "orbit", "verification"])
def test_a_variable_of_another_kind_is_refused(name):
    with pytest.raises(lt.InputError, match=r"variable must be left out for .*, got 'uv'"):
        plot(made(name), variable="uv")


def test_an_unknown_variable_is_refused():
    with pytest.raises(
        lt.InputError, match="variable must be one of uv, a, loss for bifurcation_diagram, got 'b'"
    ):
        plot(made("bifurcation"), variable="b")


def test_a_kind_without_a_figure_is_refused(monkeypatch):
    kinds = registry.SUBJECTS["two_factor"].kinds
    monkeypatch.setitem(kinds, "orbit", kinds["orbit"]._replace(figure=""))
    with pytest.raises(lt.InputError, match="kind with a figure, got orbit; "):
        plot(made("orbit"))


@pytest.mark.parametrize("file", ["x.jpg", "x", "x.PNG", "x.png.txt", "png"])
def test_another_ending_is_refused(file, tmp_path):
    with pytest.raises(lt.InputError, match=r"\.png, \.pdf, \.svg.*; change the ending"):
        save_figure(plot(made("orbit")), tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_figure_is_replaced_only_by_force(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"mine")
    with pytest.raises(lt.InputError, match="must not exist"):
        save_figure(plot(made("orbit")), path)
    assert path.read_bytes() == b"mine"
    save_figure(plot(made("orbit")), path, force=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_trouble_while_drawing_leaves_nothing(tmp_path, monkeypatch):
    def fails(self, file, **_):
        file.write_bytes(b"half a figure")
        raise OSError("no space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(OSError, match="no space"):
        save_figure(plot(made("orbit")), tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []
