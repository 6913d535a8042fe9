"""One chip judged: what is genuine, what was changed, what was copied, and what cannot be told."""

import datetime as dt
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.chip.blocks import LearnedManners
from appliance.chip.reader import read_chip
from appliance.simulation.chip.authority import Authority, Holder, authority_of, signer_of, trust_store_for
from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import build_com, build_files, mrz_information_of
from appliance.simulation.chip.misbehaviour import Misbehaviour
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey, chip_authentication_info, pace_info
from appliance.simulation.chip.signing import ec_signing, rsa_signing
from appliance.simulation.chip.sod import security_object
from appliance.simulation.portraits import draw_portrait
from appliance.travel_document import generate_mrz, parse_mrz
from appliance.travel_document.authentication.facts import (
    AccessAttempt,
    AccessFacts,
    ActiveAuthenticationFacts,
    ChipFacts,
)
from appliance.travel_document.authentication.finding import Moment
from appliance.travel_document.authentication.passive import authenticate
from appliance.travel_document.authentication.report import IDS, judge_chip
from appliance.travel_document.authentication.security_object import read_security_object
from appliance.travel_document.layout import MrzFormat
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki.certificate import parse_certificate
from appliance.travel_document.pki.trust_import import import_trust
from appliance.travel_document.pki.trust_report import Anchor
from appliance.travel_document.pki.trust_store import TrustStore

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
MOMENT = Moment(NOW)
SIGNED = dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
PICTURE = draw_portrait(3)


def lines(state: str = "UTO", expiry: dt.date = dt.date(2031, 6, 30)) -> tuple[str, ...]:
    return generate_mrz(
        MrzFormat.TD3, document_code="P", issuing_state=state, primary_identifier="ERIKSSON",
        secondary_identifier="ANNA MARIA", document_number="L898902C3", nationality=state,
        birth_date=dt.date(1974, 8, 12), sex="F", expiry_date=expiry,
    )  # fmt: skip


LINES = lines()
STORE = trust_store_for(["UTO", "FRA"], now=NOW, crl_age=dt.timedelta(hours=5))
SECRETS = ChipSecrets(
    pace=(pace_info("CAM", "AES-128", 13), pace_info("GM", "AES-128", 13)),
    chip_authentication=(chip_authentication_info("AES-128", 13),),
    static_keys=(StaticKey.generate(13),),
    active_authentication=ec_signing(),
)
UTOPIA = authority_of("UTO")


def made(
    *, secrets: ChipSecrets = SECRETS, signer: Holder | None = None, mrz=LINES, signed_at=SIGNED
) -> dict[str, bytes]:
    return build_files(mrz_lines=mrz, picture=PICTURE, secrets=secrets, signer=signer, signed_at=signed_at)


def facts(
    misbehaviour: Misbehaviour = Misbehaviour.NONE, *, secrets: ChipSecrets = SECRETS, **changes: bytes
) -> ChipFacts:
    files = {**made(secrets=secrets), **changes}
    chip = VirtualChip(
        files, mrz_information=mrz_information_of(files), secrets=secrets, misbehaviour=misbehaviour
    )
    return read_chip(
        chip.transmit,
        mrz_information=mrz_information_of(files),
        challenge=os.urandom(8),
        learned=LearnedManners(),
    ).facts()


def verdicts(
    of: ChipFacts, *, store: TrustStore = STORE, moment: Moment = MOMENT, page=None
) -> dict[str, tuple]:
    findings = judge_chip(of, store, moment, page=page).findings
    assert len({finding.id for finding in findings}) == len(findings)
    return {finding.id.removeprefix("chip."): (finding.verdict, finding.reason) for finding in findings}


def on_disk(files: dict[str, bytes], **settings) -> dict[str, tuple]:
    return verdicts(ChipFacts(files, from_chip=False), **settings)


def test_ok__an_honest_chip_passes_everything():
    told = verdicts(facts(), page=parse_mrz(LINES, today=NOW.date()))
    assert {f"chip.{name}" for name in told} >= set(IDS)
    assert {name: verdict for name, (verdict, _) in told.items() if verdict != "PASS"} == {}
    assert told["passive_authentication"] == ("PASS", "verified")
    assert told["chip_authentication_mapping"] == ("PASS", "proved")


