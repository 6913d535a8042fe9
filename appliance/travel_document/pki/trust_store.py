"""The trust store: authorities by state, signers, revocations, deviations, and how old what was said of
them is.

One value, one file's bytes. It is made by `trust_import` from what is signed under a pinned anchor; whoever
holds the bytes believes them, so they are installed only where they were verified or came through a gate
that did.
"""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.certificate import Certificate, parse_certificate
from appliance.travel_document.pki.crl import RevocationList, parse_crl

VERSION: Final = 1
MAX_STORE_BYTES: Final = 64 * 1024 * 1024


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was imported: who signed it, and when."""

    id: str
    """SHA-256 of the whole file."""
    kind: str
    """master_list, deviation_list, revocation_list, ldif, certificate."""
    signer: str
    """The country of who signed it; of a certificate, its own."""
    signed_at: dt.datetime | None
    """None where the thing does not say; it is as old as its import then."""
    imported_at: dt.datetime
    anchor: str
    """SHA-256 of the pinned certificate; empty for what an authority of the store itself has signed."""
    certificates: int

    @property
    def said_at(self) -> dt.datetime:
        """What its age is counted from."""
        return self.signed_at or self.imported_at


class StoredCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with what it is looked up by, so that opening the store reads none of them."""

    der: bytes
    country: str
    fingerprint: str
    key_id: bytes
    role: str
    """root, link, link_without_issuer; signer."""
    sources: tuple[str, ...]


class StoredCrl(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation list whose signature an authority of the store has made."""

    der: bytes
    country: str
    this_update: dt.datetime
    next_update: dt.datetime | None
    source: str


class StoredDeviation(msgspec.Struct, frozen=True, kw_only=True):
    """A defect that a state has said of its own documents (9303-12, 10)."""

    country: str
    signers: tuple[str, ...]
    """SHA-256 of the signers' certificates; or, where it names them so, key_id:… or serial:…"""
    types: tuple[str, ...]
    """Object identifiers of the kinds of defect."""
    description: str
    source: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The whole store as it is written."""

    version: int = VERSION
    sources: tuple[Source, ...] = ()
    authorities: tuple[StoredCertificate, ...] = ()
    signers: tuple[StoredCertificate, ...] = ()
    crls: tuple[StoredCrl, ...] = ()
    deviations: tuple[StoredDeviation, ...] = ()


@dataclass(frozen=True, slots=True)
class ListAge:
    """How old what the store knows of a state is; None where it knows nothing."""

    authorities: dt.datetime | None
    crl: dt.datetime | None


class TrustStore:
    """An opened store; safe to use from several threads, because it never changes."""

    def __init__(self, content: Content | None = None) -> None:
        self.content = content or Content()
        self._authorities = _by_country(self.content.authorities)
        self._signers = _by_country(self.content.signers)
        self._crls: dict[str, list[StoredCrl]] = {}
        for crl in self.content.crls:
            self._crls.setdefault(crl.country, []).append(crl)
        self._sources = {source.id: source for source in self.content.sources}

    @classmethod
    def from_bytes(cls, data: bytes) -> "TrustStore":
        """The store in these bytes.

        Raises:
            Malformed: they are not one of this version.
        """
        if len(data) > MAX_STORE_BYTES:
            raise Malformed("The trust store is larger than any can be.")
        try:
            content = _decoder.decode(data)
        except (msgspec.MsgspecError, ValueError) as error:  # ValueError: a moment that no calendar has
            raise Malformed("The trust store cannot be read.") from error
        if content.version != VERSION:
            raise Malformed(f"The trust store has version {content.version}; {VERSION} is read here.")
        return cls(content)

    def to_bytes(self) -> bytes:
        """The bytes that are installed."""
        return _encoder.encode(self.content)

    @property
    def empty(self) -> bool:
        return not self.content.authorities

    @property
    def countries(self) -> tuple[str, ...]:
        """Two letters each, in order."""
        return tuple(sorted(country for country in self._authorities if country))

    def authorities(self, country: str) -> tuple[Certificate, ...]:
        """The trusted authorities of a country (two letters); they are read when first asked for."""
        return _read_all(self._authorities.get(country.upper(), ()))

    def all_authorities(self) -> tuple[Certificate, ...]:
        return _read_all(self.content.authorities)

    def signers(self, country: str) -> tuple[Certificate, ...]:
        """Document and seal signers that an authority of the store has issued."""
        return _read_all(self._signers.get(country.upper(), ()))

    def crls(self, country: str) -> tuple[RevocationList, ...]:
        """Revocation lists of a country's authorities."""
        return tuple(_crl(stored.der) for stored in self._crls.get(country.upper(), ()))

    def deviations_of(self, signer: Certificate) -> tuple[StoredDeviation, ...]:
        """Known defects of what this signer has signed."""
        names = {signer.fingerprint, f"serial:{signer.issuer.country}:{signer.serial}"}
        if signer.subject_key_id is not None:
            names.add(f"key_id:{signer.subject_key_id.hex()}")
        return tuple(one for one in self.content.deviations if names & set(one.signers))

    def source(self, id_: str) -> Source | None:
        return self._sources.get(id_)

    def role_of(self, certificate: Certificate) -> str:
        """root, link or link_without_issuer; empty for one that is not here."""
        stored = self._authorities.get(certificate.country, ())
        return next((one.role for one in stored if one.fingerprint == certificate.fingerprint), "")

    def said_at(self, certificate: Certificate) -> dt.datetime | None:
        """When the newest list that names this authority was signed."""
        stored = self._authorities.get(certificate.country, ())
        named = next((one.sources for one in stored if one.fingerprint == certificate.fingerprint), ())
        said = [self._sources[id_].said_at for id_ in named if id_ in self._sources]
        return max(said, default=None)


def _by_country(stored: Iterable[StoredCertificate]) -> Mapping[str, tuple[StoredCertificate, ...]]:
    found: dict[str, list[StoredCertificate]] = {}
    for one in stored:
        found.setdefault(one.country, []).append(one)
    return {country: tuple(ones) for country, ones in found.items()}


def _read_all(stored: Iterable[StoredCertificate]) -> tuple[Certificate, ...]:
    found = []
    for one in stored:
        certificate = _certificate(one.der)
        if certificate is not None:
            found.append(certificate)
    return tuple(found)


@functools.lru_cache(maxsize=8192)
def _certificate(data: bytes) -> Certificate | None:
    try:
        return parse_certificate(data)
    except EmrtdError:
        return None  # it was readable when it was imported; nothing may rely on what is not


@functools.lru_cache(maxsize=512)
def _crl(data: bytes) -> RevocationList:
    return parse_crl(data)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Content)
