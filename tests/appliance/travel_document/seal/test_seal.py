"""Seals: read, verified, held against the page; and what no signer has made."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.simulation.chip.authority import Authority, authority_of, trust_store_for
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.simulation.seal import build_seal, seal_signer
from appliance.travel_document import parse_mrz
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed, UnsupportedEncoding
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_store import TrustStore
from appliance.travel_document.seal.c40 import decode_c40, encode_c40
from appliance.travel_document.seal.seal import EMERGENCY_DOCUMENT, looks_like_seal, read_seal
from appliance.travel_document.seal.verify import judge_seal

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
VISA = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
PAGE = parse_mrz(VISA, today=NOW.date())
ROOTS = trust_store_for(["UTO"], now=NOW, crl_age=dt.timedelta(hours=4))
STORE = import_trust(ROOTS, seal_signer().certificate.raw, (), now=NOW).store


def told(seal: bytes, *, store: TrustStore = STORE, page=PAGE) -> list[tuple[str, str]]:
    return [(one.verdict, one.reason) for one in judge_seal(seal, store, Moment(NOW), page=page)]


@pytest.mark.parametrize("version", [3, 4])
def test_ok__a_visa_s_seal(version: int):
    seal = build_seal(VISA, version=version)
    assert told(seal) == [("PASS", "ok"), ("PASS", "trusted"), ("PASS", "equal")]
    read = read_seal(seal)
    assert (read.version, read.country, read.signer) == (version, "UTO", "UTTS")
    assert read.mrz == (VISA[0], VISA[1][:28])
    assert read.issued == read.signed == dt.date(2026, 10, 1)
    assert looks_like_seal(seal)


@pytest.mark.parametrize("curve", ["brainpoolP224r1", "secp256r1", "brainpoolP384r1", "secp521r1"])
def test_ok__keys_of_every_size(curve: str):
    digest = {"brainpoolP224r1": "sha224", "secp256r1": "sha256", "brainpoolP384r1": "sha384"}.get(
        curve, "sha512"
    )
    signer = seal_signer(signing=ec_signing(curve, digest))
    store = import_trust(ROOTS, signer.certificate.raw, (), now=NOW).store
    assert told(build_seal(VISA, signer=signer), store=store)[0] == ("PASS", "ok")


def test_ok__an_emergency_document():
    lines = ("PUUTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
    seal = build_seal(lines, definition=EMERGENCY_DOCUMENT, tag=0x02, kept=(36, 36))
    assert read_seal(seal).mrz == lines
    assert read_seal(build_seal(lines, definition=0x01, kept=(36, 36))).mrz == ()


def test_fail__changed_moved_and_made_by_others():
    seal = build_seal(VISA)
    changed = bytearray(seal)
    changed[30] ^= 4
    assert ("FAIL", "signature_wrong") in told(bytes(changed)) or ("FAIL", "malformed") in told(
        bytes(changed)
    )
    other = parse_mrz((VISA[0].replace("ANNA", "ANNE"), VISA[1]), today=NOW.date())
    assert told(seal, page=other)[2] == ("FAIL", "different")
    assert told(seal, page=None)[2] == ("NOT_DONE", "no_mrz")
    stranger = seal_signer(Authority("UT", signing=ec_signing()), signing=ec_signing())
    assert told(build_seal(VISA, signer=stranger))[:2] == [
        ("FAIL", "signature_wrong"),
        ("NOT_DONE", "signature_not_verified"),
    ]
    assert told(build_seal(VISA, signature=bytes(64)))[0] == ("FAIL", "signature_wrong")


def test_ok__what_cannot_be_told():
    assert told(build_seal(VISA), store=ROOTS)[:2] == [
        ("CANNOT", "no_signer_certificate"),
        ("NOT_DONE", "signature_not_verified"),
    ]
    unnamed = build_seal(VISA).replace(encode_c40("00032 "), encode_c40("ZZZZZ "))
    assert told(unnamed)[0] == ("CANNOT", "no_signer_certificate")
    import msgspec

    without = TrustStore(msgspec.structs.replace(STORE.content, authorities=()))
    assert told(build_seal(VISA), store=without)[1] == ("CANNOT", "no_trust_anchor")


def test_fail__a_revoked_signer_and_one_that_cannot_sign_seals():
    crl = authority_of("UTO").crl([0x32], this_update=NOW)
    revoked = import_trust(STORE, crl, (), now=NOW).store
    assert told(build_seal(VISA), store=revoked)[1] == ("FAIL", "revoked")
    rsa = seal_signer(signing=rsa_signing(1024))
    store = import_trust(ROOTS, rsa.certificate.raw, (), now=NOW).store
    assert told(build_seal(VISA), store=store)[0] == ("FAIL", "signature_wrong")


@pytest.mark.parametrize("text", ["", "A", "AB", "ABC", "ABCD", "0123456789 Z", "V UTO"])
def test_ok__c40_there_and_back(text: str):
    assert decode_c40(encode_c40(text)) == text


@pytest.mark.parametrize(
    "data", [b"\x01", b"\xff\xff", b"\x00\x00", b"\xfe\x00", b"\xfe\x42\x01\x01", b"\x00\x01"]
)
def test_fail__not_c40(data: bytes):
    with pytest.raises(Malformed):
        decode_c40(data)


def test_fail__text_that_c40_does_not_have():
    with pytest.raises(Malformed):
        encode_c40("a")


SEAL = build_seal(VISA)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Malformed),
        (b"\xdd\x03" + SEAL[2:], Malformed),
        (b"\xdc\x07" + SEAL[2:], UnsupportedEncoding),
        (SEAL[:-1], Malformed),
        (SEAL + b"\x00", Malformed),
        (SEAL[:20], Malformed),
        (bytes(5_000), LimitExceeded),
        (SEAL[:4] + encode_c40("UTTSZZ") + SEAL[8:], Malformed),
        (SEAL[:20] + b"\x05\x80", Malformed),
        (SEAL[:20] + b"\x05\x83\x00\x00\x01\x00", Malformed),
        (SEAL[:20] + b"".join(bytes((tag, 0)) for tag in range(70)), LimitExceeded),
    ],
)
def test_fail__not_a_seal(data: bytes, error: type[EmrtdError]):
    with pytest.raises(error):
        read_seal(data)
    assert told(data)[0] == ("FAIL", "malformed")


def test_ok__a_date_that_no_calendar_has_is_none():
    at = SEAL.index(b"\x98\xb4") if b"\x98\xb4" in SEAL else 12
    assert read_seal(SEAL[:at] + SEAL[at:]).issued is not None
    odd = SEAL[:12] + bytes(3) + SEAL[15:]
    assert read_seal(odd).issued is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_ok__any_bytes_are_judged(data: bytes):
    assert len(told(b"\xdc\x03" + data)) == 3
