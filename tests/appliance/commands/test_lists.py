import csv
import datetime as dt
import io
import shutil
from importlib import resources
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from appliance.key_files import write_key
from appliance.records.keys import load_box_keys
from appliance.reference_data.repository import Repository
from appliance.simulation.chip.authority import trust_store_for

DOCUMENTS = "number,issuing_state,status\nAB1234567,UTO,stolen\n"
PERSONS = (
    "reference,primary_identifier,secondary_identifier,birth_dates,reason\np1,ШИШКИН,ИВАН,1980-05-06,wanted\n"
)
ABOUT = ("--owner", "Police", "--legal-basis", "Act", "--contact", "desk", "--action", "refer")


class Office:
    """A folder with the issuer's key and repository, a box's keys and store, and the command."""

    def __init__(self, folder: Path, borne) -> None:
        self.folder, self.borne = folder, borne
        signer = SigningKey.generate()
        write_key(folder / "issuer.key", signer)
        self.repository = folder / "repository"
        made = Repository.create(
            self.repository,
            root_keys=[signer],
            root_threshold=1,
            issuer_keys=[signer],
            issuer_threshold=1,
            publisher_key=signer,
            now=dt.datetime.now(dt.UTC),
        )
        load_box_keys(folder / "keys")
        (folder / "keys" / "reference-root.json").write_bytes(made.first_root)
        self.box = ("--store", folder / "store", "--keys", folder / "keys")

    def numbers(self, kind: str) -> tuple:
        return () if kind == "persons" else ("--index-key", self.folder / "index.key")

    def build(self, kind: str, text: str, *, version: int = 1, name: str | None = None, more: tuple = ()):
        (self.folder / "in.csv").write_text(text, "utf-8")
        words = (
            "--name",
            name or kind,
            "--kind",
            kind,
            "--list-version",
            version,
            *ABOUT,
            *self.numbers(kind),
        )
        return self.borne("list", "build", self.folder / "in.csv", self.folder / "a.list", *words, *more)

    def sign(self, kind: str = "persons", *more: object, **changes: object):
        named = {
            "--key": self.folder / "issuer.key",
            "--publisher-key": self.folder / "issuer.key",
            "--for": self.folder / "keys" / "sealing.pub",
        } | changes
        words = [word for pair in named.items() for word in pair]
        return self.borne(
            "list", "sign", self.folder / "a.list", self.repository, *words, *self.numbers(kind), *more
        )

    def import_(self, package: str = "repository"):
        return self.borne("list", "import", self.folder / package, *self.box)

    def install(self, kind: str, text: str, *, version: int = 1) -> None:
        assert self.build(kind, text, version=version).code == 0
        for answer in (self.sign(kind), self.import_()):
            assert (answer.code, answer.err) == (0, "")
        (self.folder / "a.list").unlink()


@pytest.fixture
def office(tmp_path: Path, borne) -> Office:
    return Office(tmp_path, borne)


@pytest.fixture
def stocked(office: Office) -> Office:
    office.install("documents", DOCUMENTS)
    office.install("persons", PERSONS)
    return office


def one_line(answer, code: int = 2) -> str:
    assert (answer.code, answer.err.count("\n")) == (code, 1), answer
    assert answer.err.startswith("borne: ")
    return answer.err


# On the server's side


def test_ok__says_what_was_built_and_signed(office: Office) -> None:
    assert "documents, version 1, 1 entries" in office.build("documents", DOCUMENTS).out
    assert "for 1 boxes" in office.sign("documents").out


def test_fail__a_table_of_another_kind(office: Office) -> None:
    assert "line 1" in one_line(office.build("documents", PERSONS))
    assert not (office.folder / "a.list").exists()


def test_fail__a_wrong_entry_is_named(office: Office) -> None:
    text = PERSONS.replace("1980-05-06", "1980-13-45")
    said = one_line(office.build("persons", text))
    assert "line 2" in said
    assert "ШИШКИН" not in said


