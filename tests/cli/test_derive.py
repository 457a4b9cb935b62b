"""The command `derive`: claims listed, proofs recomputed, failures reported."""

from __future__ import annotations

import pytest
from commands import check_refusal

from lintrans.symbolic import claims as claims_room
from lintrans.symbolic.claims import FAMILIES, Claim, claims


def test_lists_every_claim_once_in_the_order_of_the_chapters(answer, run):
    listed = answer("derive")
    assert list(listed) == [c.id for c in claims()]
    families = [name.partition(".")[0] for name in listed]
    assert list(dict.fromkeys(families)) == list(FAMILIES)
    assert len(run("derive")[1].splitlines()) == len(listed)


def test_one_claim_is_proved_on_the_spot(answer, run):
    verdicts = answer("derive", "modes.ellipse")
    assert list(verdicts) == ["modes.ellipse"]
    assert verdicts["modes.ellipse"]["passed"] and verdicts["modes.ellipse"]["seconds"] > 0
    code, out, _ = run("derive", "modes.ellipse")
    assert code == 0 and "Q' = (1 + mu r + r^2) Q" in out and "proved, " in out


def test_a_family_is_proved_together(answer):
    assert set(answer("derive", "transverse")) == {c.id for c in claims("transverse")}


def test_a_proof_that_fails_is_said_and_exits_with_1(run, monkeypatch):
    wrong = Claim("modes.wrong", "1 = 2", "", lambda: claims_room.vanishes(claims_room.sp.Integer(1)))
    monkeypatch.setattr(claims_room, "claims", lambda family=None: [wrong])
    code, out, _ = run("derive", "all")
    assert code == 1 and "NOT proved: 1" in out


@pytest.mark.parametrize("name", ["modes.nothing", "Modes", "modes."])
def test_unknown_claims(run, name):
    check_refusal(*run("derive", name), [name, "many_modes"])
