"""The wire: every message against its CDDL (docs/wire), and three generations of firmware read side by side.

fixtures/v1 was written by the first firmware, v2 by the one that began the present format, and next is what a
later one may send without raising the version: labels, fields and types that nobody here knows.
"""

import datetime as dt
from pathlib import Path

import cbor2
import msgspec
import pycddl
import pytest
from nacl.public import SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey
from records_common import (
    CENTRAL_SEALING,
    CENTRAL_WATERMARK,
    NOW,
    STAMP,
    acknowledgement,
    order_of,
    word_for,
)
from test_visas import GRANTED, movement

from appliance import cose
from appliance.contracts.cases import CaseKind, CaseOutcome, Closing, Ground, closing_record
from appliance.contracts.movement import Movement, from_plain
from appliance.contracts.visas import LabelAct
from appliance.records import envelope
from appliance.records.commands import Action, ChangeKey, Rate, Resync, Rights, Support, pack_commands
from appliance.records.manifest import Key, Manifest, Use, sign_manifest
from appliance.records.support import Grant, sign_grant
from appliance.records.timekeeping import ClockWatch
from appliance.records.watermark import read_watermark

FIXTURES = Path(__file__).parent / "fixtures"
WIRE = Path(__file__).parents[3] / "docs" / "wire"
BOX = SigningKey(bytes([1]) * 32)


def schema(name: str, rule: str) -> pycddl.Schema:
    """That file's rule; a validator begins with the first rule that it finds.

    pycddl 0.6 takes choices between maps and embedded CBOR wrongly, so the files have neither.
    """
    text = (WIRE / f"{name}.cddl").read_text() + (WIRE / "common.cddl").read_text()
    return pycddl.Schema(f"begin = {rule}\n{text}")


def check(name: str, rule: str, data: bytes) -> None:
    schema(name, rule).validate_cbor(data)


def check_body(plain: bytes) -> str:
    """The inside, and the body by the rule of its type."""
    check("body", "inside", plain)
    found = cbor2.loads(plain)
    check("body", found["type"].replace("_", "-"), cbor2.dumps(found["body"]))
    for named in found["body"].get("media_named", {}).values():
        check("body", "media-name", cbor2.dumps(named))
    return str(found["type"])


def refused(name: str, rule: str, value: object) -> bool:
    try:
        check(name, rule, cbor2.dumps(value))
    except pycddl.ValidationError:
        return True
    return False


def inside(data: bytes) -> bytes:
    """The body as central decrypts it."""
    sealed = envelope.verify(data, verify_key_for=lambda _: BOX.verify_key)
    assert sealed.body is not None
    if sealed.version == 1:
        return SealedBox(CENTRAL_SEALING).decrypt(sealed.body)
    assert sealed.key is not None
    return SecretBox(SealedBox(CENTRAL_SEALING).decrypt(sealed.key)).decrypt(sealed.body)


# Three generations


@pytest.mark.parametrize(
    ("generation", "types"),
    [
        ("v1", ["movement"] * 4),
        ("v2", ["movement", "media", "retention"]),
        ("next", ["movement", "attestation"]),
    ],
)
def test_ok__records_of_each_are_read(generation: str, types: list[str]) -> None:
    found, prev = [], envelope.GENESIS
    for file in sorted((FIXTURES / generation).glob("record-*.cose")):
        sealed = envelope.verify(file.read_bytes(), verify_key_for=lambda _: BOX.verify_key)
        assert sealed.header.prev == prev
        prev = sealed.chain_hash
        found.append(envelope.open_(sealed, private_key=CENTRAL_SEALING))
    assert [one.type for one in found] == types
    if generation != "v1":
        movement = from_plain(found[0].body)
        assert movement.document is not None
        assert movement.document.primary_identifier == "ERIKSSON"
        assert set(movement.media_named) == {"portrait_record"}


@pytest.mark.parametrize(
    ("generation", "seq", "gaps"), [("v1", 0, ()), ("v2", 3, ((5, 6),)), ("next", 2, ())]
)
def test_ok__words_of_each_are_read(generation: str, seq: int, gaps: tuple[object, ...]) -> None:
    data = (FIXTURES / generation / "watermark.cose").read_bytes()
    word = read_watermark(data, verify_key_for=lambda _: CENTRAL_WATERMARK.verify_key)
    assert (word.seq, word.gaps) == (seq, gaps)


