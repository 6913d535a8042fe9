"""The page as a camera read it: what is checked of it, what is kept, and what the officer is told."""

import asyncio
import datetime as dt

import pytest

from appliance.contracts.capture import MrzEvidence, PageHint, WatchPage
from appliance.contracts.checks import CHECKS, Direction, Verdict
from appliance.contracts.errors import ServiceError
from appliance.contracts.movement import Stamp
from appliance.services.lane import page_guide
from appliance.services.lane.assessment import page_of, simulated_kinds
from appliance.services.lane.checks import page_checks
from appliance.services.lane.page_guide import PageGuide
from appliance.services.lane.workflow import DocumentRead, Started, decode, encode, fold
from appliance.travel_document import parse_mrz

TODAY = dt.date(2026, 11, 2)
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall="2026-11-02T08:00:00+00:00", quality="nts")
# The specimen of ICAO Doc 9303-4, appendix B.
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
OTHER = (LINES[0].replace("ANNA", "OLGA"), LINES[1])


def camera(lines=LINES, **more) -> MrzEvidence:
    return MrzEvidence(lines=lines, source="camera", device="c", simulated=True, page=b"\xff\xd8page", **more)


def line_reader(lines=LINES, **more) -> MrzEvidence:
    return MrzEvidence(lines=lines, source="mrz_line", device="d", simulated=False, **more)


def state_of(evidence: MrzEvidence):
    started = Started(crossing="c", direction=Direction.ENTRY, stamp=STAMP)
    return fold([started, decode(encode(DocumentRead(evidence=evidence)))])


def checks_of(evidence: MrzEvidence):
    found = list(page_checks(state_of(evidence), parse_mrz(evidence.lines, today=TODAY), today=TODAY))
    assert all(check.reason in CHECKS[check.id] for check in found)
    return {check.id: check for check in found}


def test_ok__a_line_reader_alone_adds_nothing() -> None:
    assert checks_of(line_reader()) == {}


def test_ok__legible() -> None:
    assert checks_of(camera())["mrz.legibility"].verdict is Verdict.PASS


def test_ok__doubtful_places_are_named() -> None:
    check = checks_of(camera(uncertain=((0, 5), (0, 9))))["mrz.legibility"]
    assert (check.verdict, check.reason) == (Verdict.CANNOT, "uncertain_characters")
    assert check.evidence["places"] == [[0, 5], [0, 9]]


def test_ok__two_sources_agree() -> None:
    check = checks_of(line_reader(others=(camera(),)))["mrz.sources_agree"]
    assert (check.verdict, check.evidence["sources"]) == (Verdict.PASS, ["mrz_line", "camera"])


def test_fail__two_sources_differ() -> None:
    check = checks_of(line_reader(others=(camera(OTHER),)))["mrz.sources_agree"]
    assert (check.verdict, check.reason) == (Verdict.FAIL, "different")
    assert "secondary_identifier" in check.evidence["fields"]


def test_fail__what_the_other_source_read_is_no_mrz() -> None:
    check = checks_of(line_reader(others=(camera(("A", "B")),)))["mrz.sources_agree"]
    assert (check.verdict, check.reason) == (Verdict.CANNOT, "not_an_mrz")


def test_ok__the_page_is_kept_whichever_source_was_first() -> None:
    assert page_of(state_of(camera())) == b"\xff\xd8page"
    assert page_of(state_of(line_reader(others=(camera(),)))) == b"\xff\xd8page"
    assert page_of(state_of(line_reader())) is None
    assert page_of(fold([])) is None


def test_ok__what_is_simulated_is_told_by_its_kind() -> None:
    assert simulated_kinds(state_of(camera())) == ("camera",)
    assert simulated_kinds(state_of(line_reader(others=(camera(),)))) == ("camera",)
    assert simulated_kinds(state_of(line_reader())) == ()


class Hints:
    """A capture that gives these words, an error among them, and then no more."""

    def __init__(self, *words) -> None:
        self.words = list(words)

    async def watch_page(self, request: WatchPage) -> PageHint:
        if not self.words:
            await asyncio.get_running_loop().create_future()
        word = self.words.pop(0)
        if isinstance(word, Exception):
            raise word
        return PageHint(revision=request.after + 1, hint=word)


def test_ok__the_hint_is_followed_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_guide, "RETRY_SECONDS", 0.01)
    seen: list[str | None] = []

    async def follow() -> None:
        words = ("closer", "closer", ServiceError("unreachable", "Away."), "glare")
        guide = PageGuide(Hints(*words), lambda: seen.append(guide.hint))
        async with guide.following():
            async with asyncio.timeout(5):
                while guide.hint != "glare":
                    await asyncio.sleep(0.01)
        assert guide.hint is None

    asyncio.run(follow())
    assert seen == ["closer", "glare", None]