@pytest.mark.parametrize("name", ["../list", "", "Ümlaut", "a b"])
def test_fail__a_name_that_is_no_file(office: Office, name: str) -> None:
    (office.folder / "in.csv").write_text(DOCUMENTS)
    words = ("--name", name, "--kind", "documents", "--list-version", 1, *ABOUT, *office.numbers("documents"))
    one_line(office.borne("list", "build", office.folder / "in.csv", office.folder / "a.list", *words))


@pytest.mark.parametrize(
    "words",
    [
        ("--list-version", -1),
        ("--list-version", 2**70),
        ("--stale-after-hours", "nan"),
        ("--stale-after-hours", "-1"),
        ("--owner", ""),
        ("--format", "un"),
    ],
)
def test_fail__a_description_that_no_list_takes(office: Office, words: tuple) -> None:
    (office.folder / "in.csv").write_text(DOCUMENTS)
    load = office.build("documents", DOCUMENTS, name="a")
    assert load.code == 0
    (office.folder / "a.list").unlink()
    described = (
        "--name",
        "a",
        "--kind",
        "documents",
        "--list-version",
        1,
        *ABOUT,
        *office.numbers("documents"),
        *words,
    )
    answer = office.borne("list", "build", office.folder / "in.csv", office.folder / "a.list", *described)
    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert not (office.folder / "a.list").exists()


def test_fail__sign(office: Office, tmp_path: Path) -> None:
    one_line(office.sign())  # nothing was built
    office.build("persons", PERSONS)
    assert "cannot be read" in one_line(office.sign(**{"--key": tmp_path / "other.key"}))
    assert "something other" in one_line(office.sign(**{"--for": tmp_path / "keys" / "signing.pub"}))
    write_key(tmp_path / "stranger.key", SigningKey.generate())
    assert "root names" in one_line(office.sign(**{"--key": tmp_path / "stranger.key"}))
    (tmp_path / "a.list").write_bytes(b"no list")
    one_line(office.sign())
    shutil.rmtree(office.repository)
    assert "trust init" in one_line(office.sign())


