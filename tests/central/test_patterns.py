"""The three rules, each with a case that it finds and one beside it that it does not."""

import datetime as dt
import json

import pytest
from central_common import DOCUMENT, STAMP, take
from msgspec.structs import replace

from appliance.contracts.checks import Check, Direction, Verdict
from central.cli import main
from central.intelligence.patterns import RULES, Trace, _tail, find_patterns

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def trace(day: float, direction: str, person: str = "p", post: str = "North", **changes) -> Trace:
    moment = NOW - dt.timedelta(days=40) + dt.timedelta(days=day)
    name = f"{person}-{day}-{direction}"
    values = {
        "crossing": name,
        "record": f"box/{name}",
        "person": person,
        "document": f"doc-{person}",
        "direction": direction,
        "moment": moment.isoformat(),
        "post": post,
    }
    return Trace(**(values | changes))


def trips(count: int, hours: float, every: float, person: str = "p") -> list[Trace]:
    return [
        one
        for number in range(count)
        for one in (
            trace(number * every, "entry", person),
            trace(number * every + hours / 24, "exit", person),
        )
    ]


def test_ok__the_rules_see_nothing_they_must_not_go_by() -> None:
    assert set(Trace.__struct_fields__) == {
        *("crossing", "record", "person", "document", "direction", "moment", "post", "face"),
    }
    assert {rule.id for rule in RULES} == {
        *("repeated_short_trips", "one_document_several_faces", "sudden_routes"),
    }
    for rule in RULES:
        assert rule.innocent


def test_ok__repeated_short_trips() -> None:
    (finding,) = find_patterns(trips(5, hours=5, every=2), now=NOW)
    assert finding.rule.id == "repeated_short_trips"
    assert finding.sentence.startswith("5 stays of at most 24 hours")
    assert len(finding.records) == 10
    assert find_patterns(trips(3, hours=5, every=2), now=NOW) == ()  # too few
    assert find_patterns(trips(5, hours=30, every=2), now=NOW) == ()  # not short
    assert find_patterns(trips(5, hours=5, every=6), now=NOW) == ()  # not within two weeks
    two = [*trips(2, 5, 2, "p"), *trips(2, 5, 2, "q")]
    assert find_patterns(two, now=NOW) == ()  # not one person's


def test_ok__only_the_window_with_the_most_is_told() -> None:
    early, late = trips(2, 5, 2), [replace(one, crossing="l" + one.crossing) for one in trips(4, 5, 2)]
    later = [replace(one, moment=one.moment.replace("2026-10", "2026-11")) for one in late]
    (finding,) = find_patterns([*early, *later], now=NOW)
    assert len(finding.records) == 8


@pytest.mark.parametrize(
    ("faces", "is_found"),
    [
        (["PASS same_person", "FAIL not_alike"], True),
        (["FAIL not_alike", "FAIL not_alike"], True),
        (["FAIL not_alike"], False),
        (["PASS same_person", "PASS same_person"], False),
        (["FAIL not_alike", "CANNOT no_face"], False),
    ],
)
def test_ok__one_document_and_several_faces(faces, is_found) -> None:
    traces = [trace(number * 3, "entry", face=face) for number, face in enumerate(faces)]
    found = find_patterns(traces, now=NOW)
    assert [one.rule.id for one in found] == (["one_document_several_faces"] if is_found else [])


def test_ok__one_document_with_several_names() -> None:
    traces = [trace(0, "entry", "p", document="d"), trace(9, "entry", "q", document="d")]
    (finding,) = find_patterns(traces, now=NOW)
    assert "read with 2 different names" in finding.sentence
    assert len(finding.records) == 2
    assert find_patterns([replace(one, document=None) for one in traces], now=NOW) == ()


def route(count: int, begin: float, posts: tuple[str, str], tag: str) -> list[Trace]:
    return [
        one
        for number in range(count)
        for one in (
            trace(begin + number / 1000, "entry", f"{tag}{number}", posts[0]),
            trace(begin + 2 + number / 1000, "exit", f"{tag}{number}", posts[1]),
        )
    ]


def test_ok__a_sudden_route() -> None:
    usual = route(300, 10, ("North", "North"), "u") + route(30, 36, ("North", "North"), "n")
    assert find_patterns(usual, now=NOW) == ()
    (finding,) = find_patterns([*usual, *route(15, 36, ("North", "South"), "s")], now=NOW)
    assert finding.rule.id == "sudden_routes"
    assert finding.sentence.startswith("15 persons from North to South")
    assert len(finding.records) == 30
    assert find_patterns([*usual, *route(6, 36, ("North", "South"), "s")], now=NOW) == ()  # too few
    busier = route(300, 10, ("North", "North"), "u") + route(100, 36, ("North", "North"), "n")
    assert find_patterns(busier, now=NOW) == ()  # all traffic grew, no route did


def test_ok__one_person_many_times_is_no_route() -> None:
    usual = route(300, 10, ("North", "North"), "u") + route(30, 36, ("North", "North"), "n")
    often = [
        one
        for number in range(12)
        for one in (
            trace(34 + number / 5, "entry", "p", "North"),
            trace(34.1 + number / 5, "exit", "p", "South"),
        )
    ]
    assert [one.rule.id for one in find_patterns([*usual, *often], now=NOW)] == ["repeated_short_trips"]


def test_ok__the_poisson_tail() -> None:
    assert _tail(0, 3) == 1.0
    assert abs(_tail(3, 1.0) - 0.0803014) < 1e-6  # 1 - 5/(2e)
    assert _tail(1, 0.0) == 0.0


def test_ok__from_records_to_findings(either, keys, make_box, capsys) -> None:
    box = make_box()
    box.register(either)
    check = Check(id="face.comparison", verdict=Verdict.FAIL, reason="not_alike")
    now = dt.datetime.now(dt.UTC)
    for number in range(2):
        wall = (now - dt.timedelta(days=number)).isoformat()
        box.cross(f"c{number}", decided=replace(STAMP, wall=wall), checks=(check,), simulated=())
    play = replace(DOCUMENT, primary_identifier="PLAY")
    box.cross("s", checks=(check,), document=play, direction=Direction.EXIT)
    take(either, keys, "box-1", *box.envelopes())
    arguments = ["patterns", "--database", either.database, "--by", "analyst", "--purpose", "weekly look"]
    assert main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["rule"]["id"] == "one_document_several_faces"
    assert found["records"] == [f"box-1/{box.epoch}/1", f"box-1/{box.epoch}/2"]
    assert main(arguments) == 0
    assert "children grow" in capsys.readouterr().out
    assert main(["patterns", "--database", either.database]) == 2  # nobody looks without who and why
    assert "Say who" in capsys.readouterr().err
    assert main(["rights", "journal", "--database", either.database, "--json"]) == 0
    assert [row["action"] for row in json.loads(capsys.readouterr().out)["entries"]] == ["patterns"] * 2
    assert main(["patterns", "--rules", "--database", either.database]) == 0
    assert "Poisson" in capsys.readouterr().out
