"""Our own test authority (CSCA): roots, link certificates, document signers, revocation and master lists.

Its key is in this file's arithmetic for all to see, and its name says what it is: a box of the production
profile refuses a trust store that holds it.
"""

import datetime as dt
import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from appliance.simulation.chip import asn1
from appliance.simulation.chip.signing import Signing, digest_algorithm, ec_signing
from appliance.travel_document.codes_alpha2 import alpha2_of
from appliance.travel_document.pki.certificate import Certificate, parse_certificate
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_report import Anchor
from appliance.travel_document.pki.trust_store import TrustStore

ORGANIZATION = "Borne simulation"
"""By this name a production box knows that the certificate is play."""
BEGINS = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ENDS = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)
SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
MASTER_LIST = "2.23.136.1.1.2"
MASTER_LIST_SIGNING = "2.23.136.1.1.3"


@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """A certificate with its private key."""

    certificate: Certificate
    signing: Signing
    name: bytes
    key_id: bytes

    def signed_data(
        self,
        content_type: str,
        content: bytes,
        *,
        signed_at: dt.datetime | None = None,
        certificates: Sequence[bytes] | None = None,
        signature: bytes | None = None,
    ) -> bytes:
        """A ContentInfo over `content`; `certificates` in place of its own, `signature` in place of the
        right."""
        digest = hashlib.new(self.signing.digest, content, usedforsecurity=False).digest()
        attributes = [
            _attribute(_CONTENT_TYPE, asn1.oid(content_type)),
            _attribute(_MESSAGE_DIGEST, asn1.octets(digest)),
        ]
        if signed_at is not None:
            attributes.append(_attribute(_SIGNING_TIME, asn1.time(signed_at)))
        as_set = asn1.set_of(*attributes)
        made = signature if signature is not None else self.signing.sign(as_set)
        signer = asn1.sequence(
            asn1.integer(1),
            asn1.sequence(self.certificate.issuer.raw, asn1.integer(self.certificate.serial)),
            digest_algorithm(self.signing.digest),
            bytes((0xA0,))
            + as_set[1:],  # what is signed is the SET; what is stored is the same under tag [0]
            self.signing.algorithm,
            asn1.octets(made),
        )
        inside = asn1.sequence(
            asn1.integer(3),
            asn1.set_of(digest_algorithm(self.signing.digest)),
            asn1.sequence(asn1.oid(content_type), asn1.explicit(0, asn1.octets(content))),
            asn1.explicit(0, b"".join([self.certificate.raw] if certificates is None else certificates)),
            asn1.set_of(signer),
        )
        return asn1.sequence(asn1.oid(SIGNED_DATA), asn1.explicit(0, inside))


class Authority:
    """A country's test CSCA."""

    def __init__(self, country: str, *, signing: Signing | None = None, generation: int = 1) -> None:
        self.country = country
        self.generation = generation
        self._signing = signing or ec_signing(seed=f"Borne test CSCA {country} {generation}")
        name = _name(country, f"Test CSCA {country} {generation}")
        key_id = _key_id(self._signing)
        raw = _certificate(
            name, self._signing, name, self._signing, serial=generation, key_id=key_id,
            authority_key_id=key_id, extensions=_authority_extensions(),
        )  # fmt: skip
        self.root = Holder(parse_certificate(raw), self._signing, name, key_id)

    def signer(
        self,
        *,
        signing: Signing | None = None,
        begins: dt.datetime = BEGINS,
        ends: dt.datetime = ENDS,
        serial: int = 1000,
        document_types: Sequence[str] = (),
        usage: str = "digital_signature",
        country: str | None = None,
        common_name: str = "Test document signer",
        extended_key_usage: str = "",
    ) -> Holder:
        """A document signer; the settings make the expired, the misused and the foreign one."""
        signing = signing or ec_signing(seed=f"Borne test signer {self.country} {serial}")
        name = _name(self.country if country is None else country, common_name)
        key_id = _key_id(signing)
        extensions = [_extension("2.5.29.15", _usage(usage))]
        if document_types:
            kinds = asn1.sequence(asn1.integer(0), asn1.set_of(*map(asn1.printable, document_types)))
            extensions.append(_extension("2.23.136.1.1.6.2", kinds))
        if extended_key_usage:
            extensions.append(_extension("2.5.29.37", asn1.sequence(asn1.oid(extended_key_usage))))
        raw = _certificate(
            name, signing, self.root.name, self._signing, serial=serial, key_id=key_id,
            authority_key_id=self.root.key_id, extensions=extensions, begins=begins, ends=ends,
        )  # fmt: skip
        return Holder(parse_certificate(raw), signing, name, key_id)

    def link_to(self, newer: "Authority") -> Certificate:
        """The link certificate: the newer key under the older one, both of one name or two."""
        raw = _certificate(
            newer.root.name, newer._signing, self.root.name, self._signing, serial=500 + newer.generation,
            key_id=newer.root.key_id, authority_key_id=self.root.key_id, extensions=_authority_extensions(),
        )  # fmt: skip
        return parse_certificate(raw)

    def crl(
        self,
        serials: Iterable[int],
        *,
        this_update: dt.datetime,
        next_update: dt.datetime | None = None,
        number: int = 1,
    ) -> bytes:
        """A revocation list of these serial numbers."""
        reason = _extension("2.5.29.21", bytes((0x0A, 1, 1)))
        entries = [
            asn1.sequence(asn1.integer(serial), asn1.time(this_update), asn1.sequence(reason))
            for serial in serials
        ]
        extensions = asn1.sequence(
            _extension("2.5.29.35", asn1.sequence(asn1.implicit(0, self.root.key_id))),
            _extension("2.5.29.20", asn1.integer(number)),
        )
        signed = asn1.sequence(
            asn1.integer(1),
            self._signing.algorithm,
            self.root.name,
            asn1.time(this_update),
            *([asn1.time(next_update)] if next_update else []),
            *([asn1.sequence(*entries)] if entries else []),
            asn1.explicit(0, extensions),
        )
        return asn1.sequence(signed, self._signing.algorithm, asn1.bits(self._signing.sign(signed)))

    def master_list(
        self,
        certificates: Iterable[Certificate | bytes],
        *,
        signed_at: dt.datetime,
        signer: Holder | None = None,
    ) -> bytes:
        """A master list of these authorities, signed by this one's list signer."""
        signer = signer or self.signer(
            serial=7, common_name="Test master list signer", extended_key_usage=MASTER_LIST_SIGNING
        )
        raw = [one if isinstance(one, bytes) else one.raw for one in certificates]
        content = asn1.sequence(asn1.integer(0), asn1.set_of(*raw))
        inside = [signer.certificate.raw, self.root.certificate.raw]
        return signer.signed_data(MASTER_LIST, content, signed_at=signed_at, certificates=inside)