def test_ok__evidence_names_what_was_leaned_on():
    findings = {finding.id: finding for finding in judge_chip(facts(), STORE, MOMENT).findings}
    path = findings["chip.certificate_path"].evidence
    assert (path["country"], path["length"], path["list_age_hours"], path["role"]) == ("UT", 2, 5.0, "root")
    assert findings["chip.revocation"].evidence == {"list_age_hours": 5.0}
    assert findings["chip.pace"].evidence["used"] == "PACE"
    assert findings["chip.sod_signature"].to_json()["evidence"]["algorithm"] == "ecdsa/sha256"


@pytest.mark.parametrize(
    ("misbehaviour", "told"),
    [
        (Misbehaviour.CLONE, {
            "active_authentication": ("FAIL", "signature_wrong"),
            "chip_authentication": ("FAIL", "wrong_answer"),
            "chip_authentication_mapping": ("FAIL", "wrong_answer"),
            "passive_authentication": ("PASS", "verified"),
        }),
        (Misbehaviour.WITHHOLDS_KEYS, {
            "active_authentication": ("FAIL", "withheld"),
            "chip_authentication": ("FAIL", "withheld"),
            "com_matches_sod": ("FAIL", "hides_data_groups"),
        }),
        (Misbehaviour.REFUSES_ACTIVE_AUTHENTICATION, {"active_authentication": ("FAIL", "refused")}),
        (Misbehaviour.REFUSES_CHIP_AUTHENTICATION, {"chip_authentication": ("FAIL", "refused")}),
        (Misbehaviour.PACE_FAILS, {"pace": ("FAIL", "offered_not_used")}),
        (Misbehaviour.PACE_HIDDEN, {
            "pace": ("NOT_DONE", "not_offered"),
            "card_access_matches_dg14": ("FAIL", "pace_hidden"),
        }),
    ],
)  # fmt: skip
def test_fail__chips_that_are_not_what_they_say(misbehaviour: Misbehaviour, told: dict[str, tuple]):
    found = verdicts(facts(misbehaviour))
    assert {name: found[name] for name in told} == told


def test_fail__a_changed_portrait():
    files = made()
    files["DG2"] = files["DG2"][:-1] + bytes((files["DG2"][-1] ^ 1,))
    told = on_disk(files)
    assert told["data_group_hash.dg2"] == ("FAIL", "different")
    assert told["passive_authentication"] == ("FAIL", "failed")
    assert told["data_group_hash.dg1"] == ("PASS", "ok")


def impersonated(stranger: Holder) -> bytes:
    """Its certificate, naming the true authority's key as its issuer's."""
    assert stranger.certificate.authority_key_id is not None
    true = UTOPIA.root.key_id
    return stranger.certificate.raw.replace(stranger.certificate.authority_key_id, true)


def test_fail__a_signature_of_nobody():
    stranger = Authority("UT", signing=ec_signing()).signer(signing=ec_signing())
    told = on_disk(made(signer=stranger))
    assert told["sod_signature"] == ("PASS", "ok")
    assert told["certificate_path"] == ("CANNOT", "unknown_authority")
    forged = replace(stranger, certificate=parse_certificate(impersonated(stranger)))
    assert on_disk(made(signer=forged))["certificate_path"] == ("FAIL", "not_issued_by_authority")
    signer = signer_of("UTO")
    content = security_object({1: made()["DG1"]}, signer)
    broken = content.replace(content[-10:], bytes(10))
    assert on_disk({**made(), "SOD": tlv.encode(0x77, broken)})["sod_signature"] == (
        "FAIL",
        "signature_wrong",
    )
    assert on_disk({**made(), "SOD": b"\x77\x00"})["passive_authentication"] == ("FAIL", "malformed")


def test_ok__no_verdict_on_the_chip_without_passive_authentication():
    nobody = verdicts(facts(), store=TrustStore())
    assert nobody["certificate_path"] == ("CANNOT", "no_trust_store")
    assert nobody["passive_authentication"] == ("CANNOT", "no_trust_store")
    for name in ("active_authentication", "chip_authentication", "chip_authentication_mapping"):
        assert nobody[name] == ("NOT_DONE", "key_not_authenticated"), name
    others = trust_store_for(["FRA"], now=NOW, crl_age=dt.timedelta())
    french = made(mrz=lines("D"))
    assert on_disk(french, store=others)["certificate_path"] == ("CANNOT", "no_trust_anchor")


