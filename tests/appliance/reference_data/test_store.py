"""The gate and the store under attack: nothing installed, the old list still hitting, the reason in one
sentence."""

import datetime as dt
import shutil
from pathlib import Path

import cbor2
import pytest
from tests_reference import (
    BOX,
    INDEX_KEY,
    ISSUER,
    NOW,
    OTHER_BOX,
    PUBLISHER,
    ROOTS,
    STRANGER,
    Central,
    MakeStore,
    hits,
    info,
    refused,
    take,
    versions,
)

from appliance.reference_data.commands import build_changes, sign_other
from appliance.reference_data.delivery import (
    MAGIC,
    MAX_MESSAGE_BYTES,
    MessageDelivery,
    pack_message,
)
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.installer import ContentUnusable
from appliance.reference_data.sealed import ContentType, Description
from appliance.reference_data.store import MAX_LISTS, ReferenceStore
from appliance.screening.lists import ListKind


def test_ok__install_status_and_search(store: ReferenceStore, central: Central) -> None:
    central.persons()
    central.documents()
    report = take(store, central.message)
    assert report.installed == (("documents", 1), ("persons", 1))
    assert "version 1 of persons" in report.sentence
    assert hits(store) == {"watchlist.document", "watchlist.person"}
    assert take(store, central.message).installed == ()
    one = next(one for one in store.status(now=NOW, time_quality="rtc") if one.kind == "persons")
    assert (one.owner, one.key_tier, one.readable, one.age_hours) == ("o", "software", True, 0.0)
    assert store.ages(now=NOW)[0].name == "documents"
    assert store.receive(central.message, now=NOW, time_quality="rtc").accepted


