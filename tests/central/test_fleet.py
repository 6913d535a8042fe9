"""The fleet table, alerts, and signed commands on their whole way to a box's journal and back."""

import datetime as dt
import json

import pytest
from central_common import STAMP, movement, take
from nacl.signing import SigningKey
from test_receiver import Sender, receiving, until

from appliance.contracts import wire
from appliance.contracts.checks import Check, Outcome, Recommendation, Verdict
from appliance.contracts.movement import to_plain
from appliance.key_files import read_key
from appliance.records.commands import Rate, Resync, read_command, read_message
from central.cli import main
from central.fleet.alerts import NoSuchAlert, close_alert, open_alerts
from central.fleet.board import board
from central.fleet.commands import give, given, note_done, note_published, pending, unpublished

NOW = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)
OPERATOR = SigningKey(bytes(range(32)))


def alerts(store):
    with store.reading() as batch:
        return open_alerts(batch.connection)


def row(store, now=None):
    with store.reading() as batch:
        (only,) = board(batch.connection, now=now or dt.datetime.now(dt.UTC))
    return only


def test_ok__a_box_that_was_never_heard(either, keys, make_box) -> None:
    make_box().register(either)
    one = row(either)
    assert (one.device, one.last_seen, one.backlog, one.version) == ("box-1", None, None, None)
    assert one.problems == ("never heard",)


