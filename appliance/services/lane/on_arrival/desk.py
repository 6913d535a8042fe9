"""The desk of visas on arrival: what the second line grants, and the blank labels that carry it.

A label's number is used once on this box, by the book of visas and by the journal of this epoch. Each act is
on disk before its record is written, and its record has one name, so that a power cut between the two ends
with the same record.
"""

import datetime as dt
import logging
import re
from collections.abc import Callable
from typing import Final

import msgspec

from appliance.clock import Clock
from appliance.contracts.cases import CaseKind, CaseOutcome, CloseCase
from appliance.contracts.checks import Outcome
from appliance.contracts.movement import DocumentFacts, Movement
from appliance.contracts.officers import MIN_REASON, OfficerAnswer, Role
from appliance.contracts.visas import (
    MAX_NUMBER,
    RECORD_TYPE_VISA_LABEL,
    IssueLabel,
    Label,
    LabelAct,
    LabelState,
    PrintLabel,
    VisaDecision,
    VisaFile,
    VisaHead,
    VisaOutcome,
    VoidLabel,
)
from appliance.records.cases import CLOSED, Case, Cases
from appliance.records.errors import StorageError
from appliance.records.history import History, Passage, by_visa
from appliance.records.journal import Journal
from appliance.records.visas import Unfit, VisaRow, Visas, WaitingAct
from appliance.rules.on_arrival import within
from appliance.services.lane.duty import Duty
from appliance.services.lane.second_line.roles import CLOSES, role_of
from appliance.services.lane.visa_checks import visa_state
from appliance.travel_document import MrzError, MrzFormat, PartialDate
from appliance.travel_document.visa_label import visa_label_lines

NUMBER: Final = re.compile(rf"[A-Z0-9]{{1,{MAX_NUMBER}}}")
PICTURES: Final = ("portrait", "chip_portrait")
"""For the label, the live one first."""
ISSUED, PRINTED, PRINTED_AGAIN, VOIDED = "issued", "printed", "printed_again", "voided"
_LAPSES: Final = {CaseOutcome.REFUSED: VisaOutcome.REFUSED, CaseOutcome.WITHDRAWN: VisaOutcome.WITHDRAWN}
log = logging.getLogger(__name__)


