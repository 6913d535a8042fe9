"""Into the trust store: what is signed under the anchor, and nothing else."""

import base64
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pki_made import ANCHOR, FRANCE, NOW, ROOT, UTOPIA, altered, taken

from appliance.simulation.chip import asn1
from appliance.simulation.chip.authority import MASTER_LIST, MASTER_LIST_SIGNING, Authority
from appliance.simulation.chip.signing import rsa_signing
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed
from appliance.travel_document.pki import ldif as ldif_module
from appliance.travel_document.pki.certificate import parse_certificate
from appliance.travel_document.pki.crl import parse_crl
from appliance.travel_document.pki.trust_report import Anchor, NotImportable
from appliance.travel_document.pki.trust_store import TrustStore

DAY = dt.timedelta(days=1)
OLD, NEW = Authority("DE", generation=1), Authority("DE", generation=2)
LIST = UTOPIA.master_list([ROOT, FRANCE.root.certificate], signed_at=NOW - 9 * DAY)
FULL = UTOPIA.master_list(
    [ROOT, FRANCE.root.certificate, OLD.root.certificate, OLD.link_to(NEW)], signed_at=NOW - DAY
)


def reasons(report) -> dict[str, str]:
    return {check["id"]: check["reason"] for check in report.checks}


def test_ok__a_list_under_its_anchor():
    report = taken(FULL)
    assert report.installed
    assert (report.certificates, report.accepted, report.kind) == (4, 4, "master_list")
    assert dict(report.roles) == {"root": 3, "link": 1}
    assert report.store.countries == ("DE", "FR", "UT")
    assert report.signed_at == NOW - DAY
    assert report.store.role_of(OLD.link_to(NEW)) == "link"
    assert report.store.said_at(ROOT) == NOW - DAY
    assert report.store.said_at(NEW.root.certificate) is None


def test_ok__the_store_survives_its_bytes():
    store = TrustStore.from_bytes(taken(FULL).store.to_bytes())
    assert (
        store.authorities("de") == (OLD.root.certificate, OLD.link_to(NEW))
        or len(store.authorities("de")) == 2
    )
    assert store.authorities("XX") == ()
    assert len(store.all_authorities()) == 4
    assert store.source(store.content.sources[0].id) == store.content.sources[0]


def test_ok__a_newer_list_replaces_and_what_it_leaves_out_is_gone():
    report = taken(FULL, UTOPIA.master_list([ROOT], signed_at=NOW))
    assert report.store.countries == ("UT",)
    assert len(report.store.content.sources) == 1


def test_ok__lists_of_two_states_stand_side_by_side():
    french = FRANCE.master_list([FRANCE.root.certificate, OLD.root.certificate], signed_at=NOW)
    report = taken(LIST, french, anchors=(ANCHOR, Anchor(FRANCE.root.certificate.fingerprint)))
    assert report.store.countries == ("DE", "FR", "UT")
    stored = {one.fingerprint: one.sources for one in report.store.content.authorities}
    assert len(stored[FRANCE.root.certificate.fingerprint]) == 2


def test_fail__an_older_list_is_refused():
    report = taken(FULL, LIST)
    assert not report.installed
    assert reasons(report)["trust.not_older"] == "older"
    assert report.store.countries == ("DE", "FR", "UT")


def test_fail__an_altered_list():
    changed = LIST.replace(ROOT.raw[-20:], bytes(20), 1)
    assert reasons(taken(changed))["trust.list_signature"] == "content_altered"
    signature = bytearray(LIST)
    signature[-1] ^= 1
    assert reasons(taken(bytes(signature)))["trust.list_signature"] == "signature_wrong"


def test_fail__signers_that_may_not():
    for signer, reason in (
        (
            UTOPIA.signer(serial=8, ends=NOW - 30 * DAY, extended_key_usage=MASTER_LIST_SIGNING),
            "trust.signer_validity",
        ),
        (UTOPIA.signer(serial=9, extended_key_usage="1.2.3"), "trust.signer_usage"),
    ):
        report = taken(UTOPIA.master_list([ROOT], signed_at=NOW, signer=signer))
        assert not report.installed
        assert {one["id"]: one["verdict"] for one in report.checks}[reason] == "FAIL"


def test_fail__nobody_s_list():
    report = taken(LIST, anchors=())
    assert reasons(report)["trust.anchor"] == "no_anchor"
    signer = UTOPIA.signer(serial=7, extended_key_usage=MASTER_LIST_SIGNING)
    bare = signer.signed_data(
        MASTER_LIST, asn1.sequence(asn1.integer(0), asn1.set_of(ROOT.raw)), certificates=[]
    )
    report = taken(bare)
    assert reasons(report)["trust.list_signature"] == "no_signer_certificate"