def test_fail__numbers_need_a_key(office: Office, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(DOCUMENTS)
    words = ("--name", "a", "--kind", "documents", "--list-version", 1, *ABOUT)
    assert "--index-key" in one_line(
        office.borne("list", "build", tmp_path / "in.csv", tmp_path / "l", *words)
    )
    (tmp_path / "index.key").write_text("rubbish")
    assert "index.key" in one_line(office.build("documents", DOCUMENTS))


def test_fail__an_entry_nobody_answers_for(office: Office) -> None:
    about = ("--name", "a", "--kind", "persons", "--list-version", 1, "--contact", "d", "--action", "refer")
    (office.folder / "in.csv").write_text(PERSONS, "utf-8")
    files = (office.folder / "in.csv", office.folder / "a.list")
    assert "--allow-incomplete" in one_line(office.borne("list", "build", *files, *about))
    assert office.borne("list", "build", *files, *about, "--allow-incomplete").code == 0


def test_ok__changes(office: Office, tmp_path: Path) -> None:
    office.build("documents", DOCUMENTS)
    office.sign("documents")
    office.import_()
    shutil.copy(tmp_path / "a.list", tmp_path / "base.list")
    (tmp_path / "added.csv").write_text("number,issuing_state,status\nCD7654321,UTO,lost\n")
    words = (
        "--name",
        "documents",
        "--kind",
        "documents",
        "--list-version",
        2,
        *ABOUT,
        *office.numbers("documents"),
    )
    built = office.borne(
        "list", "build", tmp_path / "a.list", *words, "--changes-to", tmp_path / "base.list", "--added",
        tmp_path / "added.csv", "--removed", tmp_path / "in.csv",
    )  # fmt: skip
    assert "version 2, 1 entries" in built.out
    office.sign("documents")
    assert "version 2 of documents" in office.import_().out
    asked = office.borne(
        "list", "query", *office.box, "--document", "CD7654321", "--nationality", "UTO", "--json"
    )
    assert [hit["kind"] for hit in asked.json["hits"]] == ["documents"]


def test_ok__trust_anchors_and_a_policy(office: Office, tmp_path: Path) -> None:
    source = tmp_path / "a.list"
    shipped = resources.files("appliance.services.lane") / "policy.toml"
    source.write_bytes(shipped.read_bytes())
    assert "--list-version" in one_line(office.sign("persons", "--type", "policy"))
    assert "policy.3.policy" in office.sign("persons", "--type", "policy", "--list-version", 3).out
    trust = trust_store_for(["UTO"], now=dt.datetime.now(dt.UTC), crl_age=dt.timedelta(hours=1))
    source.write_bytes(trust.to_bytes())
    assert office.sign("persons", "--type", "trust_anchors", "--list-version", 4).code == 0
    said = office.import_().out
    assert "version 3 of policy" in said
    assert "version 4 of trust_anchors" in said
    status = office.borne("list", "status", *office.box, "--json").json
    assert (status["policy"]["version"], status["trust_anchors"]["version"]) == (3, 4)
    assert "trust_anchors" in office.borne("list", "status", *office.box).out


def test_fail__nobody_signs_for_what_no_box_could_go_by(office: Office, tmp_path: Path) -> None:
    (tmp_path / "a.list").write_text("colour = 1\n")
    assert "unknown key `colour`" in one_line(office.sign("persons", "--type", "policy", "--list-version", 1))
    said = one_line(office.sign("persons", "--type", "trust_anchors", "--list-version", 1))
    assert "These are no trust anchors" in said


def test_fail__the_file_of_what_is_installed_is_damaged(office: Office, tmp_path: Path) -> None:
    office.install("persons", PERSONS)
    (tmp_path / "store" / "installed.json").write_text("{}")
    assert "cannot be read" in one_line(office.borne("list", "status", *office.box))


def test_fail__which_file_and_why(could_not, tmp_path: Path) -> None:
    def build(source: str, target: str = "a.list") -> str:
        words = ("--name", "a", "--kind", "persons", "--list-version", "1", "--owner", "o")
        words += ("--legal-basis", "l", "--contact", "c", "--action", "refer")
        return could_not("list", "build", tmp_path / source, tmp_path / target, *words)

    assert f"{tmp_path / 'none.csv'}: No such file or directory." in build("none.csv")
    (tmp_path / "bad.csv").write_text("colour\nred\n")
    assert f"{tmp_path / 'bad.csv'}: line 1: " in build("bad.csv")


# On the box's side


def test_ok__status(stocked: Office) -> None:
    answer = stocked.borne("list", "status", *stocked.box, "--json")
    assert answer.code == 0
    lists = {one["name"]: one for one in answer.json["lists"]}
    assert set(lists) == {"documents", "persons"}
    assert (lists["persons"]["entries"], lists["persons"]["version"]) == (1, 1)
    assert 0 <= lists["persons"]["age_hours"] < 1
    assert "owner" in stocked.borne("list", "status", *stocked.box).out


def test_fail__status_of_nothing_is_no(office: Office) -> None:
    answer = office.borne("list", "status", *office.box, "--json")
    assert (answer.code, answer.json) == (
        1,
        {"lists": [], "trust_anchors": None, "policy": None, "rules": None, "update": None},
    )


def test_fail__import_refused_is_no(office: Office) -> None:
    office.build("documents", DOCUMENTS)
    office.sign("documents")
    shutil.copytree(office.repository, office.folder / "old")
    shutil.copytree(office.repository, office.folder / "changed")
    (target,) = (office.folder / "changed" / "targets").iterdir()
    package = target.read_bytes()
    target.write_bytes(package[:-1] + bytes([package[-1] ^ 1]))
    one_line(office.import_("changed"), 1)
    one_line(office.import_("not there"), 1)
    assert office.import_().code == 0
    office.build("documents", DOCUMENTS, version=2)
    office.sign("documents")
    assert office.import_().code == 0
    one_line(office.import_("old"), 1)  # never roll back


def test_fail__without_keys(office: Office, tmp_path: Path) -> None:
    assert "cannot be read" in one_line(office.borne("list", "status", "--keys", tmp_path / "none"))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("--document", "AB1234567", "--nationality", "UTO"), "documents"),
        (("--name", "SHISHKIN<<IVAN", "--birth-date", "1980-05-06"), "persons"),
        (("--name", "Shishkin, Ivan", "--birth-date", "1980-05-06"), "persons"),
    ],
)
def test_fail__a_hit_is_no(stocked: Office, words: tuple[str, ...], kind: str) -> None:
    answer = stocked.borne("list", "query", *stocked.box, *words, "--json")
    assert answer.code == 1
    (hit,) = answer.json["hits"]
    assert (hit["list"], hit["kind"]) == (kind, kind)
    assert 0 < hit["score"] <= 1
    assert hit["why"]
    assert 0 <= answer.json["list_age_hours"] < 1
    people = stocked.borne("list", "query", *stocked.box, *words)
    assert people.code == 1
    assert "FAIL" in people.out