@functools.cache
def authority_of(issuing_state: str) -> Authority:
    """The test authority for an MRZ's issuing state; the same in every process."""
    return Authority(alpha2_of(issuing_state) or "UT")


@functools.cache
def signer_of(issuing_state: str) -> Holder:
    """Its usual document signer."""
    return authority_of(issuing_state).signer()


def trust_store_for(
    issuing_states: Iterable[str], *, now: dt.datetime, crl_age: dt.timedelta, revoked: Iterable[int] = ()
) -> TrustStore:
    """A store that trusts the test authorities of these states, with revocation lists of these serials."""
    store = TrustStore()
    revoked = tuple(revoked)
    authorities = [authority_of(state) for state in dict.fromkeys(issuing_states)]
    host = authority_of("UTO")
    listed = {one.root.certificate.fingerprint: one.root.certificate for one in (host, *authorities)}
    signed_at = (now - crl_age).replace(microsecond=0)
    master_list = host.master_list(listed.values(), signed_at=signed_at)
    anchors = [Anchor(host.root.certificate.fingerprint)]
    store = import_trust(store, master_list, anchors, now=now).store
    for authority in {one.country: one for one in (host, *authorities)}.values():
        crl = authority.crl(revoked, this_update=signed_at, next_update=now + dt.timedelta(days=60))
        store = import_trust(store, crl, (), now=now).store
    return store


def _name(country: str, common_name: str) -> bytes:
    def part(kind: str, value: bytes) -> bytes:
        return asn1.set_of(asn1.sequence(asn1.oid(kind), value))

    parts = [part("2.5.4.6", asn1.printable(country))] if country else []
    parts += [part("2.5.4.10", asn1.utf8(ORGANIZATION)), part("2.5.4.3", asn1.utf8(common_name))]
    return asn1.sequence(*parts)


def _key_id(signing: Signing) -> bytes:
    return hashlib.sha1(signing.public_key_info, usedforsecurity=False).digest()


def _certificate(
    name: bytes,
    signing: Signing,
    issuer_name: bytes,
    issuer: Signing,
    *,
    serial: int,
    key_id: bytes,
    authority_key_id: bytes,
    extensions: list[bytes],
    begins: dt.datetime = BEGINS,
    ends: dt.datetime = ENDS,
) -> bytes:
    identifiers = [
        _extension("2.5.29.14", asn1.octets(key_id)),
        _extension("2.5.29.35", asn1.sequence(asn1.implicit(0, authority_key_id))),
    ]
    signed = asn1.sequence(
        asn1.explicit(0, asn1.integer(2)),
        asn1.integer(serial),
        issuer.algorithm,
        issuer_name,
        asn1.sequence(asn1.time(begins), asn1.time(ends)),
        name,
        signing.public_key_info,
        asn1.explicit(3, asn1.sequence(*identifiers, *extensions)),
    )
    return asn1.sequence(signed, issuer.algorithm, asn1.bits(issuer.sign(signed)))


def _authority_extensions() -> list[bytes]:
    return [
        _extension("2.5.29.19", asn1.sequence(asn1.boolean(True), asn1.integer(0)), critical=True),
        _extension("2.5.29.15", _usage("key_cert_sign"), critical=True),
    ]


def _usage(kind: str) -> bytes:
    return {
        "digital_signature": asn1.bits(b"\x80", 7),
        "key_cert_sign": asn1.bits(b"\x06", 1),
        "key_agreement": asn1.bits(b"\x08", 3),
    }[kind]


def _extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    return asn1.sequence(asn1.oid(kind), *([asn1.boolean(True)] if critical else []), asn1.octets(value))


def _attribute(kind: str, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid(kind), asn1.set_of(value))


__all__ = ["ORGANIZATION", "Authority", "Holder", "authority_of", "signer_of", "trust_store_for"]
