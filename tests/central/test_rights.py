"""One person's rights: found, exported, corrected, restricted, erased; journaled, and the chain verifies."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from central_common import DOCUMENT, STAMP, kept, rows, take
from msgspec.structs import replace
from nacl.signing import VerifyKey

from appliance.contracts.checks import Direction
from appliance.contracts.movement import GroupLink, to_plain
from appliance.records import envelope as envelopes
from appliance.records.commands import Action, read_command, read_message
from appliance.records.errors import Erased
from central.cli import main
from central.fleet.commands import pending
from central.intelligence.traces import read_traces
from central.merge.tables import STAYS
from central.rights import find as finding
from central.rights.change import CannotCorrect, correct
from central.rights.erase import erase, keyless
from central.rights.find import CannotSearch, Subject, find
from central.rights.journal import PurposeMissing, note, problems_of
from central.rights.tables import JOURNAL
from central.statistics.groups import GROUP_CROSSINGS, GROUPS
from central.statistics.tables import FACTS, read_facts
from central.store import Store
from central.tables import CROSSINGS, RECORDS

ANNA = Subject(document_number="L898902C3", issuing_state="UTO")
OTHER = replace(DOCUMENT, primary_identifier="OTHER", document_number="X1", personal_number=None)


@pytest.fixture
def filled(either, keys, make_box):
    """Anna in and out, a late hit of hers, and somebody else."""
    box = make_box()
    box.register(either)
    box.cross("in", media={"portrait_record": b"FAC" + bytes(100)})
    box.cross("else", document=OTHER)
    box.cross("out", direction=Direction.EXIT, document=replace(DOCUMENT, document_number="NEW1"))
    late = {"crossing": "in", "crossed_at": "", "found": "new_list", "checks": []}
    box.journal.commit("late/1", "late_hit", late, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    return box


def found(store: Store, subject: Subject = ANNA):
    with store.reading() as batch:
        return find(batch.connection, subject)


def command(store: Store, *arguments: str) -> list[str]:
    return [*arguments, "--database", store.database]


ASKED = [
    "--document-number",
    "l898902c3",
    "--issuing-state",
    "uto",
    "--by",
    "DPO",
    "--purpose",
    "her request",
]


def test_ok__found_by_document_with_what_is_linked(either, filled) -> None:
    assert [(one.seq, one.type, one.crossing) for one in found(either)] == [
        *((1, "movement", "in"), (3, "movement", "out"), (4, "late_hit", "in")),
    ]
    by_name = Subject(primary_identifier="Eriksson", birth_date="1974-08-12")
    assert [one.seq for one in found(either, by_name)] == [1, 3, 4]
    assert found(either, replace(by_name, secondary_identifier="BERTA")) == ()


@pytest.mark.parametrize(
    "subject", [Subject(), Subject(document_number="X"), Subject(primary_identifier="X")]
)
def test_fail__a_question_that_is_too_wide(either, subject) -> None:
    with pytest.raises(CannotSearch, match="Give a document number"):
        found(either, subject)


def test_fail__more_than_one_person_can_have(either, filled, monkeypatch) -> None:
    monkeypatch.setattr(finding, "MAX_FOUND", 2)
    with pytest.raises(CannotSearch, match="More than 2"):
        found(either)


def test_ok__every_search_is_journaled_and_a_changed_journal_is_seen(either, filled, capsys) -> None:
    assert main(command(either, "rights", "find", *ASKED)) == 0
    assert "3 records; request 1" in capsys.readouterr().out
    nobody = ["--surname", "NOBODY", "--birth-date", "1900-01-01", "--by", "DPO", "--purpose", "a check"]
    assert main(command(either, "rights", "find", *nobody)) == 1
    assert main(command(either, "rights", "journal", "--json")) == 0
    journal = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["action"], row["purpose"]) for row in journal["entries"]] == [
        *(("find", "a check"), ("find", "her request")),
    ]
    assert "ERIKSSON" not in json.dumps(journal)
    assert "L898902C3" not in json.dumps(journal).upper()
    with either.batch() as batch:
        batch.connection.execute(sa.update(JOURNAL).where(JOURNAL.c.id == 1).values(by="nobody"))
    assert main(command(either, "rights", "journal")) == 1
    assert "entry 1: it was changed" in capsys.readouterr().out
    with either.batch() as batch:
        batch.connection.execute(sa.delete(JOURNAL).where(JOURNAL.c.id == 1))
    with either.reading() as batch:
        assert problems_of(batch.connection)[0] == "entry 1: missing"


@pytest.mark.parametrize(
    ("by", "purpose"), [("", "why"), ("who", " "), ("w" * 65, "why"), ("who", "w" * 501)]
)
def test_fail__no_look_without_who_and_why(either, by, purpose) -> None:
    with pytest.raises(PurposeMissing), either.batch() as batch:
        note(batch.connection, by=by, action="find", purpose=purpose, outcome={})
    with either.reading() as batch:
        assert batch.connection.execute(sa.select(JOURNAL)).all() == []


def test_ok__exported_whole(either, filled, keys, tmp_path) -> None:
    folder = tmp_path / "export"
    keys_folder = ["--keys", str(tmp_path / "central-keys")]
    arguments = command(either, "rights", "export", *ASKED, *keys_folder, "--folder", str(folder))
    assert main(arguments) == 0
    told = json.loads((folder / "records.json").read_text())
    assert [one["seq"] for one in told["records"]] == [1, 3, 4]
    first = told["records"][0]["content"]
    assert first["document"]["primary_identifier"] == "ERIKSSON"
    picture = first["media"]["portrait_record"]["file"]
    assert (folder / picture).read_bytes() == b"FAC" + bytes(100)
    assert folder.stat().st_mode & 0o077 == 0
    assert main(arguments) == 2  # there is one already, and what could not be done is not journaled
    with either.reading() as batch:
        assert len(batch.connection.execute(sa.select(JOURNAL)).all()) == 1


def test_ok__corrected_and_the_sealed_record_stays(either, filled, keys, tmp_path, capsys) -> None:
    before = filled.envelopes()
    change = ["--set", "primary_identifier=eriksen", "--set", "birth_date=1974-08-13"]
    arguments = ["rights", "correct", *ASKED, *change, "--keys", str(tmp_path / "central-keys")]
    assert main(command(either, *arguments)) == 0
    assert found(either, Subject(primary_identifier="ERIKSSON", birth_date="1974-08-12")) == ()
    corrected = found(either, Subject(primary_identifier="ERIKSEN", birth_date="1974-08-13"))
    assert [one.seq for one in corrected] == [1, 3, 4]
    with either.reading() as batch:
        stored = batch.connection.execute(sa.select(RECORDS.c.envelope).order_by(RECORDS.c.seq)).scalars()
        assert [bytes(one) for one in stored] == before
        stay = batch.connection.execute(sa.select(STAYS).where(STAYS.c.entry == "in")).one()
    assert (stay.state, stay.exit) == ("complete", "out")  # they are still one person's
    folder = tmp_path / "export"
    again = ["--surname", "ERIKSEN", "--birth-date", "1974-08-13", "--by", "DPO", "--purpose", "x"]
    export = ["rights", "export", *again, "--keys", str(tmp_path / "central-keys"), "--folder", str(folder)]
    assert main(command(either, *export)) == 0
    told = json.loads((folder / "records.json").read_text())["corrections"]
    assert {(one["crossing"], one["field"], one["value"]) for one in told} == {
        *(("in", "primary_identifier", "ERIKSEN"), ("in", "birth_date", "1974-08-13")),
        *(("out", "primary_identifier", "ERIKSEN"), ("out", "birth_date", "1974-08-13")),
    }


@pytest.mark.parametrize("changes", [{"outcome": "x"}, {"sex": "FEMALE"}, {"primary_identifier": "a\0"}])
def test_fail__what_cannot_be_corrected(either, filled, changes) -> None:
    with pytest.raises(CannotCorrect), either.batch() as batch:
        correct(batch.connection, ["in"], changes, request=1, link_key=batch.link_key())


def test_ok__restricted_and_let_in_again(either, filled, tmp_path) -> None:
    keys_folder = ["--keys", str(tmp_path / "central-keys")]
    assert main(command(either, "rights", "restrict", *ASKED, *keys_folder)) == 0
    with either.reading() as batch:
        assert [one.crossing for one in read_facts(batch.connection)] == ["else"]
        traces = read_traces(batch.connection, now=_now(), simulated=True)
        assert [one.crossing for one in traces] == ["else"]
        view = sa.text("SELECT sum(crossings) FROM statistics_by_nationality")
        assert batch.connection.execute(view).scalar() is None  # the rest is simulated
    assert all(one.restricted for one in found(either))
    assert main(command(either, "rights", "restrict", "--lift", *ASKED, *keys_folder)) == 0
    with either.reading() as batch:
        assert len(read_facts(batch.connection)) == 3


def _now():
    import datetime as dt

    return dt.datetime(2026, 11, 3, tzinfo=dt.UTC)


def test_ok__erased_and_the_chain_verifies(either, filled, keys, tmp_path) -> None:
    arguments = ["rights", "erase", *ASKED, "--keys", str(tmp_path / "central-keys")]
    assert main(command(either, *arguments)) == 0
    prev = envelopes.GENESIS
    with either.reading() as batch:
        records = batch.connection.execute(sa.select(RECORDS).order_by(RECORDS.c.seq)).all()
        crossing = batch.connection.execute(sa.select(CROSSINGS).where(CROSSINGS.c.crossing == "in")).one()
        facts = batch.connection.execute(sa.select(FACTS).where(FACTS.c.crossing == "in")).one()
        people = batch.connection.execute(sa.select(FACTS.c.person)).scalars().all()
        command_ = read_message(pending(batch.connection, "box-1"))
    for row in records:
        sealed = envelopes.verify(
            bytes(row.envelope), verify_key_for=lambda _: filled.keys.signing.verify_key
        )
        assert sealed.header.prev == prev
        prev = sealed.chain_hash
        if row.seq == 2:
            assert envelopes.open_(sealed, private_key=keys.sealing)
        else:
            assert row.type == "erased"
            with pytest.raises(Erased):
                envelopes.open_(sealed, private_key=keys.sealing)
    assert (crossing.primary_identifier, crossing.document_number, crossing.birth_date) == (None, None, None)
    assert facts.nationality == "UTO"  # the count stays
    assert facts.document_link is None
    assert len(set(people)) == 3  # and belongs to nobody any more
    assert found(either) == ()
    (order,) = [read_command(one, verify_key_for=lambda _: operator_key(tmp_path)).order for one in command_]
    assert (order.action, order.seqs) == (Action.ERASE, (1, 3, 4))


GROUP = {"act": "closed", "kind": "vehicle", "declared": 2, "seen": 2, "detached": 0}


def test_ok__what_a_group_s_record_points_with_goes_and_its_counts_stay(
    either, keys, make_box, tmp_path
) -> None:
    """The group of an older box, with plate and crossings, between one of today's and somebody else's."""
    box = make_box()
    box.register(either)
    link = GroupLink(group="g1", kind="vehicle", declared=2, place=1, plate="01KG123ABC", plate_state="KGZ")
    older = GROUP | {"plate": "01KG123ABC", "plate_state": "KGZ"}
    box.journal.commit("group/g1/opened", "group", older | {"act": "opened", "group": "g1"}, STAMP)
    box.cross("in", group=link)
    box.cross("else", document=OTHER, group=replace(link, place=2))
    box.journal.commit("group/g1/closed", "group", older | {"group": "g1", "members": ["in", "else"]}, STAMP)
    box.cross("out", direction=Direction.EXIT, group=replace(link, group="g2"))
    box.journal.commit("group/g2/closed", "group", GROUP | {"group": "g2", "reason": ""}, STAMP)
    box.journal.commit("group/g3/closed", "group", older | {"group": "g3", "members": ["x"]}, STAMP)
    take(either, keys, "box-1", *box.envelopes())
    assert main(command(either, "rights", "erase", *ASKED, "--keys", str(tmp_path / "central-keys"))) == 0
    prev, types = envelopes.GENESIS, {}
    with either.reading() as batch:
        for row in batch.connection.execute(sa.select(RECORDS).order_by(RECORDS.c.seq)):
            sealed = envelopes.verify(
                bytes(row.envelope), verify_key_for=lambda _: box.keys.signing.verify_key
            )
            assert sealed.header.prev == prev
            prev = sealed.chain_hash
            types[row.seq] = row.type
        (order,) = [
            read_command(one, verify_key_for=lambda _: operator_key(tmp_path)).order
            for one in read_message(pending(batch.connection, "box-1"))
        ]
    assert types == {
        1: "erased", 2: "erased", 3: "movement", 4: "erased", 5: "erased", 6: "group", 7: "group"
    }  # fmt: skip
    assert sorted(order.seqs) == [1, 2, 4, 5]
    with either.reading() as batch:
        counted = batch.connection.execute(sa.select(GROUPS.c.group_id, GROUPS.c.seen)).all()
        with_somebody = batch.connection.execute(sa.select(GROUP_CROSSINGS.c.crossing)).scalars().all()
    assert sorted(counted) == [("g1", 2), ("g2", 2), ("g3", 2)]
    assert with_somebody == ["else"]


def operator_key(folder: Path) -> VerifyKey:
    return VerifyKey(bytes.fromhex((folder / "central-keys" / "operator.pub").read_text().split()[1]))


def test_ok__nothing_of_the_erased_is_left_in_the_file(store, keys, make_box, tmp_path) -> None:
    box = make_box()
    box.register(store)
    take(store, keys, "box-1", box.cross("in"), box.cross("else", document=OTHER))
    files = [tmp_path / "central.db", tmp_path / "central.db-wal"]

    def kept() -> bytes:
        return b"".join(file.read_bytes() for file in files if file.exists())

    key = envelopes.verify(box.envelopes()[0], verify_key_for=lambda _: box.keys.signing.verify_key).key
    assert key is not None
    assert b"ERIKSSON" in kept()
    assert key in kept()
    arguments = ["rights", "erase", *ASKED, "--keys", str(tmp_path / "central-keys")]
    assert main([*arguments, "--database", str(tmp_path / "central.db")]) == 0
    assert b"ERIKSSON" not in kept()
    assert key not in kept()
    assert b"OTHER" in kept()


def test_ok__what_was_erased_does_not_come_back(either, filled, keys) -> None:
    """The box has not heard of the erasure yet and sends its records again, with their keys."""
    with either.batch() as batch:
        assert erase(batch.connection, "box-1", filled.epoch, [1, 3, 4]) == 3
        assert erase(batch.connection, "box-1", filled.epoch, [1, 3, 4, 99]) == 0
    result = take(either, keys, "box-1", *filled.envelopes())
    assert not result.refused
    assert found(either) == ()
    assert kept(either, "box-1", filled.epoch, 1) != filled.envelopes()[0]


def test_fail__a_box_makes_no_other_box_s_crossing_forgotten(either, keys, make_box) -> None:
    box, thief = make_box("box-1"), make_box("box-2")
    for one in (box, thief):
        one.register(either)
    take(either, keys, "box-1", box.cross("in"))
    thief.journal.commit("odd/1", "late_hit", {"crossing": "in", "found": "x", "checks": []}, STAMP)
    body = {"counter": 5, "kind": "rights", "action": "erase", "seqs": [1], "request": "1", "purpose": "x"}
    thief.journal.commit("command/5", "command", body, STAMP)
    assert not take(either, keys, "box-2", *thief.envelopes()).refused
    assert [(one.device, one.type) for one in found(either)] == [
        *(("box-1", "movement"), ("box-2", "erased")),
    ]


def test_ok__a_central_put_back_erases_again_by_the_box_s_record(tmp_path, keys, make_box) -> None:
    """The backup is from before the request; the box's record of it says what was erased."""
    box = make_box()
    envelopes_ = [box.cross("in"), box.cross("out", direction=Direction.EXIT)]
    body = {"counter": 5, "kind": "rights", "action": "erase", "seqs": [1, 2], "request": "1", "purpose": "x"}
    box.journal.commit("command/5", "command", body, STAMP)
    store = Store(str(tmp_path / "back.db"))
    box.register(store)
    take(store, keys, "box-1", *envelopes_)
    assert len(found(store)) == 2
    take(store, keys, "box-1", box.envelopes()[2])
    assert found(store) == ()
    assert rows(tmp_path / "back.db", "SELECT type FROM records ORDER BY seq") == [
        *(("erased",), ("erased",), ("command",)),
    ]
    store.close()