def test_ok__the_same_gate_for_a_stick(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    central.documents()
    steps: list[int] = []
    shutil.copytree(tmp_path / "central" / "repository", tmp_path / "stick")
    report = store.bring(
        tmp_path / "stick", now=NOW, time_quality="rtc", progress=lambda done, _total: steps.append(done)
    )
    assert report.installed == (("documents", 1),)
    assert steps
    central.persons()
    (tmp_path / "file").write_bytes(central.message)
    assert store.bring(tmp_path / "file", now=NOW, time_quality="rtc").installed == (("persons", 1),)


def test_ok__one_message_a_list(store: ReferenceStore, central: Central) -> None:
    central.persons()
    first = central.repository.message("persons")
    central.documents()
    second = central.repository.message("documents")
    report = take(store, second)
    assert (report.installed, report.missing) == ((("documents", 1),), ("persons",))
    assert "missing: persons" in report.sentence
    # The other one comes with older metadata, and is what the newer metadata signs for too.
    assert take(store, first).installed == (("persons", 1),)


def test_ok__a_newer_list_while_the_old_one_is_searched(store: ReferenceStore, central: Central) -> None:
    central.persons()
    take(store, central.message)
    old = store.open_lists()
    assert store.open_lists() is old
    central.persons(2)
    take(store, central.message)
    assert versions(store) == {"persons": 2}
    assert old.of(ListKind.PERSONS)[0].info.version == 1
    old.close()


def test_ok__changes_and_merging(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    base = central.documents(count=60)
    take(store, central.message)
    changes = tmp_path / "changes"
    (tmp_path / "added.csv").write_text(
        "number,issuing_state,status\n" + "".join(f"QQ{n:07d},UTO,lost\n" for n in range(1500))
    )
    (tmp_path / "removed.csv").write_text("number,issuing_state,status\nAB0000007,UTO,stolen\n")
    build_changes(
        base,
        changes,
        info("documents", ListKind.DOCUMENTS, 2),
        master_key=INDEX_KEY,
        added=tmp_path / "added.csv",
        removed=tmp_path / "removed.csv",
    )
    central.sign(changes)
    assert take(store, central.message).installed == (("documents", 2),)
    assert hits(store) == set()
    (status,) = store.status(now=NOW, time_quality="rtc")
    assert (status.version, status.entries, status.changes) == (2, 1559, 1501)
    assert store.merge() == ("documents",)
    (status,) = store.status(now=NOW, time_quality="rtc")
    assert (status.version, status.entries, status.changes) == (2, 1559, 0)
    assert hits(store) == set()
    assert store.merge() == ()
    assert len(list((tmp_path / "store").glob("*.idx"))) == 1


def test_ok__changes_wait_for_their_list(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    base = central.documents()
    build_changes(
        base,
        tmp_path / "c",
        info("documents", ListKind.DOCUMENTS, 2),
        master_key=INDEX_KEY,
        added=None,
        removed=None,
    )
    central.sign(tmp_path / "c")
    files = cbor2.loads(central.message[len(MAGIC) :])
    without = {name: data for name, data in files.items() if ".watchlist" not in name}
    assert take(store, pack_message(without)).missing == ("documents",)
    assert take(store, central.message).installed == (("documents", 2),)


def look(content: bytes) -> None:
    if content == b"nonsense":
        raise ContentUnusable("This is no policy.")


CHECKS = {ContentType.TRUST_ANCHORS: look, ContentType.POLICY: look}


def sign_alone(central: Central, type_: ContentType, content: bytes, version: int = 1) -> None:
    path = central.folder / "alone"
    path.write_bytes(content)
    sign_other(
        path,
        central.repository,
        type_=type_,
        version=version,
        recipients=[BOX.public_key],
        issuer_keys=[ISSUER],
        publisher_key=PUBLISHER,
        now=NOW,
    )


def test_ok__trust_anchors_and_policies_the_same_way(make_store: MakeStore, central: Central) -> None:
    store = make_store(content_checks=CHECKS)
    assert store.standing(ContentType.POLICY) is None
    for type_ in CHECKS:
        sign_alone(central, type_, type_.value.encode())
    assert len(take(store, central.message).installed) == 2
    for type_ in CHECKS:
        standing = store.standing(type_)
        assert (standing.type, standing.version, standing.issued_at) == (type_, 1, NOW)
        assert store.content(standing) == type_.value.encode()
    assert store.open_lists().lists == ()
    sign_alone(central, ContentType.POLICY, b"second", version=2)
    old = store.standing(ContentType.POLICY)
    take(store, central.message)
    with pytest.raises(Refused, match="replaced meanwhile"):
        store.content(old)
    assert store.content(store.standing(ContentType.POLICY)) == b"second"


def test_fail__a_policy_that_nobody_can_go_by(make_store: MakeStore, central: Central) -> None:
    store = make_store(content_checks=CHECKS)
    sign_alone(central, ContentType.POLICY, b"first")
    take(store, central.message)
    sign_alone(central, ContentType.POLICY, b"nonsense", version=2)
    with pytest.raises(Refused, match="This is no policy.") as refused:
        take(store, central.message)
    assert refused.value.reason is Reason.NOT_USABLE
    assert store.content(store.standing(ContentType.POLICY)) == b"first"


def test_fail__nobody_here_to_look_at_a_policy(store: ReferenceStore, central: Central) -> None:
    sign_alone(central, ContentType.POLICY, b"first")
    with pytest.raises(Refused, match="cannot be looked at here"):
        take(store, central.message)


def test_fail__a_policy_that_lies_damaged_or_is_gone(
    make_store: MakeStore, central: Central, tmp_path: Path
) -> None:
    store = make_store(content_checks=CHECKS)
    sign_alone(central, ContentType.POLICY, b"first")
    take(store, central.message)
    (sealed,) = (tmp_path / "store").glob("policy-*.sealed")
    content = sealed.read_bytes()
    sealed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Refused, match="damaged"):
        store.content(store.standing(ContentType.POLICY))
    sealed.unlink()
    with pytest.raises(Refused, match="cannot be read"):
        store.content(store.standing(ContentType.POLICY))


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (ContentType.POLICY, "other"),
        (ContentType.WATCHLIST, "policy"),
        (ContentType.CHANGES, "trust_anchors"),
    ],
)
def test_fail__names_that_are_another_type_s(type_: ContentType, name: str) -> None:
    with pytest.raises(ValueError, match=f"A {type_.value} cannot be called {name}"):
        Description(type=type_, name=name, version=1, issued_at=NOW, expires_at=NOW)


