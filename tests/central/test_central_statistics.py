"""Statistics in central: columns, views, coverage, frozen releases; on either database."""

import csv
import datetime as dt
import json

import pytest
import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, take
from msgspec.structs import replace

from appliance.contracts.checks import Check, Direction, Verdict
from appliance.contracts.movement import Stated
from appliance.records.statistics.report import Choice, make_report
from central.cli import main
from central.statistics import releases, views
from central.statistics.coverage import CannotTell, coverage, tell_paper
from central.statistics.releases import CannotRelease
from central.statistics.tables import read_facts
from central.store import Store
from central.tables import SETTINGS

STATES = ["UTO"] * 12 + ["D"] * 8 + ["FRA"] * 3


def at(day: int, hour: int):
    return replace(STAMP, wall=f"2026-10-{day:02}T{hour:02}:30:00.000+00:00")


@pytest.fixture
def filled(either, keys, make_box):
    """23 people in, 20 out again, at two posts; and a simulated one."""
    box = make_box()
    box.register(either)
    missed = Check(id="chip.read", verdict=Verdict.CANNOT, reason="no_chip")
    hit = Check(id="watchlist.person", verdict=Verdict.FAIL, reason="possible_match")
    for number, state in enumerate(STATES):
        who = replace(DOCUMENT, primary_identifier=f"N{number}", nationality=state)
        box.cross(
            f"in{number}",
            document=who,
            decided=at(3, 8 + number % 2),
            simulated=(),
            post="North",
            checks=(missed, hit) if number < 6 else (),
            stated=Stated(purpose="work", intended_stay_days=10),
            not_same=("pair",) if number < 5 else (),
        )
        if number < 20:
            box.cross(
                f"out{number}",
                document=who,
                decided=at(9, 10),
                simulated=(),
                post="South",
                direction=Direction.EXIT,
            )
    box.cross("play")
    take(either, keys, "box-1", *box.envelopes())
    return box


def one(store: Store, query: str):
    with store.reading() as batch:
        return batch.connection.execute(sa.text(query)).all()


def test_ok__the_facts_come_back_as_they_went_in(either, filled) -> None:
    with either.reading() as batch:
        facts = {each.crossing: each for each in read_facts(batch.connection)}
        assert len(read_facts(batch.connection, since="2026-10-05", until="2026-10-10")) == 20
    assert len(facts) == 44
    first = facts["in0"]
    assert (first.nationality, first.purpose, first.intended_stay_days, first.false_hits) == (
        "UTO",
        "work",
        10,
        1,
    )
    assert [(each.check, each.reason) for each in first.missed] == [("chip.read", "no_chip")]
    assert [each.reason for each in first.hits] == ["possible_match"]
    assert first.person == facts["out0"].person != facts["in1"].person


def test_ok__the_views_count(either, filled) -> None:
    by_state = (
        "SELECT nationality, crossings, persons FROM statistics_by_nationality WHERE direction = 'entry'"
    )
    assert sorted(map(tuple, one(either, by_state))) == [("D", 8, 8), ("FRA", 3, 3), ("UTO", 12, 12)]
    by_hour = "SELECT hour, sum(crossings) FROM statistics_by_post_and_hour GROUP BY hour ORDER BY hour"
    assert [(hour, int(number)) for hour, number in one(either, by_hour)] == [
        ("08", 12),
        ("09", 11),
        ("10", 20),
    ]
    hits = "SELECT hits, false_hits, referred FROM statistics_hits"
    assert [tuple(int(part) for part in row) for row in one(either, hits)] == [(6, 5, 0)]
    stays = "SELECT state, entry_post, exit_post, stays FROM statistics_stays ORDER BY state"
    assert [tuple(row) for row in one(either, stays)] == [
        *(("complete", "North", "South", 20), ("open", "North", None, 3)),
    ]
    for name in views.VIEWS:
        one(either, f"SELECT * FROM {name}")