def test_ok__what_the_first_firmware_asks_of_a_word_is_still_there() -> None:
    # Its reader: content type, empty payload, five labels, and no value of another kind than these three.
    for generation in ("v1", "v2", "next"):
        data = (FIXTURES / generation / "watermark.cose").read_bytes()
        named, payload = cose.verify1(
            data, verify_key_for=lambda _: CENTRAL_WATERMARK.verify_key, max_bytes=2048
        )
        assert (named[cose.CONTENT_TYPE], payload) == ("application/vnd.borne.watermark", b"")
        assert {"dev", "epoch", "seq", "chain", "iat"} <= set(named)
        assert all(type(value) in (int, str, bytes) for value in named.values())


# CDDL


@pytest.mark.parametrize("file", sorted((FIXTURES / "v2").glob("record-*.cose")), ids=lambda file: file.stem)
def test_ok__a_record(file: Path) -> None:
    data = file.read_bytes()
    check("envelope", "envelope", data)
    check("envelope", "header", cose.protected_bytes(data))
    check("envelope", "envelope", envelope.without_key(data))
    check("envelope", "envelope", envelope.without_body(data))
    check_body(inside(data))
    check("batch", "batch", cbor2.dumps([data] * 256))
    assert refused("batch", "batch", [data] * 257)


@pytest.mark.parametrize("seq", [1, 4])
def test_ok__a_record_of_version_1(seq: int) -> None:
    data = (FIXTURES / "v1" / f"record-{seq}.cose").read_bytes()
    check("envelope-v1", "envelope-v1", data)
    check("envelope-v1", "header-v1", cose.protected_bytes(data))
    assert refused("envelope", "envelope", cbor2.loads(data))


def test_ok__a_later_record_where_it_says_nothing_new() -> None:
    data = (FIXTURES / "next" / "record-1.cose").read_bytes()
    check("envelope", "envelope", data)
    check("envelope", "header", cose.protected_bytes(data))


def test_ok__whatever_a_journal_records(open_journal) -> None:
    book = open_journal()
    book.commit(
        "c1", "media", {"crossing": "c1", "name": "page", "sha256": bytes(32), "content": b"x"}, STAMP
    )
    book.acknowledge(word_for(book, 1))
    epoch = book.status().epoch
    orders = [
        Rate(records_per_second=2.5),
        Rate(records_per_second=None),
        Rights(request="R", purpose="p", action=Action.ERASE, epoch=epoch, seqs=(1,)),
        Resync(epoch=epoch, from_seq=1),
    ]
    for counter, order in enumerate(orders, start=1):
        book.command(order_of(order, counter), stamp=STAMP, now=NOW, local=lambda *_: {"remembered": []})
    records = _all(book)
    book.acknowledge(word_for(book, 5, at="2026-11-02T11:00:00+00:00"))
    book.retain(stamp=STAMP, now=NOW + dt.timedelta(days=30))
    book.acknowledge(acknowledgement(epoch, 99, chain=bytes(32), at="2026-11-02T12:00:00+00:00"))
    with_clock = ClockWatch(STAMP).look(
        STAMP.__class__(**{**_fields(STAMP), "wall": "2026-11-02T09:00:00+00:00"})
    )
    assert with_clock is not None
    book.commit("clock/1", "clock_correction", with_clock, STAMP)
    for kind, outcome, role in (("referred", "refused", "second_line"), ("released", "upheld", "supervisor")):
        closing = Closing(
            crossing=f"c-{kind}",
            device="box-1",
            kind=CaseKind(kind),
            outcome=CaseOutcome(outcome),
            ground=Ground.FALSE_DOCUMENT if kind == "referred" else None,
            reason="The photo was put into another's passport.",
            officer="Emil",
            role=role,
            crossed_at=STAMP.wall,
            waited_seconds=72.5,
            released_by="" if kind == "referred" else "Aida",
            examined={
                "checks": 40,
                "pictures": ["portrait"],
                "routines": {"IR.AB.MR": "PASS"},
                "composites": {},
                "indicators": ["afraid"],
                "notes": "",
            },
            stamp=STAMP,
        )
        book.commit(*closing_record(closing), STAMP)
    records += [*_all(book), *_aside(book)]
    kinds = set()
    for data in records:
        sealed = envelope.verify(data, verify_key_for=lambda _: book._keys.signing.verify_key)
        check("envelope", "envelope", data)
        check("envelope", "header", cose.protected_bytes(data))
        if sealed.key is None or sealed.body is None:
            continue
        plain = SecretBox(SealedBox(CENTRAL_SEALING).decrypt(sealed.key)).decrypt(sealed.body)
        kinds.add(check_body(plain))
    assert {"command", "retention", "tamper", "clock_correction"} <= kinds
    assert {"case_closed", "release_review"} <= kinds


