"""Pairs that an officer has found to be two persons: this traveller, and this entry as it stands now.

A pair is a hash of both, so that what is remembered names nobody. It holds while neither changes: another
document, another spelling, or an entry that its owner has rewritten is a new pair, and is shown again.
"""

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec

from appliance.screening.numbers import normalise_number, normalise_state
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.subject import Subject


class KnownPairs(Protocol):
    """What has been decided of pairs before."""

    def decided(self, pair: str, *, now: datetime) -> str | None:
        """When they were found to be two persons (ISO 8601), None when nobody has said so, or long ago."""
        ...


class NoPairs:
    """Nothing is remembered."""

    def decided(self, pair: str, *, now: datetime) -> str | None:
        del pair, now
        return None


def pair_key(subject: Subject, list_name: str, entry: PersonEntry) -> str:
    """The pair as 32 hexadecimal digits."""
    traveller = (
        normalise_state(subject.issuing_state),
        normalise_number(subject.document_number),
        subject.primary_identifier.upper(),
        subject.secondary_identifier.upper(),
        subject.birth_date,
        subject.sex,
    )
    whole = msgspec.msgpack.encode((traveller, list_name, entry))
    return hashlib.blake2b(whole, digest_size=16, person=b"borne-pair").hexdigest()
