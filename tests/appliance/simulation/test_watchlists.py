from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.checks import Direction, Verdict
from appliance.reference_data.store import ReferenceStore
from appliance.screening import OpenLists, Subject, screen
from appliance.simulation.watchlists import (
    DOCUMENT_LIST,
    NEAR_MATCH,
    OTHER_DOCUMENTS,
    OTHER_PERSONS,
    PERSON_LIST,
    STOLEN_DOCUMENT,
    demo_reference_data,
)

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
SIGNER, BOX = SigningKey(bytes(32)), PrivateKey(bytes(range(32)))


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> OpenLists:
    folder = tmp_path_factory.mktemp("demo")
    return stocked(folder).open_lists()


def stocked(folder: Path) -> ReferenceStore:
    repository = demo_reference_data(
        folder / "r", issued_at=ISSUED, signing_key=SIGNER, recipients=[BOX.public_key]
    )
    store = ReferenceStore(
        folder / "s", root=repository.first_root, private_key=BOX, floor_folders=(folder / "f",)
    )
    assert store.receive(repository.message(), now=ISSUED, time_quality="rtc").accepted
    return store


def reasons(lists: OpenLists, subject: Subject) -> dict[str, tuple[Verdict, str]]:
    now = ISSUED + timedelta(hours=5)
    checks = screen(subject, lists, direction=Direction.ENTRY, now=now, time_quality="rtc")
    return {check.id: (check.verdict, check.reason) for check in checks}


def test_ok__two_lists_with_many_entries(lists: OpenLists) -> None:
    assert {one.info.name: one.info.entries for one in lists.lists} == {
        DOCUMENT_LIST: OTHER_DOCUMENTS + 1,
        PERSON_LIST: OTHER_PERSONS + 1,
    }


def test_ok__near_match_is_possible_and_never_certain(lists: OpenLists) -> None:
    found = reasons(
        lists,
        Subject(
            primary_identifier=NEAR_MATCH.traveller_primary,
            secondary_identifier=NEAR_MATCH.traveller_secondary,
            birth_date=NEAR_MATCH.birth_date.isoformat(),
            sex="M",
            issuing_state="UTO",
            document_number="KX4471902",
        ),
    )
    assert found["watchlist.person"] == (Verdict.FAIL, "possible_match")
    assert found["watchlist.document"] == (Verdict.PASS, "no_hit")


def test_ok__stolen_document(lists: OpenLists) -> None:
    found = reasons(
        lists, Subject(document_number=STOLEN_DOCUMENT.number, issuing_state=STOLEN_DOCUMENT.issuing_state)
    )
    assert found["watchlist.document"] == (Verdict.FAIL, "stolen")


def test_ok__the_same_in_every_run(tmp_path: Path) -> None:
    """A box that starts anew within the same second finds its list already there."""
    stocked(tmp_path)
    again = stocked(tmp_path)
    assert {one.version for one in again.status(now=ISSUED, time_quality="rtc")} == {int(ISSUED.timestamp())}
    assert (
        len(
            demo_reference_data(
                tmp_path / "r", issued_at=ISSUED, signing_key=SIGNER, recipients=[BOX.public_key]
            ).targets()
        )
        == 2
    )
