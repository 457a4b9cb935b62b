"""What a negative control of a claim must do: fail, and by its remainder."""

from __future__ import annotations

from lintrans.symbolic.claims import Claim, claims


def check_fails_by_its_remainder(control):
    verdict = Claim("control", "a wrong statement", "", control).check()
    assert not verdict.passed
    assert not isinstance(verdict.remainder, Exception), "it must fail by its remainder, not by an accident"


def check_every_claim_has_one(controls, families):
    """Names of controls are the id of the claim, with what was changed after a comma."""
    ids = {claim.id for family in families for claim in claims(family)}
    assert ids == {name.partition(",")[0] for name in controls}