def test_ok__an_anchor_s_own_file_completes_a_list_that_lacks_it():
    signer = UTOPIA.signer(serial=7, extended_key_usage=MASTER_LIST_SIGNING)
    content = asn1.sequence(asn1.integer(0), asn1.set_of(FRANCE.root.certificate.raw))
    bare = signer.signed_data(MASTER_LIST, content, signed_at=NOW)
    assert not taken(bare).installed
    assert taken(bare, anchors=(Anchor.from_bytes(ROOT.raw),)).installed


def test_ok__what_is_refused_says_why():
    weak = Authority("XA", signing=rsa_signing(1024))
    entries = [
        ROOT,
        altered(FRANCE.root.certificate),
        altered(OLD.link_to(NEW)),
        OLD.root.certificate,
        b"\x30\x03\x02\x01\x01",
        UTOPIA.signer().certificate,
        Authority("").root.certificate,
        weak.root.certificate.raw.replace(
            bytes.fromhex("2A864886F70D010101"), bytes.fromhex("2A864886F70D010177"), 1
        ),
        Authority("XB", generation=1).link_to(Authority("XB", generation=2)),
    ]
    report = taken(UTOPIA.master_list(entries, signed_at=NOW))
    assert sorted(one.reason for one in report.refused) == [
        "issuer_signature_wrong",
        "no_country",
        "not_an_authority",
        "self_signature_wrong",
        "unreadable",
        "unsupported_key",
    ]
    assert report.roles["link_without_issuer"] == 1
    assert report.certificates == len(entries)


def test_ok__single_certificates():
    pinned = taken(ROOT.raw)
    assert (pinned.installed, pinned.kind, pinned.store.countries) == (True, "certificate", ("UT",))
    rolled = Authority("UT", generation=2)
    link = taken(UTOPIA.link_to(rolled).raw, store=pinned.store, anchors=())
    assert link.store.role_of(UTOPIA.link_to(rolled)) == "link"
    signer = UTOPIA.signer().certificate
    with_signer = taken(signer.raw, store=pinned.store, anchors=())
    assert with_signer.store.signers("UT") == (signer,)
    assert [one.reason for one in taken(signer.raw).refused] == ["no_issuer"]
    assert [one.reason for one in taken(ROOT.raw, anchors=()).refused] == ["no_anchor"]
    odd = parse_certificate(ROOT.raw).raw.replace(
        bytes.fromhex("2A8648CE3D030107"), bytes.fromhex("2A8648CE3D030177")
    )
    assert [one.reason for one in taken(odd).refused] == ["unsupported_key"]


def test_ok__revocation_lists():
    store = taken(LIST).store
    crl = UTOPIA.crl([1000, 1001], this_update=NOW - DAY, next_update=NOW + DAY)
    report = taken(crl, store=store, anchors=())
    (stored,) = report.store.crls("ut")
    assert set(stored.revoked) == {1000, 1001}
    assert stored.revoked[1000] == (NOW - DAY, "key_compromise")
    assert (stored.number, stored.authority_key_id) == (1, ROOT.subject_key_id)
    assert stored.covers(UTOPIA.signer().certificate)
    assert not stored.covers(FRANCE.signer().certificate)
    newer = taken(UTOPIA.crl([], this_update=NOW, number=2), store=report.store, anchors=())
    assert [one.number for one in newer.store.crls("UT")] == [2]
    older = taken(crl, store=newer.store, anchors=())
    assert [one.reason for one in older.refused] == ["older"]
    assert [one.reason for one in taken(FRANCE.crl([], this_update=NOW)).refused] == ["no_issuer"]


@pytest.mark.parametrize(
    "data", [b"", b"\x30\x00", UTOPIA.crl([1], this_update=NOW)[:-1], bytes(17 * 1024 * 1024)]
)
def test_fail__not_a_revocation_list(data: bytes):
    with pytest.raises(Malformed):
        parse_crl(data)


def deviation_list(*, key_id: bytes, signer=None) -> bytes:
    named = [
        asn1.explicit(2, asn1.octets(key_id)),
        asn1.implicit(2, key_id),
        asn1.explicit(1, asn1.sequence(ROOT.issuer.raw, asn1.integer(1000))),
        asn1.explicit(3, asn1.octets(bytes(32))),
        asn1.implicit(3, bytes(32)),
    ]
    entries = [
        asn1.sequence(
            asn1.sequence(name),
            asn1.set_of(asn1.sequence(asn1.printable("wrong hash"), asn1.oid("2.23.136.1.1.7.2"))),
        )
        for name in named
    ]
    content = asn1.sequence(asn1.integer(0), asn1.set_of(*entries))
    return (signer or UTOPIA.signer(serial=30)).signed_data(
        "2.23.136.1.1.7",
        content,
        signed_at=NOW,
        certificates=[UTOPIA.signer(serial=30).certificate.raw, ROOT.raw],
    )


