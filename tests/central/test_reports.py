"""Health reports and their signatures: taken, shown for what they are worth, or refused."""

import datetime as dt
import json

import paho.mqtt.client as mqtt
import pytest
from central_common import STAMP, STRANGER, take
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from test_receiver import Sender, receiving, until

from appliance.contracts import wire
from appliance.report_signature import sign_report
from central.cli import main
from central.fleet.alerts import open_alerts
from central.fleet.board import board
from central.fleet.reports import note_report

TELEMETRY = wire.topic("box-1", wire.TELEMETRY)


class Reports:
    """What a box says of itself, to this store."""

    def __init__(self, store, box) -> None:
        self.store, self.box = store, box

    def say(self, version: str, user=(), *, what: str = wire.TELEMETRY, retained: bool = False) -> None:
        payload = version.encode() if what == wire.STATUS else json.dumps({"version": version}).encode()
        note_report(self.store, self.box.device, what, payload, retained=retained, user=user)

    def signed(self, version: str, counter: int, *, key=None, topic: str = TELEMETRY):
        payload = json.dumps({"version": version}).encode()
        return sign_report(topic, payload, counter=counter, key=key or self.box.keys.signing)

    @property
    def row(self):
        with self.store.reading() as batch:
            return board(batch.connection, now=dt.datetime.now(dt.UTC))[0]

    @property
    def shown(self) -> tuple[str | None, str | None]:
        return self.row.version, self.row.report_signed

    @property
    def problems(self) -> str:
        return "; ".join(self.row.problems)

    @property
    def alerts(self) -> list[str]:
        with self.store.reading() as batch:
            return [one.sentence for one in open_alerts(batch.connection) if one.kind == "report"]


@pytest.fixture
def reports(either, make_box) -> Reports:
    box = make_box()
    box.register(either)
    return Reports(either, box)


def test_ok__signed(reports) -> None:
    reports.say("1", reports.signed("1", 5))
    reports.say("2", reports.signed("2", 6))
    assert reports.shown == ("2", "signed")
    assert (reports.problems, reports.alerts) == ("", [])


def test_ok__an_older_box_s_are_taken_and_shown_as_unsigned(reports) -> None:
    reports.say("1")
    assert reports.shown == ("1", "unsigned")
    assert (reports.problems, reports.alerts) == ("", [])


def test_ok__unsigned_after_signed_is_taken_and_said(reports) -> None:
    """The slot of an earlier version was started again; or somebody has the box's certificate alone."""
    reports.say("2", reports.signed("2", 6))
    reports.say("1")
    assert reports.shown == ("1", "unsigned")
    assert "telemetry: unsigned, and was signed before" in reports.problems


def test_fail__forged(reports) -> None:
    reports.say("1", reports.signed("1", 5))
    good = reports.signed("2", 6)
    reports.say("3", good)  # the signature of another payload
    reports.say("2", reports.signed("2", 6, topic=wire.topic("box-2", wire.TELEMETRY)))
    reports.say("2", good[:2])
    assert reports.shown == ("1", "signed")
    assert "telemetry: refused, wrongly signed" in reports.problems
    assert "3 times" in reports.problems
    assert len(reports.alerts) == 1, "one a day is enough"
    reports.say("2", good)
    assert reports.shown == ("2", "signed"), "the box's own goes on counting"
    assert "refused" in reports.problems, "and what was refused stays to be seen"


def test_fail__replayed(reports) -> None:
    first, second = reports.signed("1", 5), reports.signed("2", 6)
    reports.say("1", first)
    reports.say("2", second)
    reports.say("1", first)
    reports.say("0", reports.signed("0", 6))  # another with the same number
    assert reports.shown == ("2", "signed")
    assert "an old one given out again" in reports.problems


def test_ok__retained_comes_again_at_each_start(reports) -> None:
    first, second = reports.signed("1", 5), reports.signed("2", 6)
    reports.say("1", first)
    reports.say("2", second)
    reports.say("2", second, retained=True)
    reports.say("2", second)  # and a copy by QoS 1
    reports.say("1", first, retained=True)
    assert reports.shown == ("2", "signed")
    assert reports.problems == ""