def test_ok__a_data_group_that_was_not_signed_is_nothing_to_rely_on():
    secrets = replace(SECRETS, active_authentication=None)
    files = made(secrets=secrets)
    files["DG15"] = SECRETS.dg15()
    of = facts(secrets=SECRETS, **{name: files[name] for name in ("SOD", "DG14", "DG15")})
    told = verdicts(of)
    assert told["data_group_hash.dg15"] == ("NOT_DONE", "not_in_sod")
    assert told["active_authentication"] == ("NOT_DONE", "not_in_sod")


def test_ok__guarded_and_unread_groups():
    groups = {name: content for name, content in made().items() if name.startswith("DG")}
    contents = {int(name[2:]): content for name, content in groups.items()} | {3: b"fingers", 11: b"details"}
    sod = tlv.encode(0x77, security_object(contents, signer_of("UTO"), signed_at=SIGNED))
    told = verdicts(ChipFacts({**groups, "SOD": sod}, {"DG11": "refused 6982"}))
    assert told["data_group_hash.dg3"] == ("NOT_DONE", "needs_terminal_authentication")
    assert told["data_group_hash.dg11"] == ("NOT_DONE", "not_read")
    assert told["passive_authentication"] == ("PASS", "verified")


def test_ok__index_against_signed_object():
    files = made()
    groups = {name: content for name, content in files.items() if name.startswith("DG")}
    more = on_disk({**files, "COM": build_com({**groups, "DG16": b""})})
    assert more["com_matches_sod"] == ("PASS", "names_more")
    assert on_disk({**files, "COM": b"\x60\x00"})["com_matches_sod"] == ("FAIL", "malformed")


def with_signer(**settings) -> dict[str, bytes]:
    return made(signer=UTOPIA.signer(signing=ec_signing(), serial=50, **settings))


YEAR = dt.timedelta(days=365)


@pytest.mark.parametrize(
    ("settings", "signed_at", "told"),
    [
        ({"ends": SIGNED + YEAR}, SIGNED, ("FAIL", "expired_before_document")),
        ({"begins": SIGNED + YEAR}, SIGNED, ("FAIL", "not_valid_at_signing")),
        ({"begins": NOW + YEAR}, None, ("FAIL", "not_yet_valid")),
        ({"begins": dt.datetime(2010, 1, 1, tzinfo=dt.UTC)}, SIGNED, ("FAIL", "authority_not_valid_then")),
        ({}, SIGNED, ("PASS", "valid")),
        ({}, None, ("PASS", "valid")),
    ],
)
def test_ok__a_signer_s_validity_at_signing_and_now(settings: dict, signed_at, told: tuple):
    signer = UTOPIA.signer(signing=ec_signing(), serial=50, **settings)
    groups = {1: made()["DG1"]}
    sod = tlv.encode(0x77, security_object(groups, signer, signed_at=signed_at))
    assert on_disk({"DG1": groups[1], "SOD": sod})["signer_validity"] == told


@pytest.mark.parametrize(
    ("signed_at", "told"),
    [(SIGNED, ("PASS", "valid_at_signing")), (None, ("CANNOT", "signing_time_unknown"))],
)
def test_ok__an_expired_signer_of_an_expired_document(signed_at, told: tuple):
    signer = UTOPIA.signer(signing=ec_signing(), serial=50, ends=SIGNED + YEAR)
    dg1 = made(mrz=lines(expiry=dt.date(2025, 1, 1)))["DG1"]
    sod = tlv.encode(0x77, security_object({1: dg1}, signer, signed_at=signed_at))
    assert on_disk({"DG1": dg1, "SOD": sod})["signer_validity"] == told