def test_ok__another_version_s_views_are_made_anew(database) -> None:
    Store(database).close()
    store = Store(database)
    with store.batch() as batch:
        batch.connection.execute(sa.text("DROP VIEW statistics_hits"))
        batch.connection.execute(sa.text("CREATE VIEW statistics_hits AS SELECT 1 AS old"))
        batch.connection.execute(sa.update(SETTINGS).where(SETTINGS.c.name == "views").values(value="old"))
    store.close()
    store = Store(database)
    assert one(store, "SELECT hits FROM statistics_hits") == []
    store.close()


def test_ok__coverage_and_paper(either, filled) -> None:
    with either.batch() as batch:
        tell_paper(
            batch.connection, post="North", day=dt.date(2026, 10, 4), direction="entry", crossings=31, by="P"
        )
        tell_paper(
            batch.connection, post="North", day=dt.date(2026, 10, 5), direction="entry", crossings=9, by="P"
        )
        tell_paper(
            batch.connection, post="North", day=dt.date(2026, 11, 5), direction="entry", crossings=9, by="P"
        )
        days = {"first_day": dt.date(2026, 10, 3), "last_day": dt.date(2026, 10, 9)}
        hours, paper = coverage(batch.connection, **days, zone=dt.UTC)
    ((_post, device, total, recorded, heard, silent),) = hours.rows
    # From the first crossing on: 16 hours of the third, and six whole days.
    assert (device, total, recorded, heard, silent) == ("box-1", 16 + 6 * 24, 3, 0, 16 + 6 * 24 - 3)
    assert paper.rows == (("North", "entry", 2, 40),)