def test_fail__a_stranger_s_key_is_no_signature(reports) -> None:
    reports.say("1", reports.signed("1", 5, key=STRANGER))
    assert reports.shown == ("1", "unknown_key")
    assert "not known here" in reports.problems
    reports.say("2", reports.signed("2", 1))
    assert reports.shown == ("2", "signed"), "whose counter is not the box's"


def test_ok__over_a_change_of_keys(reports, keys) -> None:
    """Signed by the new key before the change has come: taken, as unsigned would be; then as the box's."""
    box, old = reports.box, reports.box.keys.signing
    reports.say("1", reports.signed("1", 5))
    box.journal.change_key(reason="test", stamp=STAMP)
    reports.say("2", reports.signed("2", 6))
    assert reports.shown == ("2", "unknown_key")
    take(reports.store, keys, "box-1", *box.envelopes())
    reports.say("3", reports.signed("3", 7))
    assert reports.shown == ("3", "signed")
    reports.say("4", reports.signed("4", 8, key=old))
    assert reports.shown == ("3", "signed")
    assert "given up" in reports.problems
    reports.say("2", reports.signed("2", 6, key=old), retained=True)
    assert "given up" in reports.problems


def test_ok__status_has_a_count_of_its_own(reports) -> None:
    topic, key = wire.topic("box-1", wire.STATUS), reports.box.keys.signing
    online = sign_report(topic, b"online", counter=9, key=key)
    offline = sign_report(topic, b"offline", counter=10, key=key)
    reports.say("1", reports.signed("1", 20))
    reports.say("online", online, what=wire.STATUS)
    reports.say("offline", offline, what=wire.STATUS)
    reports.say("online", online, what=wire.STATUS)
    assert reports.row.status == "offline", "a thief cannot make a dead box look alive with an old word"
    assert "status: refused" in reports.problems


def test_ok__of_a_box_that_nobody_registered(either) -> None:
    note_report(either, "box-9", wire.TELEMETRY, b"{}", retained=False)
    with either.reading() as batch:
        assert board(batch.connection, now=dt.datetime.now(dt.UTC)) == ()


def test_ok__through_a_real_broker(broker, store, keys, box, tmp_path, capsys) -> None:
    """Signed, forged and replayed, as user properties of MQTT 5, and the retained one at a second start."""
    reports = Reports(store, box)
    sender = Sender(broker)
    with receiving(broker, store, keys):
        publish(sender, "1", reports.signed("1", 5))
        until(lambda: reports.shown == ("1", "signed"))
        publish(sender, "2", reports.signed("1", 6))
        until(lambda: "wrongly signed" in reports.problems)
        publish(sender, "1", reports.signed("1", 5), retain=False)
        publish(sender, "0", reports.signed("0", 4), retain=False)
        until(lambda: "given out again" in reports.problems)
        publish(sender, "3", reports.signed("3", 7))
        until(lambda: reports.shown == ("3", "signed"))
    with receiving(broker, store, keys):
        publish(sender, "4", reports.signed("4", 8))
        until(lambda: reports.shown == ("4", "signed"))
    sender.close()
    assert "2 times" in reports.problems, "what is retained was no third"
    capsys.readouterr()
    assert main(["fleet", "--database", str(tmp_path / "central.db")]) == 0
    said = capsys.readouterr().out
    assert "report" in said.splitlines()[0]
    assert "signed" in said.splitlines()[1]
    assert "an old one given out again" in said


def publish(sender: Sender, version: str, user, *, retain: bool = True) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = list(user)
    payload = json.dumps({"version": version}).encode()
    info = sender._client.publish(TELEMETRY, payload, qos=1, retain=retain, properties=properties)
    assert isinstance(info, mqtt.MQTTMessageInfo)
    info.wait_for_publish(10)
