"""Support access: two keys of central's, one box, a few hours; recorded, shown, and no way in."""

import asyncio
import datetime as dt
import json
import sqlite3

import msgspec
import pytest
from central_common import STAMP, STRANGER, take
from nacl.signing import SigningKey

from appliance.clock import Clock
from appliance.config import ClockSource
from appliance.contracts.lane import Diagnostics
from appliance.key_files import write_key
from appliance.records.commands import Command, Support, read_message, sign_command
from appliance.records.errors import CommandError
from appliance.records.journal import Journal
from appliance.records.keys import CentralKeys, load_box_keys
from appliance.records.support import Grant, sign_grant
from appliance.services.lane import support_desk
from appliance.services.lane.support_desk import NOTICE, SupportDesk
from central.cli import main
from central.fleet.commands import pending
from central.keys import load_operator_key

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SUPPORT = SigningKey(bytes([7]) * 32)


class Supported:
    """A box that knows both keys, and what its lane does with support."""

    def __init__(self, box, operator: SigningKey, support: SigningKey | None) -> None:
        self.box, self.operator = box, operator
        box.journal.close()
        central = CentralKeys(
            box.central.sealing.public_key,
            box.central.watermark.verify_key,
            operator.verify_key,
            support=None if support is None else support.verify_key,
        )
        box.journal = self.journal = Journal.open(
            box.folder / "journal.db",
            keys=load_box_keys(box.folder / "keys"),
            central=central,
            device=box.device,
        )
        self.desk = SupportDesk(self.journal, Clock(source=ClockSource.HOST), lambda: None)

    def obey(self, command: bytes, now: dt.datetime = NOW) -> bool:
        return self.journal.command(command, stamp=STAMP, now=now, local=lambda *_: {})

    def order(
        self, *, counter: int = 5, key: SigningKey = SUPPORT, granted=None, operator=None, **changes
    ) -> bytes:
        """An order of our own making; `granted` is what the grant says otherwise."""
        said = {
            "request": "support-1",
            "reason": "the reader is slow",
            "epoch": self.box.epoch,
            "until": NOW + dt.timedelta(hours=4),
        } | changes
        grant = Grant(**({"device": self.box.device, **said} | (granted or {})))
        order = Support(**said, grant=sign_grant(grant, signing_key=key))
        command = Command(
            device=self.box.device,
            counter=counter,
            issued_at=NOW,
            expires_at=NOW + dt.timedelta(days=1),
            order=order,
        )
        return sign_command(command, signing_key=operator or self.operator)


@pytest.fixture
def supported(box, tmp_path) -> Supported:
    return Supported(box, load_operator_key(tmp_path / "central-keys"), SUPPORT)


def tell(desk: SupportDesk, bundle: bytes = b'{"health": {"box": 1}}', request: str = "support-1"):
    return asyncio.run(desk.diagnostics(Diagnostics(request=request, bundle=bundle)))


def test_ok_granted_ordered_obeyed_shown_told_and_read(supported, store, keys, tmp_path, capsys) -> None:
    """The whole walk by the commands: from the second key to what support reads."""
    other, central_keys, database = tmp_path / "safe", tmp_path / "central-keys", str(tmp_path / "central.db")
    assert main(["support-key", str(other)]) == 0
    (other / "support.key").unlink()
    (other / "support.pub").unlink()
    write_key(other / "support.key", SUPPORT)
    write_key(central_keys / "support.pub", SUPPORT.verify_key)
    grant = str(tmp_path / "grant")
    words = ["grant-support", "box-1", grant, "--support-key", str(other / "support.key"), "--hours", "2"]
    assert main([*words, "--epoch", supported.box.epoch, "--reason", "the reader is slow"]) == 0
    who = ["--database", database, "--keys", str(central_keys), "--by", "A. Clerk", "--purpose", "ticket 7"]
    assert main(["support", grant, *who]) == 0
    assert main(["diagnostics", "box-1", *who]) == 1

    assert supported.desk.notices == ()
    with store.reading() as batch:
        (order,) = read_message(pending(batch.connection, "box-1"))
    assert supported.obey(order, now=dt.datetime.now(dt.UTC))
    assert not supported.obey(order, now=dt.datetime.now(dt.UTC)), "once"
    state = supported.desk.state
    assert supported.desk.notices == (NOTICE,)
    assert tell(supported.desk, request=state.request).accepted
    take(store, keys, "box-1", *supported.box.envelopes())
    capsys.readouterr()
    assert main(["diagnostics", "box-1", *who]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["request"], told["told"]) == (state.request, {"health": {"box": 1}})
    assert main(["commands", "--database", database, "--json"]) == 0
    (given,) = json.loads(capsys.readouterr().out)["commands"]
    assert (given["kind"], given["done_at"] is not None) == ("support", True)
    # sealed on the way and at rest: neither the broker nor a thief of the disk reads it
    assert not any(b"health" in one for one in supported.box.envelopes())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": STRANGER}, "not by central's support key"),
        ({"granted": {"device": "box-2"}}, "for another box"),
        ({"granted": {"epoch": "e2"}}, "for another box"),
        ({"granted": {"until": NOW + dt.timedelta(hours=1)}}, "for another box"),
        ({"granted": {"reason": "another"}}, "for another box"),
        ({"granted": {"request": "support-2"}}, "for another box"),
        ({"epoch": "20200101T000000Z-00000000"}, "earlier journal"),
        ({"until": NOW + dt.timedelta(days=2)}, "a day at most"),
        ({"until": NOW - dt.timedelta(hours=1)}, "a day at most"),
        ({"operator": STRANGER}, "key"),
    ],
)
def test_fail_one_key_alone_or_another_box_journal_or_time(supported, changes, says) -> None:
    """An insider with the operator's key, with the support key, or with an old grant lets nobody in."""
    before = supported.journal.status().last_seq
    with pytest.raises(CommandError, match=says):
        supported.obey(supported.order(**changes))
    assert (supported.desk.state, supported.journal.status().last_seq) == (None, before)