def test_ok__an_unsure_clock_says_so_and_the_floor_still_counts():
    unsure = Moment(NOW, None, NOW)
    assert on_disk(made(), moment=unsure)["signer_validity"] == ("CANNOT", "clock_unsure")
    carried = Moment(NOW, dt.timedelta(days=183), NOW)
    assert on_disk(made(), moment=carried)["signer_validity"] == ("PASS", "valid")
    late = Moment(NOW, None, dt.datetime(2051, 1, 1, tzinfo=dt.UTC))
    assert on_disk(made(), moment=late)["signer_validity"] == ("PASS", "valid_at_signing")
    findings = judge_chip(ChipFacts(made()), STORE, unsure).findings
    assert next(one for one in findings if one.id == "chip.revocation").evidence == {"list_age_hours": None}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"usage": "key_agreement"}, ("FAIL", "not_for_signatures")),
        ({"document_types": ("V",)}, ("FAIL", "other_kind_of_document")),
        ({"document_types": ("P", "ID")}, ("PASS", "ok")),
        ({}, ("PASS", "ok")),
    ],
)
def test_ok__a_signer_s_purpose(settings: dict, told: tuple):
    assert on_disk(with_signer(**settings))["key_usage"] == told


def test_ok__issuing_state_against_certificates():
    assert on_disk(made(signer=signer_of("FRA")))["issuing_state"] == ("FAIL", "different")
    assert on_disk(made(signer=with_country("")))["issuing_state"] == ("CANNOT", "no_country")
    unknown = made(mrz=lines("XBA"), signer=signer_of("UTO"))
    assert on_disk(unknown)["issuing_state"] == ("CANNOT", "unknown_code")
    alone = {"SOD": made()["SOD"]}
    assert on_disk(alone)["issuing_state"] == ("NOT_DONE", "no_dg1")
    assert on_disk(alone)["passive_authentication"] == ("NOT_DONE", "no_data_groups")


def with_country(country: str) -> Holder:
    nowhere = Authority(country, signing=ec_signing())
    return nowhere.signer(signing=ec_signing())


def test_fail__revoked():
    crl = UTOPIA.crl([signer_of("UTO").certificate.serial], this_update=NOW - dt.timedelta(hours=2))
    store = import_trust(STORE, crl, (), now=NOW).store
    told = judge_chip(ChipFacts(made()), store, MOMENT).findings
    revoked = next(one for one in told if one.id == "chip.revocation")
    assert (revoked.verdict, revoked.reason) == ("FAIL", "revoked")
    assert revoked.evidence == {"since": "2026-11-20", "why": "key_compromise", "list_age_hours": 2.0}


def test_ok__revocation_lists_that_are_old_or_missing():
    old = UTOPIA.crl([], this_update=NOW - 2 * YEAR, next_update=NOW - YEAR)
    bare = import_trust(
        TrustStore(), UTOPIA.root.certificate.raw, (Anchor(UTOPIA.root.certificate.fingerprint),), now=NOW
    ).store
    assert on_disk(made(), store=bare)["revocation"] == ("NOT_DONE", "no_crl")
    assert on_disk(made(), store=bare)["passive_authentication"] == ("PASS", "verified")
    store = import_trust(bare, old, (), now=NOW).store
    assert on_disk(made(), store=store)["revocation"] == ("PASS", "not_revoked_old_list")


def test_ok__a_security_object_without_its_certificate():
    signer = signer_of("UTO")
    dg1 = made()["DG1"]
    groups = security_object({1: dg1}, signer, signed_at=SIGNED)
    assert on_disk({"DG1": dg1, "SOD": tlv.encode(0x77, groups)})["sod_signature"] == ("PASS", "ok")
    from appliance.travel_document.lds import der

    inside = der.parse(groups).children()[1].explicit().children()
    from appliance.simulation.chip import asn1

    parts = b"".join(one.raw for number, one in enumerate(inside) if number != 3)
    without = asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.explicit(0, tlv.encode(0x30, parts)))
    files = {"DG1": dg1, "SOD": tlv.encode(0x77, without)}
    assert on_disk(files)["sod_signature"] == ("CANNOT", "no_signer_certificate")
    assert on_disk(files)["certificate_path"] == ("NOT_DONE", "signature_not_verified")
    with_signer = import_trust(STORE, signer.certificate.raw, (), now=NOW).store
    assert on_disk(files, store=with_signer)["certificate_path"] == ("PASS", "trusted")