def test_ok__a_visa_on_arrival() -> None:
    """An application in a movement, its decision in what closes the case, and what becomes of a label."""
    values = msgspec.to_builtins(movement(), builtin_types=(bytes,))
    check("body", "movement", cbor2.dumps(values))
    assert refused("body", "visa-application", {"purpose": "visit"})
    closing = Closing(
        crossing="c1", device="box-1", kind=CaseKind.REFERRED, outcome=CaseOutcome.ADMITTED, ground=None,
        reason="She shows her booking.", officer="Emil", role="second_line", crossed_at=STAMP.wall,
        waited_seconds=None, examined={
            "checks": 1, "pictures": [], "routines": {}, "composites": {}, "indicators": [], "notes": "",
        }, visa=GRANTED, stamp=STAMP,
    )  # fmt: skip
    check("body", "case-closed", cbor2.dumps(closing_record(closing)[2]))
    label = LabelAct(act="issued", number="KV1", crossing="c1", lines=("V<", "KV"), officer="Emil")
    for one in (label, msgspec.structs.replace(label, act="voided", crossing="", lines=(), reason="torn")):
        check("body", "visa-label", cbor2.dumps(msgspec.to_builtins(one) | {"role": "second_line"}))
    assert refused("body", "visa-label", {"act": "sold", "number": "KV1"})


def test_ok__an_older_reader_passes_over_an_application_and_a_decision() -> None:
    older = msgspec.defstruct(
        "Older",
        [(one.name, one.type, one.default) if one.default is not msgspec.NODEFAULT else (one.name, one.type)
         for one in msgspec.structs.fields(Movement)
         if one.name != "visa_application" and one.default_factory is msgspec.NODEFAULT],
        kw_only=True,
    )  # fmt: skip
    plain = cbor2.loads(cbor2.dumps(msgspec.to_builtins(movement(), builtin_types=(bytes,))))
    assert "visa_application" in plain
    read = msgspec.convert(plain, older)
    assert read.crossing == "c1"
    assert not hasattr(read, "visa_application")
    del plain["visa_application"]
    assert from_plain(plain).visa_application is None, "and the newer one reads the older"


def test_ok__a_change_of_the_signing_key(open_journal) -> None:
    book = open_journal()
    old = book.signing_key.verify_key
    book.command(order_of(ChangeKey(reason="yearly")), stamp=STAMP, now=NOW, local=lambda *_: {})
    kinds = []
    for data in _all(book):
        sealed = envelope.verify(data, verify_key_for=lambda _: old)
        check("envelope", "envelope", data)
        check("envelope", "header", cose.protected_bytes(data))
        plain = SecretBox(SealedBox(CENTRAL_SEALING).decrypt(sealed.key or b"")).decrypt(sealed.body or b"")
        kinds.append(check_body(plain))
    assert kinds == ["command", "key_change"]
    named = cbor2.loads(cose.protected_bytes(data))
    said = [named[name] for name in ("dev", "epoch", "seq", "prev", "old_key", "new_key")]
    statement = cbor2.dumps(["Borne key change 1", *said])
    check("envelope", "key-change-statement", statement)
    VerifyKey(named["new_key"]).verify(statement, named["new_sig"])


