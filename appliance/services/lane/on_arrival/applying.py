"""An application for a visa on arrival: who may make one, what is wrong with it, which visa is known here."""

import datetime as dt
from typing import Final

from appliance.contracts.asked import MULTIPLE_ENTRIES, ApplyForVisa
from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.visas import (
    MAX_ADDRESS,
    MAX_EARLIER,
    MAX_RECEIPT,
    EarlierVisa,
    KnownVisa,
    VisaApplication,
    VisaOffer,
)
from appliance.records.history import History
from appliance.records.visas import VisaRow, Visas
from appliance.rules.on_arrival import fee_of, on_arrival_rule_for, terms_of
from appliance.rules.table import OnArrivalRule
from appliance.services.lane.assessment import document_of, presented_of, subject_of
from appliance.services.lane.in_force import InForce
from appliance.services.lane.visa_checks import entries_used
from appliance.services.lane.workflow import State

APPLICATION: Final = "visa.application"
MISSING: Final = ("visa.shown", Verdict.FAIL, "missing")


class Applying:
    """What the booth knows of visas on arrival. Its methods look at a disk: call them in a thread."""

    def __init__(self, *, visas: Visas, in_force: InForce, post: str) -> None:
        self._visas = visas
        self._in_force = in_force
        self._post = post

    def offer(self, state: State, *, today: dt.date) -> VisaOffer | None:
        """Whether who stands here may apply; None: they may not."""
        rule = self._rule(state, today)
        if rule is None:
            return None
        stated = state.stated
        purpose = stated.purpose if stated else None
        return VisaOffer(
            purposes=rule.purposes,
            days=rule.days,
            fee=fee_of(rule),
            says=dict(rule.says),
            purpose=purpose if purpose in rule.purposes else "",
            stay_days=stated.intended_stay_days if stated else None,
        )

    def read(
        self, note: ApplyForVisa, state: State, *, today: dt.date, officer: str
    ) -> tuple[VisaApplication | None, dict[str, str]]:
        """The application, or what is wrong with it: field to a code of `NOTE_PROBLEMS`.

        Raises:
            StorageError: earlier ones cannot be looked at.
        """
        rule, table = self._rule(state, today), self._in_force.rules
        if rule is None or table is None or state.started is None:
            return None, {"crossing": "not_offered"}
        address, receipt = " ".join(note.address.split()), " ".join(note.receipt.split()).upper()
        problems = {}
        if note.purpose not in rule.purposes:
            problems["purpose"] = "choose"
        days = _whole(note.days)
        if days is None or days < 1:
            problems["days"] = "not_a_number"
        elif days > rule.days:
            problems["days"] = "too_many_days"
        if not address:
            problems["address"] = "missing"
        for field, text, most in (("address", address, MAX_ADDRESS), ("receipt", receipt, MAX_RECEIPT)):
            if len(text) > most or not text.isprintable():
                problems[field] = "too_long"
        if rule.fee is not None and not receipt:
            problems["receipt"] = "missing"
        elif receipt and self._visas.receipt_used(receipt, by_other_than=state.started.crossing):
            problems["receipt"] = "receipt_used"
        if problems or days is None:
            return None, problems
        application = VisaApplication(
            purpose=note.purpose,
            days=days,
            address=address,
            receipt=receipt,
            terms=terms_of(table, rule),
            earlier=self._earlier(state, today),
            officer=officer,
        )
        return application, {}

    def checks(self, state: State) -> tuple[Check, ...]:
        """That an application stands, with what the second line has to know."""
        application = state.visa_application
        if application is None:
            return ()
        evidence = {
            "purpose": application.purpose,
            "days": application.days,
            "table": application.terms.table,
            "rule": application.terms.rule,
            "says": dict(application.terms.says),
            "earlier": len(application.earlier),
        }
        return (Check(id=APPLICATION, verdict=Verdict.NOT_DONE, reason="undecided", evidence=evidence),)

    def known(
        self, state: State, history: History | None, *, today: dt.date, now: dt.datetime
    ) -> KnownVisa | None:
        """A visa that this box has issued, and that lets its holder in once more; None where there is none,
        or nobody can tell how often it was used.

        Raises:
            StorageError: it cannot be read.
        """
        for visa, row in self._issued(state, today):
            if visa.valid_until < today.isoformat():
                continue
            used = entries_used(history, row.application.terms.issuing_state, visa.number, now=now)
            if visa.entries == MULTIPLE_ENTRIES or (used is not None and used < visa.entries):
                return visa
        return None

    def issued(self, state: State, *, today: dt.date) -> tuple[KnownVisa, ...]:
        """Every visa that this passport has from this box.

        Raises:
            StorageError: they cannot be read.
        """
        return tuple(visa for visa, _row in self._issued(state, today))

    def _issued(self, state: State, today: dt.date) -> list[tuple[KnownVisa, VisaRow]]:
        subject = subject_of(state, document_of(state, today=today))
        if subject is None or state.shares_document:
            return []
        visas = self._visas.known(subject.issuing_state, subject.document_number)
        return [(visa, row) for visa in visas if (row := self._visas.row(visa.crossing)) is not None]

    def _rule(self, state: State, today: dt.date) -> OnArrivalRule | None:
        """Of somebody who needs a visa and has none, whose document can carry one, before the decision."""
        assessed, started = state.assessed, state.started
        if started is None or assessed is None or state.decided is not None or state.referral_asked:
            return None
        if MISSING not in [(check.id, check.verdict, check.reason) for check in assessed.checks]:
            return None
        mrz = document_of(state, today=today)
        presented, subject = presented_of(state, mrz), subject_of(state, mrz)
        if presented is None or subject is None or not subject.document_number or state.shares_document:
            return None
        return on_arrival_rule_for(
            self._in_force.rules,
            nationality=presented.nationality,
            document_code=presented.document_code,
            direction=Direction(started.direction),
            post=self._post,
            today=today,
        )

    def _earlier(self, state: State, today: dt.date) -> tuple[EarlierVisa, ...]:
        subject = subject_of(state, document_of(state, today=today))
        if subject is None:
            return ()
        rows = self._visas.of_passport(subject.issuing_state, subject.document_number)
        return tuple(self._told(row) for row in rows[:MAX_EARLIER])

    def _told(self, row: VisaRow) -> EarlierVisa:
        decision, label = row.decision, self._visas.label(row.crossing)
        grant = decision.grant if decision else None
        return EarlierVisa(
            at=row.at,
            outcome=decision.outcome.value if decision else "",
            purpose=row.application.purpose,
            days=grant.days if grant else row.application.days,
            number=label.number if label else "",
        )


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
