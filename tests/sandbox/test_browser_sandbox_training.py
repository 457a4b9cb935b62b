"""Training in the page of the sandbox is that of Python, and rewinding begins it anew."""

from __future__ import annotations

import numpy as np
import pytest

from lintrans.sandbox.blocks import Block
from lintrans.sandbox.model import Model
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

# The browser's exp and sums are rounded otherwise than Python's: a few ulp a step, which training lets grow.
# Over 200 steps of the first epochs the two are held to 1e-9 of the largest weight, moment by moment.
SAME = 1e-9
N_STEPS = 200


def train_in_python(state, span, **options):
    block = Block(Task(), Model(), Training(n_epochs=16, **options), (1,))
    return block.advance(state[None], span, every=0).state[0]


def assert_same(found, expected):
    for one, other, name in zip(found, expected, ("weights", "first", "second"), strict=True):
        assert abs(one - other).max() < SAME * abs(other).max(), name


@pytest.mark.parametrize("epoch", [4, 6])  # with a mark, and between marks
def test_it_goes_on_as_the_recorded_run(sandbox, recorded, epoch):
    page = sandbox(fragment=f"epoch={epoch}")
    found = page.train(N_STEPS)
    start = 64 * epoch
    assert page.ask("page.live.state.step") == start + N_STEPS
    assert_same(found, train_in_python(recorded[1][0, epoch], (start, start + N_STEPS)))
    np.testing.assert_array_equal(page.weights, found[0])  # what is shown is what was trained


def test_another_rate_trains_otherwise(sandbox, recorded):
    page = sandbox(fragment="epoch=4&rate=0.004")
    found = page.train(N_STEPS)
    span = (256, 256 + N_STEPS)
    assert_same(found, train_in_python(recorded[1][0, 4], span, rate=0.004))
    plain = train_in_python(recorded[1][0, 4], span)
    assert abs(found[0] - plain[0]).max() > 1e-3  # the check sees a rate


def test_rewinding_and_training_again_gives_the_same(sandbox):
    page = sandbox(fragment="epoch=6")
    shown = page.weights
    first = page.train(100)
    page.tab.get_by_role("button", name="Back to the recorded run").click()
    page.wait()
    np.testing.assert_array_equal(page.weights, shown)
    assert page.ask("page.live.state") is None
    np.testing.assert_array_equal(page.train(100), first)
    again = page.train(50)  # and it goes on from there
    page.tab.keyboard.press("r")
    page.wait()
    np.testing.assert_array_equal(page.train(150), again)


def test_settings_change_while_it_trains(sandbox):
    page = sandbox(fragment="epoch=4")
    page.tab.get_by_role("button", name="Train from here").click()
    page.until("page.live.state && page.live.state.step > 600")
    for name, value in (("learning rate", "0.01"), ("sequences in a batch", "16")):
        box = page.tab.get_by_label(name)
        box.fill(value)
        box.press("Enter")
    page.tab.get_by_label("norm ξ").select_option("smooth")
    page.tab.get_by_label("Optimiser").select_option("sgd")
    page.until("page.live.arose.optimizer === 'sgd' && page.live.arose.batchSize === 16")
    step = page.ask("page.live.state.step")
    page.until(f"page.live.state.step > {step + 200}")
    assert page.ask("page.live.arose.norms.feedForward") == "smooth" and page.ask("page.live.isRunning")
    assert page.ask("page.network.norms.feedForward") == "smooth"
    page.tab.get_by_role("button", name="Stop training").click()
    page.until("page.pool.isIdle()")
    stopped = page.ask("page.live.state.step")
    page.wait()
    assert page.ask("page.live.state.step") == stopped
    assert "trained here to step" in page.tab.locator(".reading .state").inner_text()
    page.tab.get_by_role("button", name="The settings that the recorded run").click()
    assert page.state["optimizer"] == "adam" and page.state["batch"] == 32


def test_it_draws_while_it_trains(sandbox):
    page = sandbox(fragment="epoch=4", size=(1200, 1300))
    before = {name: page.picture(name) for name in ("xi", "loss", "tokens")}
    page.tab.keyboard.press("t")
    page.until("page.live.history.epochs.length > 5")
    page.tab.keyboard.press("t")
    page.wait()
    assert all(page.picture(name) != picture for name, picture in before.items())
    history = page.ask("page.live.history")
    assert history["epochs"] == sorted(history["epochs"])
    assert history["loss"][-1] == pytest.approx(page.ask("page.sides[0].measures.loss"))


def test_weights_set_by_hand_are_trained_from(sandbox, recorded):
    page = sandbox(fragment="epoch=4&edits=0,4,3,-1.25")
    found = page.train(N_STEPS)
    state = recorded[1][0, 4].copy()
    state[0, 3] = -1.25
    assert_same(found, train_in_python(state, (256, 256 + N_STEPS)))


def test_going_to_another_epoch_ends_it(sandbox):
    page = sandbox(fragment="epoch=4")
    page.train(20)
    page.tab.keyboard.press("ArrowRight")
    page.wait()
    assert page.ask("page.live.state") is None and page.ask("page.epoch") == 5


def test_what_diverges_says_so_and_can_be_rewound(sandbox):
    page = sandbox(fragment="epoch=4&optimizer=sgd&rate=100&feedForwardNorm=none&attentionNorm=none")
    page.tab.evaluate("() => document.getElementById('page').page.live.start()")
    page.tab.get_by_text("Training here has diverged").first.wait_for()
    page.until("!page.live.isRunning")
    page.tab.keyboard.press("r")
    page.wait()
    assert np.isfinite(page.weights).all()