def test_ok__lines_of_a_ledger_are_counted_and_no_box_was_at_work_for_them(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    paper = Check(id="mrz.read", verdict=Verdict.NOT_DONE, reason="paper")
    for number in range(6):
        by_hand = replace(at(4, 9), boot_id="paper", monotonic_ns=0, quality="unsure")
        box.cross(
            f"paper{number}", started=by_hand, decided=by_hand, simulated=(), post="North", checks=(paper,)
        )
    box.cross("read", decided=at(4, 12), simulated=(), post="North")
    take(either, keys, "box-1", *box.envelopes())
    days = {"first_day": dt.date(2026, 10, 4), "last_day": dt.date(2026, 10, 4)}
    with either.reading() as batch:
        facts = read_facts(batch.connection)
        hours, _told = coverage(batch.connection, **days, zone=dt.UTC)
    assert [row[3] for row in hours.rows] == [1], "one hour with a crossing, not two"
    assert [one.handling_seconds for one in facts if one.crossing.startswith("paper")] == [None] * 6
    report = make_report(facts, Choice(zone="UTC", **days), made_at="now", zone=dt.UTC)
    listings = {one.name: one for one in report.listings}
    assert listings["paper_entered"].rows == (("North", "entry", 6),)
    assert report.crossings == 7


@pytest.mark.parametrize(("post", "crossings", "by"), [("", 1, "P"), ("North", 0, "P"), ("North", 5, " ")])
def test_fail__a_paper_count_that_makes_no_sense(either, post, crossings, by) -> None:
    with pytest.raises(CannotTell), either.batch() as batch:
        tell_paper(
            batch.connection,
            post=post,
            day=dt.date(2026, 10, 4),
            direction="entry",
            crossings=crossings,
            by=by,
        )


def test_ok__a_release_is_frozen_and_verified(either, filled, tmp_path, capsys) -> None:
    database = ["--database", either.database]
    folder = tmp_path / "releases"
    period = ["--from", "2026-10-01", "--to", "2026-10-31", "--zone", "Asia/Bishkek"]
    make = ["statistics", "release", str(folder), *period, "--permitted-days", "5", *database]
    assert main([*make, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["crossings"] == 43
    (made,) = folder.iterdir()
    assert str(made) == told["folder"]
    page = (made / "index.html").read_text()
    assert "2026-10-01 to 2026-10-31" in page
    assert "SIMULATED" not in page
    rows = list(csv.reader((made / "nationality.csv").open()))
    assert ["FRA", "entry", "..", ".."] in rows  # three are few
    assert ["total", "entry", "23", "23"] in rows
    assert ["D", "total", "..", ".."] in rows  # and the second smallest goes with them
    manifest = json.loads((made / "release.json").read_text())
    assert manifest["choice"]["threshold"] == 5
    assert main(make) == 2  # frozen
    assert "frozen" in capsys.readouterr().err
    assert main(["statistics", "verify", str(made), *database]) == 0
    (made / "nationality.csv").chmod(0o644)
    (made / "nationality.csv").write_text("changed")
    (made / "extra.csv").write_text("x")
    (made / "sex.csv").unlink()
    assert main(["statistics", "verify", str(made), *database]) == 1
    said = capsys.readouterr().out.splitlines()
    assert set(said) == {"extra.csv: was not released", "nationality.csv: was changed", "sex.csv: missing"}
    manifest["files"] = {}
    (made / "release.json").chmod(0o644)
    (made / "release.json").write_text(json.dumps(manifest))
    assert main(["statistics", "verify", str(made), *database, "--json"]) == 1
    assert "not what was released" in capsys.readouterr().out


def test_fail__a_release_that_was_moved_away_is_still_released(either, filled, tmp_path) -> None:
    choice = releases.Choice(first_day=dt.date(2026, 10, 1), last_day=dt.date(2026, 10, 31), zone="UTC")
    now = dt.datetime(2026, 11, 5, tzinfo=dt.UTC)
    for folder, said in (("a", None), ("b", "released already")):
        with either.batch() as batch:
            report = releases.report_of(batch.connection, choice, now=now)
            if said is None:
                releases.release(batch.connection, report, tmp_path / folder)
            else:
                with pytest.raises(CannotRelease, match=said):
                    releases.release(batch.connection, report, tmp_path / folder)


def test_fail__a_folder_that_cannot_be_written_releases_nothing(either, filled, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    choice = releases.Choice(first_day=dt.date(2026, 10, 1), last_day=dt.date(2026, 10, 31), zone="UTC")
    now = dt.datetime(2026, 11, 5, tzinfo=dt.UTC)

    def attempt(folder) -> None:
        with either.batch() as batch:
            report = releases.report_of(batch.connection, choice, now=now)
            releases.release(batch.connection, report, folder)

    with pytest.raises(CannotRelease, match="cannot be written"):
        attempt(tmp_path / "file")
    attempt(tmp_path / "good")
    assert len(list((tmp_path / "good").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["release", "{tmp}", "--from", "2026-10-02", "--to", "2026-10-01"], "before the first"),
        (["release", "{tmp}", "--from", "2026-10-01", "--to", "2026-10-01", "--zone", "X"], "no time zone"),
        (
            ["release", "{tmp}", "--from", "2026-10-01", "--to", "2026-10-01", "--threshold", "0"],
            "at least 1",
        ),
        (["verify", "{tmp}"], "holds no release"),
        (["paper", "North", "2026-10-01", "entry", "0", "--by", "P"], "above zero"),
    ],
)
def test_fail__one_line_and_code_2(tmp_path, capsys, arguments, said) -> None:
    named = [argument.replace("{tmp}", str(tmp_path / "x")) for argument in arguments]
    assert main(["statistics", *named, "--database", str(tmp_path / "c.db")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_ok__paper_by_command(tmp_path, capsys) -> None:
    database = str(tmp_path / "c.db")
    assert (
        main(
            ["statistics", "paper", "North", "2026-10-04", "exit", "12", "--by", "P", "--database", database]
        )
        == 0
    )
    store = Store(database)
    assert one(store, "SELECT post, crossings, told_by FROM paper") == [("North", 12, "P")]
    store.close()


def test_ok__hours_in_which_a_box_was_heard(either, make_box) -> None:
    make_box().register(either)
    for _ in range(2):
        with either.batch() as batch:
            batch.note_device("box-1", telemetry="{}")
            batch.note_device("box-1", status="online")
            batch.note_device("nobody", telemetry="{}")
    assert [device for device, _hour in one(either, "SELECT device, hour FROM heard")] == ["box-1"]
