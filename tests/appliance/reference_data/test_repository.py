import datetime as dt
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from tests_reference import BOX, INDEX_KEY, ISSUER, NOW, PUBLISHER, ROOTS, STRANGER, Central, info

from appliance.reference_data import repository as repositories
from appliance.reference_data.commands import build_changes, described
from appliance.reference_data.repository import Repository, RepositoryError
from appliance.reference_data.sealed import ContentType
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListKind


def test_ok__what_is_signed_for(central: Central) -> None:
    central.persons()
    central.documents(3)
    again = Repository(central.folder / "repository")
    assert {name: one.version for name, one in again.targets().items()} == {
        "persons.1.watchlist": 1,
        "documents.3.watchlist": 3,
    }
    assert again.root == again.first_root


def test_ok__a_new_list_takes_the_old_ones_place(central: Central) -> None:
    central.persons()
    central.persons(2)
    assert list(central.repository.targets()) == ["persons.2.watchlist"]
    assert len(list((central.folder / "repository" / "targets").iterdir())) == 1
    assert len(list((central.folder / "repository" / "metadata").glob("*.targets.json"))) == 2


def test_ok__said_anew_before_it_expires(central: Central) -> None:
    before = central.repository._timestamp.signed.version
    central.repository.refresh(publisher_key=PUBLISHER, now=NOW + dt.timedelta(days=20))
    assert central.repository._timestamp.signed.version == before + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"root_threshold": 4},
        {"root_threshold": 0},
        {"issuer_threshold": 2},
        {"issuer_keys": []},
        {"root_keys": [ROOTS[0], ROOTS[0]]},
    ],
)
def test_fail__thresholds_that_no_keys_reach(tmp_path: Path, changes: dict) -> None:
    named = {
        "root_keys": ROOTS, "root_threshold": 2, "issuer_keys": [ISSUER], "issuer_threshold": 1,
        "publisher_key": PUBLISHER, "now": NOW,
    }  # fmt: skip
    with pytest.raises(RepositoryError, match="threshold"):
        Repository.create(tmp_path / "r", **(named | changes))


def test_fail__never_overwritten_and_not_there(central: Central, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="already"):
        Central(central.folder)
    with pytest.raises(RepositoryError, match="no repository"):
        Repository(tmp_path / "none")
    (central.folder / "repository" / "metadata" / "timestamp.json").write_bytes(b"{}")
    with pytest.raises(RepositoryError, match="cannot be read"):
        Repository(central.folder / "repository")


@pytest.mark.parametrize("wrong", [{"issuer_keys": [STRANGER]}, {"publisher_key": STRANGER}])
def test_fail__keys_that_the_root_does_not_name(central: Central, wrong: dict) -> None:
    with pytest.raises(RepositoryError, match="root names"):
        central.persons(**wrong)


def test_fail__rotation(central: Central) -> None:
    named = {"role": "targets", "keys": [STRANGER], "threshold": 1, "now": NOW}
    for changes, sentence in (
        ({"signing_keys": ROOTS[:1]}, "root's keys"),
        ({"signing_keys": [STRANGER, SigningKey.generate()]}, "root's keys"),
        ({"signing_keys": ROOTS, "role": "mirrors"}, "roles are"),
        ({"signing_keys": ROOTS, "threshold": 2}, "threshold"),
        ({"signing_keys": ROOTS, "role": "root", "keys": [STRANGER], "threshold": 1}, "root's keys"),
    ):
        with pytest.raises(RepositoryError, match=sentence):
            Repository(central.folder / "repository").rotate(**(named | changes))


def test_fail__signing_what_is_no_list(central: Central, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"rubbish")
    with pytest.raises(ListUnreadable):
        described(tmp_path / "x")
    path = central.documents()
    assert described(path)[1] is ContentType.WATCHLIST
    with pytest.raises(ListUnreadable, match="key"):
        central.sign(path, index_key=bytes(32))
    for recipients in ([], [BOX.public_key] * 2):
        if recipients:
            central.sign(path, index_key=INDEX_KEY, recipients=recipients)  # the same box twice is one box
            continue
        with pytest.raises(ValueError, match="boxes"):
            central.sign(path, index_key=INDEX_KEY, recipients=recipients)


def test_ok__a_message_of_changes_alone(
    central: Central, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    whole, changes = (central.repository.message("documents", only_changes=only) for only in (False, True))
    assert len(changes) < len(whole) - 10_000
    monkeypatch.setattr(repositories, "MAX_MESSAGE_BYTES", 5_000)
    assert central.repository.message("documents", only_changes=True) == changes
    with pytest.raises(ValueError, match="stick"):
        central.repository.message("documents")