@pytest.mark.parametrize(
    "signing", [rsa_signing(1024, "sha1"), rsa_signing(2048, "sha512"), ec_signing("secp521r1", "sha512")]
)
def test_ok__active_authentication_with_every_kind_of_key(signing):
    secrets = ChipSecrets(active_authentication=signing)
    of = facts(secrets=secrets)
    assert verdicts(of)["active_authentication"] == ("PASS", "proved")
    replayed = replace(
        of, active_authentication=ActiveAuthenticationFacts(bytes(8), of.active_authentication.response)
    )
    assert verdicts(replayed)["active_authentication"] == ("FAIL", "signature_wrong")
    assert verdicts(replace(of, active_authentication=None))["active_authentication"] == (
        "NOT_DONE",
        "not_asked",
    )


def test_ok__der_signatures_of_odd_chips():
    of = facts(secrets=ChipSecrets(active_authentication=ec_signing(), plain_signatures=False))
    assert verdicts(of)["active_authentication"] == ("PASS", "proved")


def signed_with(**groups: bytes) -> dict[str, bytes]:
    """A chip's files with these data groups signed over, whatever is in them."""
    files = {**made(), **groups}
    contents = {int(name[2:]): content for name, content in files.items() if name.startswith("DG")}
    files["SOD"] = tlv.encode(0x77, security_object(contents, signer_of("UTO"), signed_at=SIGNED))
    return files


def test_ok__keys_that_cannot_be_read_are_said():
    of = facts()
    odd = signed_with(DG14=tlv.encode(0x6E, b"\x04\x00"), DG15=tlv.encode(0x6F, b"\x30\x00"))
    told = verdicts(replace(of, files=odd))
    assert told["active_authentication"] == ("CANNOT", "unsupported_key")
    assert told["chip_authentication"] == ("CANNOT", "unsupported_key")
    assert told["card_access_matches_dg14"] == ("FAIL", "malformed")
    unread = tlv.encode(
        0x6E, bytes.fromhex("310D300B060904007F000702020102")
    )  # a key's entry without its key
    told = verdicts(replace(of, files=signed_with(DG14=unread)))
    assert told["chip_authentication"] == ("CANNOT", "unsupported_key")
    none = tlv.encode(0x6E, bytes.fromhex("3100"))
    told = verdicts(replace(of, files=signed_with(DG14=none)))
    assert told["chip_authentication"] == ("NOT_DONE", "not_offered")
    assert told["card_access_matches_dg14"] == ("NOT_DONE", "not_in_dg14")


def test_ok__a_proof_with_another_key_does_not_count():
    of = facts()
    other = replace(of.chip_authentication, public_key=StaticKey.generate(13).public)
    assert verdicts(replace(of, chip_authentication=other))["chip_authentication"] == ("CANNOT", "other_key")
    assert verdicts(replace(of, chip_authentication=None))["chip_authentication"] == ("NOT_DONE", "not_asked")
    inferred = replace(of.chip_authentication, outcome="refused", inferred=True, status_word=0x6A80)
    assert verdicts(replace(of, chip_authentication=inferred))["chip_authentication"] == ("CANNOT", "refused")


def test_ok__card_access_that_is_not_signed_alike():
    of = facts()
    other = ChipSecrets(pace=(pace_info("GM", "3DES", 8),)).card_access()
    assert verdicts(replace(of, files={**of.files, "CardAccess": other}))["card_access_matches_dg14"] == (
        "FAIL",
        "different",
    )
    files = {
        name: content for name, content in of.files.items() if name not in ("CardAccess", "CardSecurity")
    }
    assert on_disk(files)["card_access_matches_dg14"] == ("NOT_DONE", "not_read")


def test_ok__the_mapping_s_key_from_dg14_or_from_nowhere():
    of = facts()
    files = {name: content for name, content in of.files.items() if name != "CardSecurity"}
    assert verdicts(replace(of, files=files))["chip_authentication_mapping"] == ("PASS", "proved")
    for content in (b"\x30\x00", signer_of("UTO").signed_data("1.2.3", b"x"), with_country("UT").signed_data(
        "0.4.0.127.0.7.3.2.1", b"\x31\x00"
    )):  # fmt: skip
        told = verdicts(replace(of, files={**files, "CardSecurity": content}))
        assert told["chip_authentication_mapping"] == ("PASS", "proved"), "DG14 has the key too"
    mapping = replace(of.chip_mapping, curve="secp256r1")
    assert verdicts(replace(of, chip_mapping=mapping))["chip_authentication_mapping"] == (
        "FAIL",
        "wrong_answer",
    )
    zero = replace(of.chip_mapping, chip_data=bytes(32))
    assert verdicts(replace(of, chip_mapping=zero))["chip_authentication_mapping"] == ("FAIL", "wrong_answer")