def _fields(stamp: object) -> dict[str, object]:
    return {name: getattr(stamp, name) for name in stamp.__struct_fields__}  # type: ignore[attr-defined]


def _all(book: object) -> list[bytes]:
    return [record.envelope for record in book.page(0, 256)]  # type: ignore[attr-defined]


def _aside(book: object) -> list[bytes]:
    import sqlite3

    (file,) = book._path.parent.glob("journal.db.behind-????????T??????Z-????")  # type: ignore[attr-defined]
    with sqlite3.connect(file) as connection:
        return [row[0] for row in connection.execute("SELECT envelope FROM records")]


@pytest.mark.parametrize(
    ("file", "rule", "value"),
    [
        ("body", "movement", {"crossing": "c"}),
        ("body", "media", {"crossing": "c", "name": "page", "sha256": b"short", "content": b""}),
        ("envelope", "header", {1: -8, 3: "application/vnd.borne.record+cbor"}),
        ("envelope", "header", {1: -7}),
        ("envelope", "envelope", cbor2.CBORTag(18, [b"", {"key": b"short"}, b"", bytes(64)])),
        ("envelope", "envelope", cbor2.CBORTag(18, [b"", {}, b"payload", bytes(64)])),
        ("watermark", "gaps", ["x", 5]),
        ("command", "order", {"knd": "rate"}),
        ("command", "rate-order", {"kind": "rate", "records_per_second": "fast"}),
        ("command", "rights-order", {"kind": "rights", "request": "r"}),
        ("keys", "keys", [{"use": "sealing"}]),
    ],
)
def test_fail__the_schemas_refuse(file: str, rule: str, value: object) -> None:
    assert refused(file, rule, value)


def test_ok__a_word_a_command_and_a_list_of_keys() -> None:
    word = acknowledgement("e", 3, gaps=((5, 6), (9, 9)))
    check("watermark", "watermark", word)
    protected = cose.protected_bytes(word)
    check("watermark", "header", protected)
    check("watermark", "gaps", cbor2.loads(protected)["gaps"])
    check("watermark", "header", cose.protected_bytes(acknowledgement("e", 0)))
    rights = Rights(request="R", purpose="p", action=Action.FIND, epoch="e", seqs=(1, 2))
    change_key = ChangeKey(reason="yearly")
    for order in (Resync(epoch="e", from_seq=1), Rate(records_per_second=None), rights, change_key):
        data = order_of(order)
        check("command", "command", data)
        check("command", "header", cose.protected_bytes(data))
        payload = cbor2.loads(data).value[2]
        check("command", "order", payload)
        check("command", f"{cbor2.loads(payload)['kind'].replace('_', '-')}-order", payload)
        check("batch", "batch", pack_commands([data]))
    key = Key(use=Use.SEALING, public=bytes(32), not_before=NOW, not_after=NOW + dt.timedelta(days=1))
    manifest = Manifest(owner="central", version=1, issued_at=NOW, keys=(key,))
    listed = sign_manifest(manifest, signing_key=BOX)
    check("keys", "manifest", listed)
    check("keys", "header", cose.protected_bytes(listed))
    check("keys", "keys", cbor2.loads(listed).value[2])


def test_ok__support_as_it_is_granted_ordered_and_told() -> None:
    until = NOW + dt.timedelta(hours=4)
    said = {"request": "support-1", "reason": "slow", "epoch": "e", "until": until}
    grant = sign_grant(Grant(device="box-1", **said), signing_key=SigningKey(bytes([7]) * 32))
    check("command", "support-grant", cbor2.loads(grant).value[2])
    order = order_of(Support(**said, grant=grant))
    check("command", "command", order)
    check("command", "support-order", cbor2.loads(order).value[2])
    told = {
        "counter": 1,
        "issued_at": NOW.isoformat(),
        "kind": "support",
        "request": "support-1",
        "reason": "slow",
    }
    check("body", "command", cbor2.dumps(told | {"until": until.isoformat()}))
    check("body", "diagnostics", cbor2.dumps({"request": "support-1", "bundle": b"{}"}))
    assert refused("body", "diagnostics", {"request": "support-1", "bundle": "{}"})
