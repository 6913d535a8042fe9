"""The broker lets in whom it knows, and each only to what is theirs."""

import ssl
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from appliance.simulation import broker as brokers
from appliance.simulation.broker import CENTRAL, Access, Broker, BrokerUnavailable
from appliance.simulation.certificates import CertificateAuthority


@pytest.fixture
def broker(tmp_path: Path):
    with Broker(tmp_path / "broker", devices=["box-1", "box-2"]) as broker:
        yield broker


class Client:
    """Subscribes and remembers."""

    def __init__(self, access: Access, *topics: str) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.tls_set(str(access.ca), str(access.certificate), str(access.key))
        self.client.on_message = lambda _c, _u, message: self.got.append((message.topic, message.payload))
        ready = []
        self.client.on_subscribe = lambda *_: ready.append(1)
        self.client.connect(access.host, access.port)
        self.client.loop_start()
        wait_until(self.client.is_connected)
        for topic in topics:
            self.client.subscribe(topic, 1)
        wait_until(lambda: len(ready) == len(topics))

    def publish(self, topic: str, *, retain: bool = False) -> None:
        self.client.publish(topic, b"x", qos=1, retain=retain).wait_for_publish(5)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def wait_until(wanted) -> None:
    deadline = time.monotonic() + 5
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ok__a_device_writes_only_under_its_own_name(broker: Broker) -> None:
    with Client(broker.access(CENTRAL), "borne/v1/#") as central, Client(broker.access("box-1")) as box:
        for topic in (
            "borne/v1/box-2/records",
            "borne/v1/box-1/watermark",
            "borne/v1/reference/persons",
            "elsewhere",
            "borne/v1/box-1/records",
        ):
            box.publish(topic)
        wait_until(lambda: central.got)
        assert central.got == [("borne/v1/box-1/records", b"x")]


def test_ok__a_device_reads_only_what_is_for_it(broker: Broker) -> None:
    with Client(broker.access(CENTRAL)) as central, Client(broker.access("box-1"), "borne/v1/#", "#") as box:
        for topic in (
            "borne/v1/box-2/watermark",
            "borne/v1/box-1/records",
            "borne/v1/box-1/watermark",
            "borne/v1/reference/persons",
        ):
            central.publish(topic)
        wait_until(lambda: len({topic for topic, _ in box.got}) == 2)
        assert {topic for topic, _ in box.got} == {"borne/v1/box-1/watermark", "borne/v1/reference/persons"}


def test_ok__killed_and_started_again_on_the_same_port(broker: Broker) -> None:
    port, first = broker.port, broker.pid
    broker.kill()
    assert broker.pid is None
    broker.start()
    assert broker.port == port
    assert broker.pid != first
    with Client(broker.access("box-1")):
        pass


def test_ok__retained_messages_outlive_an_orderly_restart(broker: Broker) -> None:
    with Client(broker.access(CENTRAL)) as central:
        central.publish("borne/v1/reference/persons", retain=True)
    broker.stop()
    broker.start()
    with Client(broker.access("box-1"), "borne/v1/reference/+") as box:
        wait_until(lambda: box.got)


def test_fail__without_a_certificate(broker: Broker) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set(str(broker.access(CENTRAL).ca))
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012 - TLS 1.3 refuses after the handshake
        client.connect(broker.host, broker.port)
        while client.loop(1.0) == mqtt.MQTT_ERR_SUCCESS:
            assert not client.is_connected()
        raise ConnectionError


def test_fail__with_a_stranger_s_certificate(broker: Broker, tmp_path: Path) -> None:
    certificate, key = CertificateAuthority(tmp_path / "stranger").issue("box-1")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set(str(broker.access(CENTRAL).ca), str(certificate), str(key))
    with pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012
        client.connect(broker.host, broker.port)
        while client.loop(1.0) == mqtt.MQTT_ERR_SUCCESS:
            assert not client.is_connected()
        raise ConnectionError


def test_fail__not_installed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(brokers, "PROGRAMS", ("no-such-program",))
    with pytest.raises(BrokerUnavailable, match="package mosquitto"):
        Broker(tmp_path / "broker", devices=[]).start()


def test_fail__ends_at_once(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", devices=[])
    (tmp_path / "broker" / "mosquitto.conf").write_text("no such option\n")
    with pytest.raises(BrokerUnavailable, match="ended at once"):
        broker.start()


def test_fail__does_not_answer(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(brokers, "START_SECONDS", 0.5)
    monkeypatch.setattr(Broker, "_answers", lambda _: False)
    broker = Broker(tmp_path / "broker", devices=[])
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        broker.start()
    assert broker.pid is None
