from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.contracts.checks import Direction, Verdict
from appliance.cose import key_id
from appliance.reference_data.store import ReferenceStore
from appliance.screening import OpenLists, Subject, screen
from appliance.simulation.watchlists import (
    DOCUMENT_LIST,
    NEAR_MATCH,
    OTHER_DOCUMENTS,
    OTHER_PERSONS,
    PERSON_LIST,
    STOLEN_DOCUMENT,
    demo_packages,
)

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
SIGNER, BOX = SigningKey(bytes(32)), PrivateKey(bytes(range(32)))


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> OpenLists:
    store = ReferenceStore(
        tmp_path_factory.mktemp("demo"),
        verify_keys={key_id(SIGNER.verify_key): SIGNER.verify_key},
        private_key=BOX,
    )
    for package in demo_packages(issued_at=ISSUED, signing_key=SIGNER, recipients=[BOX.public_key]):
        store.install(package, now=ISSUED, time_quality="rtc")
    return store.open_lists()


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
    store = ReferenceStore(
        tmp_path, verify_keys={key_id(SIGNER.verify_key): SIGNER.verify_key}, private_key=BOX
    )
    installed = [
        store.install(package, now=ISSUED, time_quality="rtc").installed
        for _ in range(2)
        for package in demo_packages(issued_at=ISSUED, signing_key=SIGNER, recipients=[BOX.public_key])
    ]
    assert installed == [True, True, False, False]
