"""Certificates: read as states write them, roots told from links, signatures held to."""

import datetime as dt

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from pki_made import FRANCE, ROOT, UTOPIA, altered

from appliance.simulation.chip import asn1
from appliance.simulation.chip.authority import BEGINS, Authority
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.travel_document.lds.errors import EmrtdError, Malformed
from appliance.travel_document.pki.certificate import parse_certificate
from appliance.travel_document.pki.path import PathOutcome, find_path, likely_issuers, may_issue

OLD, NEW = Authority("UT", generation=3), Authority("UT", generation=4)
LINK = OLD.link_to(NEW)
SIGNER = UTOPIA.signer(document_types=("P", "ID")).certificate


def test_ok__what_is_read_is_what_another_library_reads():
    other = x509.load_der_x509_certificate(SIGNER.raw)
    assert SIGNER.serial == other.serial_number
    assert SIGNER.not_before == other.not_valid_before_utc
    assert SIGNER.not_after == other.not_valid_after_utc
    assert SIGNER.subject.raw == other.subject.public_bytes()
    assert (
        SIGNER.subject_key_id
        == other.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )
    assert SIGNER.key_usage == {"digital_signature"}
    assert SIGNER.document_types == ("P", "ID")
    assert (SIGNER.country, SIGNER.signature_algorithm) == ("UT", "ecdsa/sha256")


def test_ok__root_link_and_signer_are_told_apart():
    assert ROOT.self_issued_root
    assert not LINK.self_issued_root
    assert not SIGNER.names_itself
    assert may_issue(ROOT)
    assert may_issue(LINK)
    assert not may_issue(SIGNER)
    same_name = Authority("UT", generation=3)
    same_name.root = Authority("UT", generation=4).root
    assert ROOT.signed_by(ROOT)
    assert LINK.signed_by(OLD.root.certificate)
    assert not LINK.signed_by(NEW.root.certificate)


def test_fail__signatures_that_do_not_hold():
    assert not parse_certificate(altered(SIGNER)).signed_by(ROOT)
    assert not SIGNER.signed_by(FRANCE.root.certificate)
    assert not SIGNER.signed_by(SIGNER)


def test_ok__paths():
    direct = find_path(SIGNER, authorities=lambda _: (ROOT,))
    assert (direct.outcome, direct.certificates, direct.authority) == (
        PathOutcome.TRUSTED,
        (SIGNER, ROOT),
        ROOT,
    )
    late = NEW.signer().certificate
    through = find_path(late, authorities=lambda _: (OLD.root.certificate,), between=(LINK, SIGNER, late))
    assert through.certificates == (late, LINK, OLD.root.certificate)
    assert find_path(ROOT, authorities=lambda _: (ROOT,)).certificates == (ROOT,)
    assert through.not_valid_at(BEGINS - dt.timedelta(days=1)) == (LINK, OLD.root.certificate)
    assert through.not_valid_at(BEGINS) == ()


def test_fail__paths_that_lead_nowhere():
    assert find_path(SIGNER, authorities=lambda _: ()).outcome is PathOutcome.NO_ANCHOR
    other = find_path(SIGNER, authorities=lambda _: (NEW.root.certificate,))
    assert (other.outcome, other.authority) == (PathOutcome.UNKNOWN, None)
    forged = parse_certificate(altered(SIGNER))
    assert find_path(forged, authorities=lambda _: (ROOT,)).outcome is PathOutcome.NOT_ISSUED
    late = NEW.signer().certificate
    assert find_path(late, authorities=lambda _: (OLD.root.certificate,)).outcome is PathOutcome.UNKNOWN
    circle = (LINK, NEW.link_to(OLD))
    assert find_path(late, authorities=lambda _: (ROOT,), between=circle).outcome is PathOutcome.UNKNOWN


def test_fail__a_signer_cannot_make_signers():
    sub = UTOPIA.signer(serial=77)
    forged = Authority("UT", signing=sub.signing)
    forged.root = sub
    made = forged.signer(serial=78).certificate
    path = find_path(made, authorities=lambda _: (ROOT,), between=(sub.certificate,))
    assert path.outcome is PathOutcome.UNKNOWN


def test_fail__no_end_of_candidates(monkeypatch):
    from appliance.travel_document.pki import path as module

    monkeypatch.setattr(module, "MAX_SIGNATURES", 2)
    crowd = tuple(Authority("UT", generation=number).root.certificate for number in range(5, 10))
    assert find_path(SIGNER, authorities=lambda _: (*crowd, ROOT)).outcome is PathOutcome.TRUSTED
    assert find_path(SIGNER, authorities=lambda _: crowd).outcome is PathOutcome.UNKNOWN


def test_ok__the_likeliest_issuer_first():
    crowd = [FRANCE.root.certificate, NEW.root.certificate, ROOT]
    assert likely_issuers(SIGNER, crowd)[0] == ROOT


@pytest.mark.parametrize(
    "signing", [rsa_signing(1024), rsa_signing(2048, pss=True), ec_signing("brainpoolP224r1")]
)
def test_ok__authorities_of_every_kind(signing):
    authority = Authority("XX", signing=signing)
    assert authority.signer().certificate.signed_by(authority.root.certificate)


def test_ok__names_are_compared_as_people_would():
    name = ROOT.subject
    assert name.comparable == ROOT.issuer.comparable
    assert FRANCE.root.certificate.subject.comparable != name.comparable


def test_ok__what_strict_parsers_refuse_is_read():
    padded = ROOT.raw + bytes(5)
    assert parse_certificate(padded).raw == ROOT.raw
    negative = UTOPIA.signer(serial=-5).certificate
    assert negative.serial == -5


def test_ok__a_kind_of_document_list_in_another_shape_is_passed_over():
    odd = asn1.sequence(asn1.printable("P"))
    from appliance.travel_document.pki import certificate as module

    assert module._document_types(odd) == ()


def test_ok__private_key_periods():
    from appliance.travel_document.pki import certificate as module

    period = asn1.sequence(asn1.implicit(0, b"20200101000000Z"), asn1.implicit(1, b"20210101000000Z"))
    begins, ends = module._private_key_period(period)
    assert (begins.year, ends.year) == (2020, 2021)


@pytest.mark.parametrize("data", [b"", b"\x30\x00", ROOT.raw[:-1], bytes(70_000)])
def test_fail__not_a_certificate(data: bytes):
    with pytest.raises(Malformed):
        parse_certificate(data)


def test_fail__an_algorithm_nobody_accepts():
    raw = ROOT.raw.replace(bytes.fromhex("2A8648CE3D040302"), bytes.fromhex("2A8648CE3D040399"))
    odd = parse_certificate(raw)
    assert odd.signature_algorithm == "unknown"
    assert not odd.signed_by(ROOT)


@settings(deadline=None)
@given(st.data())
def test_ok__altered_certificates_are_read_or_refused(data: st.DataObject):
    raw = bytearray(SIGNER.raw)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = parse_certificate(bytes(raw))
    except EmrtdError:
        return
    if made.raw != SIGNER.raw:
        assert not made.signed_by(ROOT) or made._signed == SIGNER._signed