def test_ok__what_a_box_tells_is_on_the_board(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", *box.record(3))
    report = {
        "version": "1.2.3",
        "profile": "production",
        "key_tier": "tpm",
        "box": {"disk_total_bytes": 1000, "disk_free_bytes": 150},
        "devices": [{"kind": "camera", "state": "FAULT"}, {"kind": "panel", "state": "READY"}],
        "records": {
            "unsent": 7,
            "epoch": box.epoch,
            "time_quality": "unsure",
            "notices": ["database_set_aside"],
        },
    }
    with either.batch() as batch:
        batch.note_device("box-1", status="online", telemetry=json.dumps(report))
        batch.note_clock("box-1", -75.0)
        batch.note_clock("box-1", -71.0)
    one = row(either)
    assert (one.status, one.version, one.profile, one.key_tier) == ("online", "1.2.3", "production", "tpm")
    assert (one.backlog, one.stored, one.epoch) == (7, 3, box.epoch)
    assert (one.clock_quality, one.clock_offset_seconds) == ("unsure", -71.0)
    assert set(one.problems) == {
        *("clock -71 s", "clock unsure", "disk 85 % full", "camera fault", "database set aside"),
    }
    later = row(either, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert any(problem.startswith("silent since") for problem in later.problems)


def test_ok__telemetry_of_a_hostile_box_stays_a_row(either, keys, make_box) -> None:
    make_box().register(either)
    hostile = {"version": "\x1b[31m" + "x" * 1000, "records": {"unsent": 1e999, "epoch": ["a"]}}
    with either.batch() as batch:
        batch.note_device("box-1", telemetry=json.dumps(hostile))
    one = row(either)
    assert one.version is not None
    assert "\x1b" not in one.version
    assert (len(one.version), one.backlog, one.epoch) == (64, None, None)


def test_ok__a_fork_is_on_the_board(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", *box.record(1))
    take(either, keys, "box-1", box.sealed(epoch=box.epoch))
    assert any("copied" in problem for problem in row(either).problems)
    assert {alert.kind for alert in alerts(either)} == {"fork", "refused"}


def test_ok__alerts_once_each_and_without_a_name(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    hit = Check(id="watchlist.document", verdict=Verdict.FAIL, reason="stolen")
    red = {
        "checks": (hit,),
        "recommendation": Recommendation.RED,
        "outcome": Outcome.REFERRED,
        "reasons": ("watchlist.document",),
        "profile": "production",
    }
    envelope = box.cross("c1", **red)
    take(either, keys, "box-1", envelope)
    take(either, keys, "box-1", envelope)
    late = {"crossing": "c1", "crossed_at": "", "found": "new_list", "checks": []}
    box.journal.commit("late/1", "late_hit", late, STAMP)
    take(either, keys, "box-1", box.envelopes()[1])
    found = alerts(either)
    assert sorted(alert.kind for alert in found) == ["hit", "late_hit", "red", "simulated"]
    text = " ".join(alert.sentence for alert in found)
    assert "ERIKSSON" not in text
    assert "L898902C3" not in text
    with either.batch() as batch:
        close_alert(batch.connection, found[0].id, by="A. Clerk", reason="told the post")
    assert len(alerts(either)) == 3
    with pytest.raises(NoSuchAlert), either.batch() as batch:
        close_alert(batch.connection, found[0].id, by="A. Clerk", reason="again")


def test_ok__a_new_journal_of_a_box_is_an_alert(either, keys, make_box) -> None:
    box = make_box()
    box.register(either)
    take(either, keys, "box-1", *box.record(1))
    assert alerts(either) == ()
    take(either, keys, "box-1", box.sealed(body=to_plain(movement("other"))))
    assert [alert.kind for alert in alerts(either)] == ["new_epoch"]


def test_ok__commands_wait_until_the_box_has_recorded_them(either, make_box) -> None:
    make_box().register(either)
    with either.batch() as batch:
        for rate in (5.0, None):
            order = Rate(records_per_second=rate)
            give(batch.connection, "box-1", order, by="op", purpose="test", signing_key=OPERATOR, now=NOW)
        message = pending(batch.connection, "box-1", now=NOW)
        first, second = [
            read_command(data, verify_key_for=lambda _: OPERATOR.verify_key) for data in read_message(message)
        ]
        assert second.counter == first.counter + 1  # the clock stood still, the counter does not
        assert first.counter == int(NOW.timestamp() * 1000)
        assert note_done(batch.connection, "box-1", {"counter": first.counter})
        assert not note_done(batch.connection, "box-1", {"counter": first.counter})
        for nonsense in ({}, {"counter": "1"}, {"counter": True}, {"counter": -1}, {"counter": 2**70}):
            assert not note_done(batch.connection, "box-1", nonsense)
        assert len(read_message(pending(batch.connection, "box-1", now=NOW))) == 1
        assert read_message(pending(batch.connection, "box-1", now=NOW + dt.timedelta(days=61))) == []
        assert [one.done_at is None for one in given(batch.connection)] == [True, False]


def test_ok__a_command_that_is_given_meanwhile_is_published_too(either, make_box) -> None:
    make_box().register(either)
    order = Rate(records_per_second=5.0)
    said = {"by": "op", "purpose": "test", "signing_key": OPERATOR, "now": NOW}
    with either.batch() as batch:
        give(batch.connection, "box-1", order, **said)
        found = unpublished(batch.connection)
        give(batch.connection, "box-1", order, **said)
        note_published(batch.connection, "box-1", through=found["box-1"])
        assert unpublished(batch.connection) == {"box-1": found["box-1"] + 1}
        note_published(batch.connection, "box-1", through=found["box-1"] + 1)
        assert unpublished(batch.connection) == {}


def test_ok__a_command_on_its_whole_way(broker, store, keys, make_box, tmp_path, capsys) -> None:
    """Given by a person, published by the receiver, obeyed and recorded by the journal, then withdrawn."""
    box = make_box()
    box.register(store)
    sender = Sender(broker)
    sender._client.subscribe(wire.topic("box-1", wire.COMMAND), 1)
    database, folder = str(tmp_path / "central.db"), str(tmp_path / "central-keys")
    who = ["--database", database, "--keys", folder, "--by", "A. Clerk", "--purpose", "a drill"]
    with receiving(broker, store, keys):
        sender.send(*box.record(3))
        assert sender.watermark(keys).seq == 3
        assert main(["resync", "box-1", "--from", "2", *who]) == 0
        topic, message = sender.messages.get(timeout=30)
        assert topic == wire.topic("box-1", wire.COMMAND)
        (command,) = read_message(message)
        operator = read_key(tmp_path / "central-keys" / "operator.pub", type(OPERATOR.verify_key))
        read = read_command(command, verify_key_for=lambda _: operator)
        assert read.order == Resync(epoch=box.epoch, from_seq=2)
        box.journal.command(command, stamp=STAMP, now=NOW, local=lambda *_: {})
        sender.send(*box.envelopes())
        assert sender.watermark(keys).seq == 4
        topic, message = sender.messages.get(timeout=30)
        assert (topic, read_message(message)) == (wire.topic("box-1", wire.COMMAND), [])
    sender.close()
    assert main(["commands", "--database", database, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["commands"]
    assert (told["kind"], told["given_by"], told["purpose"]) == ("resync", "A. Clerk", "a drill")
    assert told["done_at"]


def test_ok__the_clock_of_a_box(broker, store, keys, box) -> None:
    sender = Sender(broker)
    with receiving(broker, store, keys):
        ahead = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
        for time in ("nonsense", None, ahead.isoformat()):
            sender.raw("telemetry", json.dumps({"time": time}).encode())
        until(lambda: row(store).clock_offset_seconds is not None)
    sender.close()
    assert 95 < row(store).clock_offset_seconds < 101


def test_ok__the_commands(tmp_path, store, keys, box, capsys) -> None:
    database, folder = str(tmp_path / "central.db"), str(tmp_path / "central-keys")
    take(store, keys, "box-1", *box.record(1), b"garbage")
    assert main(["fleet", "--database", database]) == 0
    assert "never heard" in capsys.readouterr().out
    assert main(["fleet", "--database", database, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["boxes"][0]["device"] == "box-1"
    assert main(["alerts", "--database", database]) == 0
    assert "refused" in capsys.readouterr().out
    assert main(["alerts", "--database", database, "--json"]) == 0
    (alert,) = json.loads(capsys.readouterr().out)["alerts"]
    close = ["alerts", "--database", database, "--close", alert["id"], "--by", "A. Clerk"]
    assert main(close) == 2  # no reason
    assert main([*close, "--reason", "a drill"]) == 0
    assert alerts(store) == ()
    who = ["--database", database, "--keys", folder, "--by", "A. Clerk", "--purpose", "a drill"]
    for rate in ("2.5", "none"):
        assert main(["rate", "box-1", rate, *who]) == 0
    assert main(["commands", "--database", database]) == 0
    assert "waits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resync", "box-9", "--from", "1"], "Nothing was ever received"),
        (["resync", "box-9", "--from", "1", "--epoch", "e"], "not registered"),
        (["rate", "box-1", "fast"], "could not convert"),
        (["rate", "../x", "1"], "A name has"),
    ],
)
def test_fail__a_command_that_cannot_be_given(tmp_path, store, box, capsys, arguments, said) -> None:
    database, folder = str(tmp_path / "central.db"), str(tmp_path / "central-keys")
    who = ["--database", database, "--keys", folder, "--by", "A. Clerk", "--purpose", "a drill"]
    assert main([*arguments, *who]) == 2
    assert said in capsys.readouterr().err
    with store.reading() as batch:
        assert given(batch.connection) == ()
