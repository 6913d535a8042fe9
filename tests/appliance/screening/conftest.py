"""Lists for the tests of screening: invented entries, built once."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry
from appliance.screening.documents.search import NumberList, open_numbers
from appliance.screening.lists import ListInfo, ListKind, OpenedList, WhenStale, open_list
from appliance.screening.persons.entries import PersonEntry
from appliance.screening.persons.search import PersonList

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
KEY = bytes(range(32))
MakeList = Callable[..., OpenedList]


def info(**changes: object) -> ListInfo:
    said = {
        "name": "list",
        "kind": ListKind.PERSONS,
        "version": 1,
        "issued_at": ISSUED,
        "owner": "owner",
        "legal_basis": "act",
        "contact": "desk",
        "action": "refer",
        "stale_after_hours": 48.0,
    }
    return ListInfo(**(said | changes))


@pytest.fixture
def make_list(tmp_path: Path) -> MakeList:
    def make(
        *,
        documents: Iterable[DocumentEntry] = (),
        persons: Iterable[PersonEntry] = (),
        name: str = "list",
        kind: ListKind = ListKind.DOCUMENTS,
        when_stale: WhenStale = WhenStale.HITS_STAND,
        expires_at: datetime | None = ISSUED + timedelta(days=30),
        **said: object,
    ) -> PersonList | NumberList:
        documents = list(documents)
        path = tmp_path / name
        if documents:
            about = info(name=name, kind=kind, when_stale=when_stale, **said)
            build_documents(path, documents, info=about, master_key=KEY, epoch="2027")
            return open_numbers(path, KEY, expires_at=expires_at)
        build_persons(path, persons, info=info(name=name, when_stale=when_stale, **said))
        return PersonList(open_list(path.read_bytes(), expires_at=expires_at))

    return make