def test_ok__access_that_could_not_be_used():
    of = facts()
    unsupported = AccessFacts(
        "BAC", True, (AccessAttempt("PACE-X", "", "unsupported"), AccessAttempt("BAC", "MRZ", "opened"))
    )
    assert verdicts(replace(of, access=unsupported))["pace"] == ("CANNOT", "offered_not_supported")
    assert verdicts(replace(of, access=None))["pace"] == ("NOT_DONE", "no_chip_to_ask")


def test_ok__page_against_chip():
    page = parse_mrz(LINES, today=NOW.date())
    other = parse_mrz(lines(expiry=dt.date(2032, 1, 1)), today=NOW.date())
    assert verdicts(ChipFacts(made()), page=page)["dg1_matches_mrz"] == ("PASS", "equal")
    assert verdicts(ChipFacts(made()), page=other)["dg1_matches_mrz"] == ("FAIL", "different")
    assert verdicts(ChipFacts({**made(), "DG1": b"\x61\x00"}), page=page)["dg1_matches_mrz"] == (
        "FAIL",
        "malformed",
    )
    assert verdicts(ChipFacts({}), page=page)["dg1_matches_mrz"] == ("NOT_DONE", "chip_not_read")
    assert verdicts(ChipFacts({}))["passive_authentication"] == ("CANNOT", "no_sod")


@pytest.mark.parametrize("legacy", ["1.2.840.113549.1.7.1", "1.2.528.1.1006.1.20.1"])
def test_ok__security_objects_of_early_issuers(legacy: str):
    dg1 = made()["DG1"]
    sod = tlv.encode(0x77, security_object({1: dg1}, signer_of("UTO"), signed_at=SIGNED, content_type=legacy))
    assert read_security_object(sod).legacy_content_type
    assert on_disk({"DG1": dg1, "SOD": sod})["passive_authentication"] == ("PASS", "verified")


def test_fail__security_objects_that_are_none():
    from appliance.simulation.chip import asn1

    signer = signer_of("UTO")
    digest = asn1.sequence(asn1.oid("2.16.840.1.101.3.4.2.1"))

    def sod(content: bytes, kind: str = "2.23.136.1.1.1") -> bytes:
        return tlv.encode(0x77, signer.signed_data(kind, content))

    def listed(*numbers: int) -> bytes:
        pairs = [asn1.sequence(asn1.integer(number), asn1.octets(bytes(32))) for number in numbers]
        return asn1.sequence(asn1.integer(0), digest, asn1.sequence(*pairs))

    with pytest.raises(Malformed, match="something else"):
        read_security_object(sod(listed(1), "1.2.3"))
    with pytest.raises(Malformed, match="twice"):
        read_security_object(sod(listed(1, 1)))
    with pytest.raises(LimitExceeded):
        read_security_object(sod(listed(*range(33))))


def test_ok__what_was_verified_ahead_is_used():
    of = facts()
    ahead = authenticate(of, STORE, MOMENT)
    assert judge_chip(of, TrustStore(), MOMENT, passive=ahead).passive is ahead
    assert judge_chip(of, STORE, MOMENT).issuing_state == "UT"
    assert judge_chip(ChipFacts({}), STORE, MOMENT).issuing_state is None


HONEST = facts()


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(HONEST.files)), st.data())
def test_fail__no_altered_file_passes(name: str, data: st.DataObject):
    content = bytearray(HONEST.files[name])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    told = verdicts(replace(HONEST, files={**HONEST.files, name: bytes(content)}))
    if name.startswith("DG"):
        assert told[f"data_group_hash.{name.lower()}"][0] == "FAIL"
        assert told["passive_authentication"][0] == "FAIL"
    elif name == "SOD":
        sod = HONEST.files["SOD"]
        try:
            same = read_security_object(bytes(content)).hashes == read_security_object(sod).hashes
        except EmrtdError:
            same = False
        assert same or told["passive_authentication"][0] != "PASS"
