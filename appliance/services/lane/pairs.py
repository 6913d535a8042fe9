"""Which pairs of a traveller and a list's entry a press may call two persons."""

from appliance.contracts.checks import Recommendation
from appliance.services.lane.workflow import Assessed


def possible_pairs(assessed: Assessed) -> tuple[str, ...]:
    """The pairs that a press may call two persons: only where near matches are all that stands against
    GREEN."""
    checks = {check.id: check for check in assessed.checks}
    against = [checks[id_] for id_ in assessed.reasons if id_ in checks]
    if assessed.recommendation is not Recommendation.AMBER or not against:
        return ()
    if any(check.reason != "possible_match" or "pair" not in check.evidence for check in against):
        return ()
    shown = [one for check in against for one in (check.evidence, *check.evidence.get("others", ()))]
    return tuple(dict.fromkeys(str(one["pair"]) for one in shown if "pair" in one))