def test_ok__deviation_lists():
    signer = UTOPIA.signer().certificate
    report = taken(LIST, deviation_list(key_id=signer.subject_key_id))
    assert report.deviations == 5
    known = report.store.deviations_of(signer)
    assert {one.description for one in known} == {"wrong hash"}
    assert len(known) == 3
    assert report.store.deviations_of(FRANCE.signer().certificate) == ()


def ldif(*values: tuple[str, bytes]) -> bytes:
    lines = ["version: 1", "# a comment", "dn: o=ml,c=UT"]
    for name, value in values:
        coded = base64.b64encode(value).decode()
        lines.append(f"{name}:: {coded[:50]}")
        lines += [f" {coded[at : at + 70]}" for at in range(50, len(coded), 70)]
        lines += ["sn: 1", ""]
    return "\n".join(lines).encode()


def test_ok__an_ldif_file_in_any_order():
    crl = UTOPIA.crl([7], this_update=NOW)
    signer = UTOPIA.signer().certificate
    report = taken(
        ldif(
            ("certificateRevocationList;binary", crl),
            ("userCertificate;binary", signer.raw),
            ("userCertificate;binary", OLD.signer().certificate.raw),
            ("userCertificate;binary", b"garbage"),
            ("pkdMasterListContent", LIST),
            ("pkdMasterListContent", signer.raw),
        )
    )
    assert report.kind == "ldif"
    assert report.store.signers("UT") == (signer,)
    assert report.crls == 1
    assert sorted(one.reason for one in report.refused) == ["no_issuer", "unreadable", "unreadable"]
    unknown = UTOPIA.signer().signed_data("1.2.3", b"x")
    assert [one.reason for one in taken(ldif(("pkdMasterListContent", unknown))).refused] == ["unknown_list"]


def test_ok__signers_of_an_installed_authority_need_no_list():
    report = taken(
        ldif(("userCertificate;binary", UTOPIA.signer().certificate.raw)), store=taken(LIST).store, anchors=()
    )
    assert report.installed
    assert report.store.content.sources[-1].kind == "ldif"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"dn: c=UT\nsn: 1\n",
        UTOPIA.signer().signed_data("1.2.3", b"x"),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_fail__nothing_a_store_is_made_from(data: bytes):
    with pytest.raises(NotImportable):
        taken(data)


def test_fail__too_much_and_not_base64(monkeypatch):
    with pytest.raises(Malformed, match="base64"):
        taken(b"dn: c=UT\nuserCertificate;binary:: A\n")
    with pytest.raises(Malformed, match="base64"):
        taken(b"-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----")
    monkeypatch.setattr(ldif_module, "MAX_VALUES", 1)
    with pytest.raises(LimitExceeded):
        taken(ldif(("userCertificate;binary", b"a"), ("userCertificate;binary", b"b")))
    from appliance.travel_document.pki import trust_import

    monkeypatch.setattr(trust_import, "MAX_IMPORT_BYTES", 10)
    with pytest.raises(NotImportable, match="bytes"):
        taken(bytes(11))


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "00" * 31])
def test_fail__not_an_anchor(text: str):
    with pytest.raises(NotImportable):
        Anchor.from_text(text)


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x81\xa7version\x02", bytes(65 * 1024 * 1024)])
def test_fail__not_a_store(data: bytes):
    with pytest.raises(Malformed):
        TrustStore.from_bytes(data)


def test_ok__a_certificate_that_is_no_more_readable_is_not_trusted():
    import msgspec

    content = taken(LIST).store.content
    broken = msgspec.structs.replace(content.authorities[0], der=b"\x30\x00")
    store = TrustStore(msgspec.structs.replace(content, authorities=(broken,)))
    assert store.authorities(broken.country) == ()


def test_fail__more_certificates_than_a_list_can_have(monkeypatch):
    from appliance.travel_document.pki import master_list

    monkeypatch.setattr(master_list, "MAX_CERTIFICATES", 1)
    with pytest.raises(Malformed):
        taken(LIST)
    from appliance.travel_document.pki import deviation_list as module

    monkeypatch.setattr(module, "MAX_DEVIATIONS", 1)
    with pytest.raises(Malformed):
        taken(deviation_list(key_id=bytes(20)))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_ok__any_bytes_are_taken_or_refused(data: bytes):
    try:
        report = taken(data)
    except EmrtdError:
        return
    assert not report.installed
