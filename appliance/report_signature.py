"""A box's word on what it says of itself: a signature that travels beside the message.

Health stays flat JSON, which every collector reads. The signature stands in MQTT 5 user properties (section
3.3.2.3.7), over the topic, a counter that only grows, and the payload: nobody can move a report to another
box, change it, or give out an old one for a new one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from appliance.cose import key_id

SIGNATURE, KEY, COUNTER = "borne-sig", "borne-key", "borne-ctr"
"""User properties: 128 and 32 hexadecimal digits, and a decimal number."""
CONTEXT: Final = b"borne report 1"
MAX_COUNTER: Final = 2**53 - 1
_FORMS: Final = {
    SIGNATURE: re.compile(r"[0-9a-f]{128}"),
    KEY: re.compile(r"[0-9a-f]{32}"),
    COUNTER: re.compile(r"[1-9][0-9]{0,15}"),
}


class ReportSignatureError(Exception):
    """Why a report's signature is not believed, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class ReportSignature:
    """What stands beside a report."""

    kid: bytes
    counter: int
    signature: bytes

    def verify(self, topic: str, payload: bytes, key: VerifyKey) -> None:
        """Raises:
        ReportSignatureError: this key did not sign this.
        """
        try:
            key.verify(to_be_signed(topic, self.counter, payload), self.signature)
        except BadSignatureError as error:
            raise ReportSignatureError("The report is not signed by the key that it names.") from error


def sign_report(topic: str, payload: bytes, *, counter: int, key: SigningKey) -> tuple[tuple[str, str], ...]:
    """The user properties that go along with this payload."""
    signature = key.sign(to_be_signed(topic, counter, payload)).signature
    return (
        (SIGNATURE, signature.hex()),
        (KEY, key_id(key.verify_key).hex()),
        (COUNTER, str(counter)),
    )


def read_signature(user: Iterable[tuple[str, str]]) -> ReportSignature | None:
    """What a message's user properties say; None when none of them is ours: an older box's.

    Raises:
        ReportSignatureError: one of the three is missing, twice there, or malformed.
    """
    ours = [(name, value) for name, value in user if name in _FORMS]
    if not ours:
        return None
    said = dict(ours)
    if len(ours) != len(_FORMS) or len(said) != len(_FORMS):
        raise ReportSignatureError("The report's signature lacks a part, or has one twice.")
    if not all(_FORMS[name].fullmatch(value) for name, value in said.items()):
        raise ReportSignatureError("The report's signature is malformed.")
    counter = int(said[COUNTER])
    if counter > MAX_COUNTER:
        raise ReportSignatureError("The report's signature has a counter out of range.")
    return ReportSignature(bytes.fromhex(said[KEY]), counter, bytes.fromhex(said[SIGNATURE]))


def to_be_signed(topic: str, counter: int, payload: bytes) -> bytes:
    """Lines of text, then the payload as it is: in no way the beginning of a record or of an order."""
    return b"\n".join((CONTEXT, topic.encode(), str(counter).encode(), payload))