def test_ok__rotation(store: ReferenceStore, central: Central) -> None:
    central.persons()
    take(store, central.message)
    central.repository.rotate(signing_keys=ROOTS[:2], role="targets", keys=[STRANGER], threshold=1, now=NOW)
    central.repository.rotate(
        signing_keys=[*ROOTS[:2], STRANGER], role="root", keys=[STRANGER, ROOTS[0]], threshold=2, now=NOW
    )
    central.persons(2, issuer_keys=[STRANGER])
    assert take(store, central.message).installed == (("persons", 2),)


# Attacks


def test_fail__forged(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    central.persons()
    take(store, central.message)
    (tmp_path / "evil").mkdir()
    evil = Central(tmp_path / "evil", roots=[STRANGER, *ROOTS], signer=STRANGER)
    evil.persons(9, issuer_keys=[STRANGER], publisher_key=STRANGER)
    assert refused(store, evil.message) is Reason.BAD_SIGNATURE
    files = cbor2.loads(central.message[len(MAGIC) :])
    evil_files = cbor2.loads(evil.message[len(MAGIC) :])
    mixed = files | {name: data for name, data in evil_files.items() if name.endswith("timestamp.json")}
    assert refused(store, pack_message(mixed)) is Reason.BAD_SIGNATURE
    assert versions(store) == {"persons": 1}
    assert hits(store) == {"watchlist.person"}


def test_fail__expired(store: ReferenceStore, central: Central, make_store: MakeStore) -> None:
    central.persons()
    late = NOW + dt.timedelta(days=40)
    assert refused(store, central.message, now=late) is Reason.EXPIRED
    # On a clock that nobody vouches for, nothing is called expired, and that is said.
    report = take(store, central.message, now=late, quality="unsure")
    assert report.expiry_unchecked
    assert "unchecked" in report.sentence
    central.now = late
    central.persons(2, valid_for=dt.timedelta(days=30))  # signed today, of a list that was issued 40 days ago
    assert refused(store, central.message, now=late) is Reason.EXPIRED


@pytest.mark.parametrize("wiped", ["nothing", "metadata", "store", "floor"])
def test_fail__rolled_back(make_store: MakeStore, central: Central, tmp_path: Path, wiped: str) -> None:
    central.persons()
    old = central.message
    central.persons(2)
    take(make_store(), central.message)
    if wiped == "metadata":
        shutil.rmtree(tmp_path / "store" / "metadata")
    elif wiped != "nothing":
        shutil.rmtree(tmp_path / wiped)
    store = make_store()
    assert refused(store, old) is Reason.OLDER
    assert versions(store) == ({} if wiped == "store" else {"persons": 2})
    take(store, central.message)
    assert versions(store) == {"persons": 2}


def test_fail__a_floor_that_somebody_wrote_to(
    make_store: MakeStore, central: Central, tmp_path: Path
) -> None:
    central.persons()
    take(make_store(), central.message)
    copies = [tmp_path / "store" / "floor.json", tmp_path / "floor" / "floor.json"]
    copies[0].write_bytes(b'{"versions":{},"mac":"0"}')
    assert take(make_store(), central.message).installed == ()  # the other copy still knows
    for copy in copies:
        copy.write_bytes(
            copy.read_bytes().replace(b'"timestamp":2', b'"timestamp":1').replace(b"mac", b"mac ")
        )
    assert refused(make_store(), central.message) is Reason.STORAGE


def test_fail__swapped_truncated_or_for_another(
    store: ReferenceStore, central: Central, make_store: MakeStore
) -> None:
    central.persons()
    central.documents()
    files = cbor2.loads(central.message[len(MAGIC) :])
    one, two = sorted(name for name in files if name.startswith("targets/"))
    without = {name: data for name, data in files.items() if "snapshot" not in name}
    assert refused(store, pack_message(without)) is Reason.INCOMPLETE
    for bad in (
        files | {one: files[two], two: files[one]},
        files | {one: files[one][:-1], two: files[two] + b"x"},
    ):
        assert refused(store, pack_message(bad)) is Reason.DAMAGED
    for garbage in (b"{}", b"[1", b'{"signatures": 5}', b"\xff" * 10):
        timestamp = {"metadata/timestamp.json": garbage}
        assert refused(store, pack_message(files | timestamp)) in (Reason.DAMAGED, Reason.MALFORMED)
    assert versions(store) == {}
    central.persons(2, recipients=[OTHER_BOX.public_key])
    assert refused(store, central.repository.message("persons")) is Reason.NOT_FOR_THIS_BOX
    assert versions(store) == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.NOT_SIGNED),
        (b"SQLite format 3\x00", Reason.NOT_SIGNED),
        (MAGIC, Reason.MALFORMED),
        (MAGIC + cbor2.dumps([1]), Reason.MALFORMED),
        (MAGIC + cbor2.dumps({"a": 1}), Reason.MALFORMED),
        (MAGIC + cbor2.dumps({1: b""}), Reason.MALFORMED),
        (MAGIC + b"\x81" * 5000, Reason.MALFORMED),
        (MAGIC + b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", Reason.MALFORMED),
        (MAGIC + cbor2.dumps({str(i): b"" for i in range(600)}), Reason.MALFORMED),
        (pack_message({}), Reason.INCOMPLETE),
    ],
)
def test_fail__not_even_a_message(store: ReferenceStore, data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        take(store, data)
    assert caught.value.reason is reason
    assert not store.receive(data, now=NOW, time_quality="rtc").accepted


def test_fail__oversized_or_a_bomb(store: ReferenceStore, central: Central) -> None:
    with pytest.raises(Refused) as caught:
        MessageDelivery(bytes(MAX_MESSAGE_BYTES + 1))
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(ValueError, match="stick"):
        pack_message({"x": bytes(MAX_MESSAGE_BYTES)})
    central.persons()
    files = cbor2.loads(central.message[len(MAGIC) :])
    for name in ("metadata/timestamp.json", "metadata/2.root.json"):
        assert refused(store, pack_message(files | {name: b" " * 6_000_000})) is Reason.TOO_LARGE
    (target,) = (name for name in files if name.startswith("targets/"))
    assert refused(store, pack_message(files | {target: bytes(30_000_000)})) is Reason.DAMAGED
    assert versions(store) == {}


def test_fail__a_list_that_is_none(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    """Signed, sealed, and rubbish: the issuer made a mistake, and the old list stays."""
    central.persons()
    take(store, central.message)
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 100)
    for kind in ("persons", "documents"):
        description = central.repository.targets()["persons.1.watchlist"]
        import msgspec

        central.repository.add(
            tmp_path / "rubbish",
            msgspec.structs.replace(description, version=5, kind=kind),
            recipients=[BOX.public_key],
            issuer_keys=[ISSUER],
            publisher_key=PUBLISHER,
            now=NOW,
        )
        assert refused(store, central.message) is Reason.NOT_USABLE
        assert versions(store) == {"persons": 1}
        assert hits(store) == {"watchlist.person"}
        central.repository._targets.signed.targets.pop("persons.5.watchlist")
        central.persons()


def test_fail__a_list_inside_that_is_another(store: ReferenceStore, central: Central, tmp_path: Path) -> None:
    import msgspec

    central.persons()
    description = central.repository.targets()["persons.1.watchlist"]
    central.repository.add(
        tmp_path / "central" / "list",
        msgspec.structs.replace(description, name="other"),
        recipients=[BOX.public_key],
        issuer_keys=[ISSUER],
        publisher_key=PUBLISHER,
        now=NOW,
    )
    assert refused(store, central.message) is Reason.NOT_USABLE


def test_fail__more_lists_than_a_box_opens(
    store: ReferenceStore, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.reference_data.store.MAX_LISTS", 1)
    assert MAX_LISTS == 32
    central.persons(name="a")
    central.persons(name="b")
    assert refused(store, central.message) is Reason.NOT_USABLE
    assert versions(store) == {"a": 1}
