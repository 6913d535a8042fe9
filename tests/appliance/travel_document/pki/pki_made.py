"""Authorities, signers and lists for the tests, made by the simulator."""

import datetime as dt

from appliance.simulation.chip.authority import Authority, authority_of
from appliance.travel_document.pki.certificate import Certificate, parse_certificate
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_report import Anchor, ImportReport
from appliance.travel_document.pki.trust_store import TrustStore

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
UTOPIA = authority_of("UTO")
FRANCE = authority_of("FRA")
ROOT = UTOPIA.root.certificate
ANCHOR = Anchor(ROOT.fingerprint)


def taken(
    *data: bytes, store: TrustStore | None = None, anchors: tuple[Anchor, ...] = (ANCHOR,)
) -> ImportReport:
    """The report of the last of these imports, one after the other."""
    store = store or TrustStore()
    for one in data:
        report = import_trust(store, one, anchors, now=NOW)
        store = report.store
    return report


def altered(certificate: Certificate, at: int = -1) -> bytes:
    """Its bytes with one of the signature's changed."""
    raw = bytearray(certificate.raw)
    raw[at] ^= 1
    return bytes(raw)


__all__ = ["Authority", "parse_certificate"]
