"""UN/EDIFACT PAXLST, the passenger list of the WCO/IATA/ICAO API guidelines, as lines of an advance list.

Syntax: ISO 9735 version 4, read by pydifact's tokenizer and the step of its parser that makes segments of
tokens. The rest of the library is left alone: its Parser.parse takes service characters from the middle of a
text, its factory looks for files under the syntax version that a message names, and nothing there is bounded.
So the text is measured and cut here, and the library gets one segment at a time, with service characters that
were looked at.
"""

import datetime as dt
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from appliance.contracts.advance import MAX_PERSONS, AdvanceLine
from appliance.contracts.typed import MAX_FIELD

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_SEGMENTS: Final = 100_000
"""Of all messages; a person has about ten. Ends that are released count too."""
MAX_SEGMENT: Final = 4096
"""Characters; ISO 9735 repeats no element so often in these segments."""
MAX_PARTS: Final = 400_000
"""Elements and components of all messages; a person has about sixty. Each costs memory, even an empty one."""
DEFAULT: Final = ":+.? '"
"""The service characters where no UNA says others: of components, elements, decimals, release, repetition,
segments."""
TRAVELLERS: Final = {"FL": "passenger", "DDU": "passenger", "FM": "crew", "DDT": "crew"}
"""Party function (3035) to role; the others are the carrier's office."""
KINDS: Final = {"2": "train", "3": "bus"}
"""Mode of transport (8067): rail, road."""
CREW_LIST: Final = "250"
"""Document name (1001) of a crew's list; 745 is the passengers'."""
BIRTH, EXPIRY, ARRIVAL, DEPARTURE = "329", "36", "232", "189"
"""Date or time functions (2005)."""
ISSUER, FROM, TO = "91", "125", "87"
"""Place functions (3227): issuing state, departure of the last leg, arrival."""
VISAS: Final = ("V",)
_DATES: Final = {"101": "%y%m%d", "102": "%Y%m%d", "201": "%y%m%d%H%M", "203": "%Y%m%d%H%M"}
"""Date formats (2379)."""
_TAG: Final = re.compile(r"[A-Z]{3}")


class PaxlstError(ValueError):
    """This is no PAXLST that can be used; one plain sentence."""


Segment = tuple[str, tuple[tuple[str, ...], ...]]
"""A tag, and its elements, each of components."""


@dataclass(slots=True)
class _Message:
    """What is said of the list, until its first person."""

    reference: str = ""
    kind: str = ""
    crew: bool = False
    places: dict[str, str] = field(default_factory=dict)
    moments: dict[str, dt.datetime] = field(default_factory=dict)
    plate: str = ""
    said: int | None = None
    """How many people the message says that it has (CNT+42 or 41)."""


