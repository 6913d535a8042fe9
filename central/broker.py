"""How central comes into the broker."""

import time
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from appliance.contracts import wire

PUBLISH_SECONDS = 30.0


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
        BrokerError: it did not reach the broker.
        WireError: the name does not belong on the wire.
    """
    topic = f"{wire.REFERENCE}/{wire.check_name(name)}"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    access.secure(client)
    try:
        client.connect(access.host, access.port)
    except OSError as error:
        raise BrokerError("The broker cannot be reached.") from error
    client.loop_start()
    try:
        info = client.publish(topic, package, qos=1, retain=True)
        deadline = time.monotonic() + PUBLISH_SECONDS
        while not info.is_published():
            if time.monotonic() > deadline:
                raise BrokerError("The broker does not acknowledge the package.")
            time.sleep(0.02)
    except RuntimeError as error:
        raise BrokerError("The connection to the broker was lost.") from error
    finally:
        client.disconnect()
        client.loop_stop()
