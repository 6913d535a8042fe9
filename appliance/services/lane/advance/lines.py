"""A line of an advance list held against code lists, calendar and alphabet, field by field. Pure."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from appliance.contracts.advance import KINDS, LISTED_ROLES, AdvanceLine, AdvanceList
from appliance.contracts.checks import Direction
from appliance.contracts.typed import DOCUMENT_CODES
from appliance.screening.dates import BirthDate, DateError
from appliance.services.lane.typed_entry import read_number
from appliance.travel_document import MrzError, PartialDate, is_known_code, transliterate
from appliance.travel_document.codes import can_issue

MAX_AHEAD: Final = dt.timedelta(days=31)
"""A list for later than that has a slip in its date, and would be kept for as long."""
_SEXES: Final = ("", "M", "F", "X")


@dataclass(frozen=True, slots=True)
class Read:
    """A line without mistakes."""

    list: AdvanceList
    person: str
    """Hexadecimal: the same for the same person on the same list, whatever spaces and capitals."""
    coach: str
    seat: str
    role: str
    document_code: str
    issuing_state: str
    document_number: str
    primary_identifier: str
    secondary_identifier: str
    """In the MRZ's alphabet, as a document says them."""
    nationality: str
    birth_date: str
    sex: str
    expiry_date: str


def read_line(
    line: AdvanceLine, *, post: str, now: dt.datetime, keep: dt.timedelta
) -> tuple[Read | None, dict[str, str]]:
    """The line, or what is wrong with it. `keep` is how long after its time a list is still wanted.

    A document's number may be missing, a birth date too; without either nobody could be known again.
    """
    form = _Form(line)
    moment = form.moment(now, keep)
    kind, direction = form.choice("kind", KINDS), form.choice("direction", tuple(Direction))
    reference = form.text("list")
    if not reference:
        form.problems["list"] = "missing"
    number, state = form.document()
    primary, secondary = form.name("primary_identifier"), form.name("secondary_identifier")
    if not primary and "primary_identifier" not in form.problems:
        form.problems["primary_identifier"] = "missing"
    birth = form.birth_date(now.date())
    if not number and (len(birth) != 10 or "?" in birth) and "birth_date" not in form.problems:
        form.problems.setdefault("document_number", "missing")
    role = form.choice("role", ("", *LISTED_ROLES)) or ("crew" if kind == "crew" else "passenger")
    rest = {
        "document_code": form.choice("document_code", ("", *DOCUMENT_CODES)),
        "nationality": form.code("nationality"),
        "sex": form.choice("sex", _SEXES),
        "expiry_date": form.day("expiry_date"),
    }
    plate, plate_state = form.plate()
    if form.problems or moment is None:
        return None, form.problems
    expected = moment.astimezone(dt.UTC).isoformat(timespec="seconds")
    list_ = AdvanceList(
        id=_name_of(post, reference, kind, direction, expected),
        reference=reference,
        kind=kind,
        route=form.text("route"),
        direction=direction,
        expected=expected,
        plate=plate,
        plate_state=plate_state,
    )
    return Read(
        list=list_,
        person=_name_of(list_.id, state, number, primary, secondary, birth),
        coach=form.text("coach"),
        seat=form.text("seat"),
        role=role,
        issuing_state=state,
        document_number=number,
        primary_identifier=primary,
        secondary_identifier=secondary,
        birth_date=birth,
        **rest,
    ), {}


class _Form:
    """One look at a line; `problems` collects what is wrong with it."""

    def __init__(self, line: AdvanceLine) -> None:
        self._line = line
        self.problems: dict[str, str] = {}

    def text(self, field: str) -> str:
        return " ".join(getattr(self._line, field).split())

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        said = self.text(field)
        fits = next((one for one in allowed if one.upper() == said.upper()), None)
        if fits is None:
            self.problems[field] = "choose"
        return fits or ""

    def code(self, field: str) -> str:
        code = self.text(field).upper()
        if code and not is_known_code(code):
            self.problems[field] = "unknown_code"
        return code

    def document(self) -> tuple[str, str]:
        """Number and issuing state: both, or neither."""
        state = self.code("issuing_state")
        if state and not can_issue(state):
            self.problems.setdefault("issuing_state", "not_an_issuer")
        number, problem = read_number(self._line.document_number)
        if not self._line.document_number.strip():
            return "", state
        if problem:
            self.problems["document_number"] = problem
        if not state:
            self.problems.setdefault("issuing_state", "missing")
        return number, state

    def name(self, field: str) -> str:
        typed = self.text(field)
        try:
            latin = transliterate(typed).replace("<", " ").strip()
        except MrzError:
            latin = ""
        if typed and not latin:
            self.problems[field] = "no_letters"
        return latin

    def birth_date(self, today: dt.date) -> str:
        """Whole or in part; empty where the carrier did not ask."""
        typed = self.text("birth_date")
        if not typed:
            return ""
        try:
            born = BirthDate.parse(typed)
            if dt.date(born.year or 4, born.month or 1, born.day or 1) > today:
                self.problems["birth_date"] = "in_future"
        except (DateError, ValueError):
            self.problems["birth_date"] = "not_a_date"
            return ""
        return str(PartialDate(born.year, born.month, born.day))

    def day(self, field: str) -> str:
        typed = self.text(field)
        if not typed:
            return ""
        try:
            return dt.date.fromisoformat(typed).isoformat()
        except ValueError:
            self.problems[field] = "not_a_date"
            return ""

    def plate(self) -> tuple[str, str]:
        state = self.code("plate_state")
        if not self.text("plate"):
            return "", state
        plate, problem = read_number(self._line.plate)
        if problem:
            self.problems["plate"] = problem
        return plate, state

    def moment(self, now: dt.datetime, keep: dt.timedelta) -> dt.datetime | None:
        """Day and time on the post's own clock."""
        time: dt.time | None = None
        try:
            time = dt.datetime.strptime(self.text("expected_time"), "%H:%M").time()  # noqa: DTZ007 - the post's
        except ValueError:
            self.problems["expected_time"] = "not_a_time" if self.text("expected_time") else "missing"
        try:
            day = dt.date.fromisoformat(self.text("expected_date"))
            moment = dt.datetime.combine(day, time or dt.time()).astimezone()
        except (OverflowError, ValueError, OSError):
            self.problems["expected_date"] = "not_a_date" if self.text("expected_date") else "missing"
            return None
        if moment + keep <= now:
            self.problems["expected_date"] = "too_old"
        elif moment - MAX_AHEAD > now:
            self.problems["expected_date"] = "too_early"
        return None if time is None else moment


def same_list(one: AdvanceList, other: AdvanceList) -> bool:
    """Whether two lines say the same of their list, the counts apart."""
    blank = {"persons": 0, "came": 0, "perhaps": 0, "ended": False}
    return msgspec.structs.replace(one, **blank) == msgspec.structs.replace(other, **blank)


def _name_of(*parts: str) -> str:
    plain = "\0".join(" ".join(one.upper().split()) for one in parts)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:32]
