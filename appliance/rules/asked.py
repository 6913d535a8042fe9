"""What a traveller is asked, and whether a visa is needed: the first rule that fits speaks."""

from dataclasses import dataclass
from datetime import date

from appliance.contracts.asked import QUESTIONS
from appliance.contracts.checks import Direction
from appliance.rules.table import RuleTable, VisaRule

_OTHER_WAY = {Direction.ENTRY: "next_residence", Direction.EXIT: "previous_residence"}
"""Who comes is asked where from, who goes is asked where to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What may be asked of somebody, and what must be."""

    questions: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


def asked_for(
    table: RuleTable | None,
    *,
    by_default: bool,
    nationality: str,
    document_code: str,
    direction: Direction,
    post: str,
    today: date,
) -> Asked:
    """What the first rule that fits asks. Where none does and `by_default` holds, everything may be asked and
    nothing must be."""
    for rule in table.ask if table else ():
        if (
            rule.stands(today)
            and direction in rule.directions
            and rule.is_for(nationality=nationality, document_code=document_code, post=post)
        ):
            return Asked(questions=rule.ask, must=rule.must, countries=rule.countries)
    if not by_default:
        return Asked()
    left_out = {_OTHER_WAY[direction], "intended_stay_days" if direction is Direction.EXIT else ""}
    return Asked(questions=tuple(one for one in QUESTIONS if one not in left_out))


def visa_rule_for(
    table: RuleTable | None,
    *,
    nationality: str,
    document_code: str,
    direction: Direction,
    post: str,
    today: date,
) -> VisaRule | None:
    """The first rule that fits, None where none does: then nobody asks for a visa."""
    for rule in table.visa if table else ():
        if (
            rule.stands(today)
            and direction in rule.directions
            and rule.is_for(nationality=nationality, document_code=document_code, post=post)
        ):
            return rule
    return None