def test_fail_the_operator_s_own_signature_as_a_grant(supported) -> None:
    with pytest.raises(CommandError, match="not by central's support key"):
        supported.obey(supported.order(key=supported.operator))


def test_fail_an_order_that_comes_when_its_time_is_over(supported) -> None:
    with pytest.raises(CommandError, match="too late"):
        supported.obey(supported.order(), now=NOW + dt.timedelta(hours=5))


def test_fail_a_box_that_knows_no_support_key(make_box, tmp_path) -> None:
    one = Supported(make_box(), load_operator_key(tmp_path / "central-keys"), None)
    with pytest.raises(CommandError, match="lets nobody support it"):
        one.obey(one.order())


def test_ok_it_is_over_by_itself_and_over_a_restart_it_is_not(supported, monkeypatch) -> None:
    assert supported.obey(supported.order())
    again = SupportDesk(supported.journal, Clock(source=ClockSource.HOST), lambda: None)
    assert again.state.request == "support-1"
    clock = Clock(source=ClockSource.HOST)
    later = clock.now()[0] + dt.timedelta(hours=5), clock.now()[1]
    monkeypatch.setattr(clock, "now", lambda: later)
    over = SupportDesk(supported.journal, clock, lambda: None)
    assert (over.state, over.notices) == (None, ())
    assert not tell(over).accepted


def test_fail_more_than_support_needs(supported, monkeypatch) -> None:
    assert not tell(supported.desk).accepted, "nobody was let in"
    supported.obey(supported.order())
    assert not tell(supported.desk, bytes(support_desk.MAX_BUNDLE_BYTES + 1)).accepted
    assert not tell(supported.desk, request="support-2").accepted
    assert tell(supported.desk).accepted
    assert "Too soon" in tell(supported.desk).sentence
    monkeypatch.setattr(support_desk, "LEAST_SECONDS", 0.0)


def test_ok_what_is_recorded_of_it(supported, store, keys) -> None:
    supported.obey(supported.order())
    take(store, keys, "box-1", *supported.box.envelopes())
    with sqlite3.connect(store.database) as connection:
        types = [row[0] for row in connection.execute("SELECT type FROM records ORDER BY seq")]
    assert types == ["command"]
    from appliance.records import envelope

    sealed = envelope.verify(
        supported.box.envelopes()[-1], verify_key_for=lambda _: supported.journal.signing_key.verify_key
    )
    body = envelope.open_(sealed, private_key=keys.sealing).body
    assert {name: body[name] for name in ("kind", "request", "reason")} == {
        "kind": "support",
        "request": "support-1",
        "reason": "the reader is slow",
    }
    assert dt.datetime.fromisoformat(body["until"]) == NOW + dt.timedelta(hours=4)


def test_fail_a_grant_that_is_none(tmp_path, capsys, store) -> None:
    """At central's own desk, before anything is signed."""
    write_key(tmp_path / "support.pub", SUPPORT.verify_key)
    grant = tmp_path / "grant"
    who = ["--database", str(tmp_path / "central.db"), "--keys", str(tmp_path), "--by", "a", "--purpose", "b"]
    lie = Grant(device="box-1", epoch="e", request="r", reason="s", until=NOW)
    for data in (b"", b"\xff" * 40, sign_grant(lie, signing_key=STRANGER)):
        grant.write_bytes(data)
        assert main(["support", str(grant), *who]) == 2
        assert "grant" in capsys.readouterr().err
    long = ["grant-support", "box-1", str(grant), "--epoch", "e", "--reason", "x", "--hours", "25"]
    assert main([*long, "--support-key", str(tmp_path / "none")]) == 2
    assert msgspec.json.encode(lie)
