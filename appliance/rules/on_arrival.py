"""Who may apply for a visa at the post, and what may be granted: the first rule that fits speaks."""

import datetime as dt

from appliance.contracts.asked import MULTIPLE_ENTRIES
from appliance.contracts.checks import Direction
from appliance.contracts.visas import Fee, VisaGrant, VisaTerms
from appliance.rules.table import OnArrivalRule, RuleTable


def on_arrival_rule_for(
    table: RuleTable | None,
    *,
    nationality: str,
    document_code: str,
    direction: Direction,
    post: str,
    today: dt.date,
) -> OnArrivalRule | None:
    """The first rule that fits, None where none does: then nobody applies here."""
    for rule in table.visa_on_arrival if table else ():
        if (
            rule.stands(today)
            and direction in rule.directions
            and rule.is_for(nationality=nationality, document_code=document_code, post=post)
        ):
            return rule
    return None


def terms_of(table: RuleTable, rule: OnArrivalRule) -> VisaTerms:
    """What the rule allows, as it stands in the application: a later table changes nothing in it."""
    return VisaTerms(
        table=table.label,
        rule=table.visa_on_arrival.index(rule) + 1,
        issuing_state=rule.issuing_state,
        type=rule.type,
        document_code=rule.document_code,
        label=rule.label,
        purposes=rule.purposes,
        days=rule.days,
        validity_days=rule.validity_days,
        entries=rule.entries,
        fee=fee_of(rule),
        says=dict(rule.says),
    )


def fee_of(rule: OnArrivalRule) -> Fee | None:
    """What the rule asks for it."""
    return Fee(amount=rule.fee.amount, currency=rule.fee.currency) if rule.fee else None


def within(terms: VisaTerms, grant: VisaGrant, *, today: dt.date, expires: dt.date | None) -> bool:
    """Whether this may be granted today: days, entries and validity by the terms, and no longer than the
    passport (`expires`; None: nobody knows until when it is valid, and it bounds nothing)."""
    try:
        since, until = dt.date.fromisoformat(grant.valid_from), dt.date.fromisoformat(grant.valid_until)
    except ValueError:
        return False
    entries = terms.entries == MULTIPLE_ENTRIES or 1 <= grant.entries <= terms.entries
    return (
        1 <= grant.days <= terms.days
        and entries
        and since == today
        and 1 <= (until - since).days + 1 <= terms.validity_days
        and (expires is None or until <= expires)
    )