def read_paxlst(data: bytes, *, direction: str, kind: str = "") -> list[AdvanceLine]:
    """A line a person, numbered from 1. The message does not say which way its people cross the border here:
    `direction` does, and `kind` what comes where its TDT names neither rail nor road.

    Raises:
        PaxlstError: it is no PAXLST, is cut short, too long, or does not say when or what comes.
    """
    if len(data) > MAX_BYTES:
        raise PaxlstError(f"The message is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    lines: list[AdvanceLine] = []
    for message in _messages(segments(data.decode("utf-8", "replace"))):
        lines += _people(message, direction, kind, first=len(lines) + 1)
        if len(lines) > MAX_PERSONS:
            raise PaxlstError(f"The interchange lists more than {MAX_PERSONS} people.")
    if not lines:
        raise PaxlstError("The interchange holds no PAXLST with a person in it.")
    return lines


def looks_like_edifact(data: bytes) -> bool:
    """Whether a file begins as an interchange does."""
    return data.lstrip()[:4] in (b"UNB+",) or data.lstrip()[:3] == b"UNA"


def segments(text: str) -> Iterator[Segment]:
    """The segments of an interchange, in their order. Ends of lines say nothing, wherever they stand.

    Raises:
        PaxlstError: what stands there is none, is too long, or ends in the middle.
    """
    from pydifact import Characters, Parser, Tokenizer  # most days bring no EDIFACT: not at the box's start

    text = text.strip(string.whitespace)
    service = _service(text)
    if text.startswith("UNA"):
        text = text[9:]
    text = text.replace("\r", "").replace("\n", "")
    if text.count(service[0]) + text.count(service[1]) > MAX_PARTS:
        raise PaxlstError(f"It has more than {MAX_PARTS} elements.")
    if text.count(service[5]) > MAX_SEGMENTS:
        raise PaxlstError(f"It has more than {MAX_SEGMENTS} segments.")
    characters, parser = Characters.from_str(service), Parser()
    for one in _cut(text, release=service[3], end=service[5]):
        try:
            found = list(parser.convert_tokens_to_raw_segments(Tokenizer().get_tokens(one, characters)))
        except Exception as error:  # whatever the library says of a stranger's text
            raise PaxlstError("A segment cannot be read.") from error
        yield _segment(found)


def _service(text: str) -> str:
    """The six characters of its UNA, or those that count where there is none."""
    if not text.startswith("UNA"):
        return DEFAULT
    service = text[3:9]
    used = service[:4] + service[5:]
    if len(service) != 6 or len(set(used)) != 5:
        raise PaxlstError("Its UNA names no service characters.")
    # ISO 9735-1 version 4 takes no space either, but for the repetition, where older versions have one
    if any(one.isalnum() for one in service) or set(used) & set(string.whitespace):
        raise PaxlstError("Its UNA names no service characters.")
    return service


def _cut(text: str, *, release: str, end: str) -> Iterator[str]:
    """Each segment as it stands, with its end; a released character ends none."""
    start = 0
    for found in re.finditer(f"{re.escape(release)}.|{re.escape(end)}", text, re.DOTALL):
        if found.end() - start > MAX_SEGMENT:
            break
        if found[0] == end:
            yield text[start : found.end()]
            start = found.end()
    if len(text) - start > MAX_SEGMENT:
        raise PaxlstError(f"A segment is longer than {MAX_SEGMENT} characters.")
    if start < len(text):
        raise PaxlstError("It ends in the middle of a segment: it was cut short.")


def _segment(found: list[list[str | list[str]]]) -> Segment:
    """The library's one segment, of strings and of lists of them; it has none where only an end stands."""
    tag, *elements = [[one] if isinstance(one, str) else one for one in found[0]] if found else [[""]]
    name = tag[0].strip()
    if not _TAG.fullmatch(name):
        raise PaxlstError("What stands where a segment's tag should be is none.")
    return name, tuple(tuple(one.strip() for one in components) for components in elements)


def _messages(found: Iterator[Segment]) -> Iterator[list[Segment]]:
    """The segments of each PAXLST between its UNH and UNT, whose count must be theirs."""
    message: list[Segment] | None = None
    wanted = ended = False
    for tag, elements in found:
        if tag == "UNH":
            if message is not None:
                raise PaxlstError("A message begins before the one before it has ended.")
            message, wanted = [], _at(elements, 1) == "PAXLST"
        elif tag == "UNT":
            if message is None:
                raise PaxlstError("A message ends that has not begun.")
            if wanted and _at(elements, 0) != str(len(message) + 2):
                raise PaxlstError("A message has another number of segments than it says: it was cut short.")
            if wanted:
                yield message
            message = None
        elif message is not None:
            message.append((tag, elements))
        ended = tag == "UNZ"
    if message is not None or not ended:
        raise PaxlstError("The interchange has no end: it was cut short.")


def _people(message: list[Segment], direction: str, kind: str, *, first: int) -> list[AdvanceLine]:
    head, people = _Message(), list[dict[str, str]]()
    person: dict[str, str] | None = None
    for tag, elements in message:
        if tag == "NAD":
            role = TRAVELLERS.get(_at(elements, 0))
            person = None if role is None else {"role": role, **_name(elements)}
            if person is not None:
                people.append(person)
        elif tag == "CNT" and _at(elements, 0) in ("41", "42"):
            head.said = int(_at(elements, 0, 1)) if _at(elements, 0, 1).isdecimal() else None
            person = None
        elif person is not None:
            _of_person(person, tag, elements)
        elif not people:
            _of_list(head, tag, elements)
    if head.said is not None and head.said != len(people):
        raise PaxlstError(f"It says that it lists {head.said} people, and lists {len(people)}.")
    shared = _shared(head, direction, kind)
    return [
        msgspec.convert(
            {
                "number": number,
                **{name: said[:MAX_FIELD] for name, said in (shared | one).items() if name in _KNOWN},
            },
            AdvanceLine,
        )
        for number, one in enumerate(people, first)
    ]


_KNOWN: Final = frozenset(AdvanceLine.__struct_fields__)


def _shared(head: _Message, direction: str, kind: str) -> dict[str, str]:
    """What stands on every line of a list."""
    moment = head.moments.get(ARRIVAL) or head.moments.get(DEPARTURE)
    if moment is None:
        raise PaxlstError("It does not say when it comes (DTM+232 or DTM+189, with a time).")
    kind = kind or ("crew" if head.crew else head.kind)
    if not kind:
        raise PaxlstError("Its TDT names neither rail nor road: say --kind bus, train or crew.")
    return {
        "list": head.reference,
        "kind": kind,
        "direction": direction,
        "route": " - ".join(filter(None, (head.places.get(FROM), head.places.get(TO)))),
        "expected_date": moment.date().isoformat(),
        "expected_time": moment.strftime("%H:%M"),
        "plate": head.plate,
    }


def _of_list(head: _Message, tag: str, elements: tuple[tuple[str, ...], ...]) -> None:
    """What one segment before the first person says."""
    if tag == "BGM":
        head.crew = _at(elements, 0) == CREW_LIST
    elif tag == "TDT" and _at(elements, 0) == "20":
        head.reference, head.kind = _at(elements, 1), KINDS.get(_at(elements, 2), "")
        head.plate = _at(elements, 7)
    elif tag == "LOC":
        head.places.setdefault(_at(elements, 0), _at(elements, 1))
    elif tag == "DTM" and _at(elements, 0, 2) in ("201", "203"):
        moment = _moment(elements)
        if moment is not None:
            head.moments[_at(elements, 0)] = moment


def _of_person(person: dict[str, str], tag: str, elements: tuple[tuple[str, ...], ...]) -> None:
    """What one segment of a person's group says; of several documents the first that is no visa counts."""
    what, said = _at(elements, 0), _at(elements, 1)
    if tag == "ATT" and what == "2":
        person["sex"] = {"M": "M", "F": "F"}.get(_at(elements, 2), "X" if _at(elements, 2) else "")
    elif tag == "NAT":
        person.setdefault("nationality", said)
    elif tag == "RFF" and what == "SEA":
        person["seat"] = _at(elements, 0, 1)
    elif tag == "DOC":
        person["_in"] = "" if what[:1] in VISAS or "document_number" in person else "document"
        if person["_in"]:
            person |= {"document_number": said, "document_code": _kind_of(what)}
    elif tag == "LOC" and what == ISSUER and person.get("_in"):
        person.setdefault("issuing_state", said)
    elif tag == "DTM" and what in (BIRTH, EXPIRY):
        field_ = "birth_date" if what == BIRTH else "expiry_date"
        if what == BIRTH or person.get("_in"):
            person.setdefault(field_, _day(elements, past=what == BIRTH))


def _kind_of(code: str) -> str:
    """Doc 9303's first letter, for the guidelines' document codes."""
    return code[:1] if code[:1] in ("P", "I") else "I" if code[:1] in ("A", "C") else "O" if code else ""


def _name(elements: tuple[tuple[str, ...], ...]) -> dict[str, str]:
    """C080: the primary identifier, then the parts of the secondary."""
    parts = elements[3] if len(elements) > 3 else ("",)
    return {
        "primary_identifier": parts[0],
        "secondary_identifier": " ".join(one for one in parts[1:3] if one),
    }


def _day(elements: tuple[tuple[str, ...], ...], *, past: bool) -> str:
    """ISO 8601; what is no date stays as it is, so that its line says so.

    Two digits of a year say no century: nobody is born in the future, and no document lasts fifty years.
    """
    moment, text = _moment(elements), _at(elements, 0, 1)
    if moment is None:
        return text
    today, century = dt.datetime.now(dt.UTC).date(), 100 if len(text) == 6 else 0
    day = moment.date()
    latest = today if past else today.replace(year=today.year + 50, day=1)
    if century and day > latest:
        day = _years(day, -century)
    elif century and _years(day, century) <= latest:
        day = _years(day, century)
    return day.isoformat()


def _years(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February of a year that has none
        return day.replace(year=day.year + years, day=28)


def _moment(elements: tuple[tuple[str, ...], ...]) -> dt.datetime | None:
    text, said = _at(elements, 0, 1), _at(elements, 0, 2)
    format_ = _DATES.get(said) or {6: "%y%m%d", 8: "%Y%m%d"}.get(len(text))
    if format_ is None or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return dt.datetime.strptime(text, format_)  # noqa: DTZ007 - the post's own time
    except ValueError:
        return None


def _at(elements: tuple[tuple[str, ...], ...], element: int, component: int = 0) -> str:
    """A component, empty where it is left out."""
    parts = elements[element] if element < len(elements) else ()
    return parts[component] if component < len(parts) else ""
