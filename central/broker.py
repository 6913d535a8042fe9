"""How central comes into the broker."""

import queue
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from appliance.contracts import wire

PUBLISH_SECONDS = 30.0
"""Without the broker's answer for so long, a package has not arrived."""


class BrokerError(Exception):
    """The broker does not take it, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is, and how central proves who it is."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path

    def secure(self, client: mqtt.Client) -> None:
        """Mutual TLS for this client.

        Raises:
            BrokerError: a certificate is missing or cannot be used.
        """
        try:
            client.tls_set(str(self.ca), str(self.certificate), str(self.key))
        except (OSError, ValueError) as error:
            raise BrokerError("Central's certificates for the broker cannot be used.") from error


def publish_reference(access: Access, name: str, package: bytes) -> None:
    """Give a signed package to all boxes: retained, so that those that are away get it when they come.

    Raises:
        BrokerError: it did not reach the broker, or the broker does not allow it.
        WireError: the name does not belong on the wire.
    """
    publish_retained(access, f"{wire.REFERENCE}/{wire.check_name(name)}", package)


def publish_retained(access: Access, topic: str, payload: bytes) -> None:
    """One retained message, and the broker's word that it has it.

    Raises:
        BrokerError: it did not reach the broker, or the broker does not allow it.
    """
    answers: queue.Queue[str] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    access.secure(client)

    def on_connect(_client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            answers.put(f"The broker refuses central: {reason}.")

    def on_publish(_client: mqtt.Client, _userdata: Any, _mid: int, reason: Any, _props: Any) -> None:
        answers.put(f"The broker does not take the package: {reason}." if reason.is_failure else "")

    client.on_connect = on_connect
    client.on_publish = on_publish
    client.on_disconnect = lambda *_: answers.put("The connection to the broker was lost.")
    try:
        client.connect(access.host, access.port)
        client.publish(topic, payload, qos=1, retain=True)
    except (OSError, ValueError) as error:
        raise BrokerError(
            "The broker cannot be reached, or the package is larger than MQTT takes."
        ) from error
    client.loop_start()
    try:
        problem = answers.get(timeout=PUBLISH_SECONDS)
    except queue.Empty:
        problem = "The broker does not acknowledge the package."
    finally:
        client.disconnect()
        client.loop_stop()
    if problem:
        raise BrokerError(problem)