def test_ok__a_record_of_the_first_version_gives_up_its_body(keys) -> None:
    old = (Path(__file__).parents[1] / "appliance/records/fixtures/v1/record-1.cose").read_bytes()
    erased = keyless(old)
    assert len(erased) < len(old) / 1.5
    from appliance import cose

    assert cose.protected_bytes(erased) == cose.protected_bytes(old)


def test_ok__refused_copies_are_erased_too(either, filled, keys) -> None:
    fork = filled.sealed(epoch=filled.epoch, seq=1, body=to_plain_of("fork"))
    other = filled.sealed(epoch=filled.epoch, seq=2, body=to_plain_of("fork2"))
    take(either, keys, "box-1", fork, other, b"\xd2\x84garbage")
    with either.batch() as batch:
        erase(batch.connection, "box-1", filled.epoch, [1])
        kept = batch.connection.exec_driver_sql("SELECT envelope FROM refused").all()
    assert sorted(len(bytes(row[0])) for row in kept) == [0, 9, len(other)]


def to_plain_of(crossing: str):
    from central_common import movement

    return to_plain(movement(crossing))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["correct", *ASKED, "--set", "sex"], "FIELD=VALUE"),
        (["correct", *ASKED, "--set", "lane=2"], "none of"),
        (["erase", *ASKED[:4], "--by", "", "--purpose", "x"], "Say who"),
    ],
)
def test_fail__one_line_and_code_2(either, filled, tmp_path, capsys, arguments, said) -> None:
    keys_folder = ["--keys", str(tmp_path / "central-keys")]
    assert main(command(either, "rights", *arguments, *keys_folder)) == 2
    assert said in capsys.readouterr().err
