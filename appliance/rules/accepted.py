"""Which document serves whom: the first rule that fits speaks, in its own words."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.rules.table import DocumentRule, RuleTable

ACCEPTED = "document.accepted"
CHIP = "chip.expected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A document as it is presented."""

    document_code: str
    issuing_state: str
    nationality: str
    expires: date | None
    has_chip: bool | None
    """None: nobody could look, because there is no reader for chips."""


def rule_for(
    table: RuleTable, document: Presented, *, direction: Direction, post: str, today: date
) -> DocumentRule | None:
    """The first rule that fits, None where none does."""
    for rule in table.document:
        if (
            rule.stands(today)
            and direction in rule.directions
            and ("*" in rule.issuers or document.issuing_state in rule.issuers)
            and rule.is_for(nationality=document.nationality, document_code=document.document_code, post=post)
        ):
            return rule
    return None


def accepted_checks(
    table: RuleTable | None, document: Presented, *, direction: Direction, post: str, today: date
) -> tuple[Check, ...]:
    """Whether the document serves here, and whether a chip that it must have is there."""
    if table is None or not table.document:
        return (Check(id=ACCEPTED, verdict=Verdict.NOT_DONE, reason="no_table"),)
    rule = rule_for(table, document, direction=direction, post=post, today=today)
    evidence: dict[str, Any] = {"table": table.label}
    if rule is None:
        return (Check(id=ACCEPTED, verdict=Verdict.FAIL, reason="no_rule", evidence=evidence),)
    evidence |= {"rule": table.document.index(rule) + 1, "says": dict(rule.says)}
    served = Check(
        id=ACCEPTED,
        verdict=Verdict.PASS if rule.accepted else Verdict.FAIL,
        reason="accepted" if rule.accepted else "not_accepted",
        evidence=evidence,
    )
    if not _needs_chip(rule, document.expires):
        return (served,)
    return served, _chip(document, evidence)


def chip_needed(
    table: RuleTable | None, document: Presented, *, direction: Direction, post: str, today: date
) -> bool:
    """Whether the rules say that such a document has a chip."""
    rule = None if table is None else rule_for(table, document, direction=direction, post=post, today=today)
    return rule is not None and _needs_chip(rule, document.expires)


def _needs_chip(rule: DocumentRule, expires: date | None) -> bool:
    since = rule.chip_if_expires_after
    return rule.chip or (since is not None and expires is not None and expires > since)


def _chip(document: Presented, evidence: dict[str, Any]) -> Check:
    if document.has_chip is None:
        return Check(id=CHIP, verdict=Verdict.NOT_DONE, reason="no_reader", evidence=evidence)
    return Check(
        id=CHIP,
        verdict=Verdict.PASS if document.has_chip else Verdict.FAIL,
        reason="there" if document.has_chip else "missing",
        evidence=evidence,
    )