def test_ok__no_hit(stocked: Office) -> None:
    words = ("--name", "MOREAU<<LUCIE", "--birth-date", "1999-01-01", "--nationality", "FRA")
    answer = stocked.borne("list", "query", *stocked.box, *words, "--json")
    assert (answer.code, answer.json["hits"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--document", "…"), "--document (nothing_to_search)."),
        (("--name", "…"), "Not searched: --name (nothing_to_search)."),
        (
            ("--name", "A<<B", "--birth-date", "31.12.1999"),
            "--birth-date: A birth date is written YYYY-MM-DD",
        ),
        (("--name", "A<<B", "--birth-date", "1999-02-30"), "--birth-date: The birth date names a day that"),
        (("--name", "A<<B", "--nationality", "Utopia"), "--nationality: 'Utopia' is no code"),
        (("--document", "A1", "--issuing-state", "XQX"), "--issuing-state: 'XQX' is no code"),
    ],
)
def test_fail__what_was_not_searched_is_not_without_a_hit(
    stocked: Office, words: tuple[str, ...], said: str
) -> None:
    answer = stocked.borne("list", "query", *stocked.box, *words)
    assert answer.code == 2
    assert said in answer.err


def test_ok__what_was_searched_counts_and_the_rest_is_said(stocked: Office) -> None:
    words = ("--name", "MOREAU<<LUCIE", "--document", "…")
    answer = stocked.borne("list", "query", *stocked.box, *words, "--json")
    assert (answer.code, answer.json["hits"]) == (0, [])
    assert "Not searched: --document (nothing_to_search)" in answer.err


def test_ok__a_number_whose_state_nobody_knows(stocked: Office) -> None:
    answer = stocked.borne("list", "query", *stocked.box, "--document", "AB1234567", "--json")
    assert answer.code == 1
    (hit,) = answer.json["hits"]
    assert "issuing_state_not_known" in hit["why"]
    assert hit["score"] < 1.0


def test_fail__nothing_to_ask(office: Office) -> None:
    assert "Nothing to ask" in one_line(office.borne("list", "query", *office.box))
    said = one_line(office.borne("list", "query", *office.box, "--name", "A<<B"))
    assert "borne list import" in said


def test_ok__pairs(borne, tmp_path: Path) -> None:
    table = (
        "\ufeffid,name,birth_date,other_name,other_birth_date\n"
        '7,"ERIKSSON, ANNA",1974-08-12,"ERIKSSON, ANNA",1974-08-12\n'
        '8,"ERIKSSON, ANNA",1974-08-12,"MOREAU, LUCIE",\n'
    )
    (tmp_path / "pairs.csv").write_text(table, "utf-8")
    answer = borne("list", "query", "--pairs", tmp_path / "pairs.csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert (answer.code, answer.err) == (0, "")
    assert [(row["id"], row["verdict"]) for row in rows] == [("7", "FAIL"), ("8", "PASS")]
    assert all(0 <= float(row["score"]) <= 1 for row in rows)


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"name,birth_date\n"])
def test_fail__pairs(could_not, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pairs.csv").write_bytes(content)
    assert "pairs.csv" in could_not("list", "query", "--pairs", tmp_path / "pairs.csv")