class VisaDesk:
    """For officers of the second line; its methods look at a disk or a PIN: call them in a thread."""

    def __init__(
        self,
        *,
        visas: Visas,
        cases: Cases,
        duty: Duty,
        journal: Journal,
        clock: Clock,
        history: History | None,
        device: str,
        changed: Callable[[], None],
    ) -> None:
        self.visas = visas
        self._cases = cases
        self._duty = duty
        self._journal = journal
        self._clock = clock
        self._history = history
        self._device = device
        self._changed = changed
        self._opened_by: set[tuple[str, str]] = set()

    @property
    def today(self) -> dt.date:
        """The day as all of the box's checks count it."""
        return max(self._clock.now()[0], self._clock.floor).date()

    # The decision, which is the case's

    def problem(self, movement: Movement, request: CloseCase) -> str:
        """Why this closing does not fit what was applied for; empty: it does."""
        application, grant = movement.visa_application, request.visa
        if grant is None:
            return ""
        if application is None or request.outcome is not CaseOutcome.ADMITTED:
            return "visa_terms"
        expires = _expiry(movement.document)
        return "" if within(application.terms, grant, today=self.today, expires=expires) else "visa_terms"

    def decision(self, movement: Movement, request: CloseCase) -> VisaDecision | None:
        """What the closing says of the application; None where there is none."""
        if movement.visa_application is None:
            return None
        outcome = VisaOutcome.GRANTED if request.visa else _LAPSES.get(request.outcome, VisaOutcome.LAPSED)
        return VisaDecision(outcome=outcome, type=movement.visa_application.terms.type, grant=request.visa)

    def decided(self, case: Case) -> None:
        """The case is closed, here or at another box: the first closing that this box hears of counts.

        Raises:
            StorageError: it is not on disk, and may be said again.
        """
        closing = case.closing
        if closing is None or case.kind is not CaseKind.REFERRED or case.movement.visa_application is None:
            return
        self.visas.applied(case.movement)
        self.visas.decide(
            case.crossing,
            closing.visa or VisaDecision(outcome=VisaOutcome.LAPSED),
            at=closing.stamp.wall,
            officer=closing.officer,
            device=case.closed_at_device,
            item=case.item,
        )
        self._changed()

    def _catch_up(self) -> None:
        """Cases that were closed while this book could not be written."""
        for crossing in self.visas.undecided():
            case = self._cases.case(crossing)
            if case is not None and case.state == CLOSED:
                self.decided(case)

    # For the screen

    def heads(self) -> tuple[VisaHead, ...]:
        """Visas that were granted, those without a label first; nothing for who does not work here.

        Raises:
            StorageError: they cannot be read.
        """
        if role_of(self._duty.officer) is None:
            return ()
        heads = [self._head(row) for row in self.visas.granted()]
        return tuple(sorted(heads, key=lambda one: bool(one.number)))

    def file(self, crossing: str) -> VisaFile | None:
        """A granted visa; that this officer looked at it is a record.

        Raises:
            StorageError: it cannot be read, or the look not be written down: then nothing is shown.
        """
        row = self.visas.row(crossing) if role_of(self._duty.officer) is not None else None
        grant = row.decision.grant if row and row.decision else None
        if row is None or grant is None:
            return None
        look = (self._duty.name, crossing)
        if look not in self._opened_by:
            self._duty.note("visa_opened", crossing=crossing)
            self._opened_by.add(look)
        document = row.document
        return VisaFile(
            head=self._head(row),
            application=row.application,
            grant=grant,
            officer=row.officer,
            post=row.post,
            device=row.decided_device,
            here=row.decided_device == self._device,
            birth_date=document.birth_date,
            sex=document.sex,
            nationality=document.nationality,
            passport_number=document.document_number,
            primary_identifier=document.primary_identifier,
            secondary_identifier=document.secondary_identifier,
            picture=next((one for one in PICTURES if self._cases.picture(crossing, one) is not None), ""),
            labels=self.visas.labels(crossing),
        )

    def _head(self, row: VisaRow) -> VisaHead:
        label, document = self.visas.label(row.crossing), row.document
        grant = row.decision.grant if row.decision else None
        return VisaHead(
            crossing=row.crossing,
            name=f"{document.primary_identifier}, {document.secondary_identifier}".strip(", "),
            document=f"{document.issuing_state} {document.document_number}".strip(),
            granted_at=row.decided_at,
            valid_until=grant.valid_until if grant else "",
            number=label.number if label else "",
        )

    # Labels

    def issue(self, request: IssueLabel) -> OfficerAnswer:
        """Take a blank for a granted visa."""
        number, again = _typed(request.number), _typed(request.number_again)
        if not NUMBER.fullmatch(number):
            return _no("number_wrong")
        if number != again:
            return _no("not_the_same")
        return self._acting(lambda role: self._issue(request.crossing, number, role))

    def _issue(self, crossing: str, number: str, role: Role) -> OfficerAnswer:
        row = self._granted_here(crossing)
        grant = row.decision.grant if row.decision else None
        if grant is None:
            raise Unfit("unknown_visa")
        if self._was_used(number):
            raise Unfit("number_used")
        document, terms = row.document, row.application.terms
        try:
            lines = visa_label_lines(
                MrzFormat(terms.label),
                document_code=terms.document_code,
                issuing_state=terms.issuing_state,
                primary_identifier=document.primary_identifier,
                secondary_identifier=document.secondary_identifier,
                visa_number=number,
                passport_number=document.document_number.replace("<", ""),
                nationality=document.nationality,
                birth_date=document.birth_date,
                sex=document.sex,
                valid_until=dt.date.fromisoformat(grant.valid_until),
                today=self.today,
            )
        except ValueError as error:  # also of terms that another box sent
            log.warning("a label cannot be composed: %s", error)
            raise Unfit("not_representable") from error
        at = self._clock.now()[0].astimezone(dt.UTC).isoformat(timespec="seconds")
        label = Label(number=number, state=LabelState.ISSUED, lines=lines, prints=0, at=at)
        self.visas.issue(crossing, label, self._act(ISSUED, label, crossing, role))
        self._remember_entry(row, label)
        return OfficerAnswer(taken=True)

    def print(self, request: PrintLabel) -> OfficerAnswer:
        """The label goes to the printer; again only with a reason and the PIN."""
        return self._acting(lambda role: self._print(request, role))

    def _print(self, request: PrintLabel, role: Role) -> OfficerAnswer:
        self._granted_here(request.crossing)
        label = self.visas.label(request.crossing)
        if label is None:
            raise Unfit("no_label")
        reason = " ".join(request.reason.split())
        if label.prints:
            refused = self._proven(reason, request.pin)
            if refused is not None:
                return refused
        printed = msgspec.structs.replace(label, prints=label.prints + 1)
        act = self._act(PRINTED_AGAIN if label.prints else PRINTED, printed, request.crossing, role, reason)
        self.visas.printed(request.crossing, printed, act)
        return OfficerAnswer(taken=True)

    def void(self, request: VoidLabel) -> OfficerAnswer:
        """The visa's label, or a spoiled blank, serves no more."""
        number = _typed(request.number)
        if not NUMBER.fullmatch(number):
            return _no("number_wrong")
        return self._acting(lambda role: self._void(request, number, role))

    def _void(self, request: VoidLabel, number: str, role: Role) -> OfficerAnswer:
        self._granted_here(request.crossing)
        reason = " ".join(request.reason.split())
        refused = self._proven(reason, request.pin)
        if refused is not None:
            return refused
        label = self.visas.label(request.crossing)
        theirs = label is not None and label.number == number
        if not theirs and self._was_used(number):
            raise Unfit("number_used")
        if label is None or not theirs:
            at = self._clock.now()[0].astimezone(dt.UTC).isoformat(timespec="seconds")
            label = Label(number=number, state=LabelState.VOID, lines=(), prints=0, at=at)
        label = msgspec.structs.replace(label, state=LabelState.VOID, reason=reason)
        act = self._act(VOIDED, label, request.crossing if theirs else "", role, reason)
        self.visas.void(request.crossing, label, act)
        return OfficerAnswer(taken=True)

    def _acting(self, act: Callable[[Role], OfficerAnswer]) -> OfficerAnswer:
        """Of who works here; its record is written before it is answered, or after by `mend`."""
        role = role_of(self._duty.officer)
        if role is None:
            return _no("not_allowed")
        try:
            answer = act(role)
        except Unfit as error:
            return _no(error.problem)
        except StorageError:
            return _no("storage")
        if answer.taken:
            try:
                self.mend()
            except StorageError as error:  # it stands on disk, and `mend` writes its record
                log.warning("an act on a label waits for its record: %s", error)
            self._changed()
        return answer

    def _proven(self, reason: str, pin: str) -> OfficerAnswer | None:
        if len(reason) < MIN_REASON:
            return _no("no_reason")
        answer = self._duty.proves(self._duty.name, pin, CLOSES)
        return None if answer.taken else answer

    def _granted_here(self, crossing: str) -> VisaRow:
        row = self.visas.row(crossing)
        if row is None or row.decision is None or row.decision.outcome is not VisaOutcome.GRANTED:
            raise Unfit("unknown_visa")
        if row.decided_device != self._device:
            raise Unfit("elsewhere")
        return row

    def _was_used(self, number: str) -> bool:
        """By the book, or, where that had to be begun anew, by the journal."""
        names = (self.visas.record_name(number, act) for act in (ISSUED, VOIDED))
        return self.visas.was_used(number) or any(self._journal.has_record(name) for name in names)

    def _act(self, act: str, label: Label, crossing: str, role: Role, reason: str = "") -> WaitingAct:
        name = self.visas.record_name(
            label.number, act if act in (ISSUED, VOIDED) else f"print/{label.prints}"
        )
        body = LabelAct(
            act=act,
            number=label.number,
            crossing=crossing,
            lines=label.lines if act == ISSUED else (),
            prints=label.prints,
            reason=reason,
            officer=self._duty.name,
            role=role.value,
        )
        return WaitingAct(name=name, act=body, stamp=self._clock.stamp())

    def mend(self) -> None:
        """Acts that are on disk and whose record may not be, and decisions that this book has missed.

        Raises:
            StorageError: the disk still does not answer.
        """
        self._catch_up()
        for id_, waiting in self.visas.waiting_acts():
            body = msgspec.to_builtins(waiting.act)
            self._journal.commit(waiting.name, RECORD_TYPE_VISA_LABEL, body, waiting.stamp)
            self.visas.act_recorded(id_)

    def _remember_entry(self, row: VisaRow, label: Label) -> None:
        """The entry for which it was granted is the visa's first one."""
        if self._history is None:
            return
        passage = Passage(
            crossing=by_visa(row.crossing), direction="entry", at=row.at, outcome=Outcome.ADMITTED.value
        )
        try:
            self._history.add(
                passage,
                issuing_state=visa_state(row.application.terms.issuing_state),
                document_number=label.number,
            )
        except StorageError as error:
            log.warning("a visa's first entry will not be counted: %s", error)


def _expiry(document: DocumentFacts | None) -> dt.date | None:
    """When the passport expires; None where that is not known, or not whole."""
    try:
        return PartialDate.parse(document.expiry_date).as_date() if document else None
    except MrzError:
        return None


def _typed(number: str) -> str:
    return "".join(number.split()).upper()


def _no(problem: str) -> OfficerAnswer:
    return OfficerAnswer(taken=False, problem=problem)
