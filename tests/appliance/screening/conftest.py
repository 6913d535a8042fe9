"""Lists for the tests of screening: invented entries, built once."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.screening.build import DocumentEntry, PersonEntry, build_list
from appliance.screening.lists import ListKind, OpenList, WhenStale, open_list_file

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
MakeList = Callable[..., OpenList]


@pytest.fixture
def make_list(tmp_path: Path) -> MakeList:
    def make(
        *,
        documents: Iterable[DocumentEntry] = (),
        persons: Iterable[PersonEntry] = (),
        name: str = "list",
        when_stale: WhenStale = WhenStale.HITS_STAND,
        issued_at: datetime = ISSUED,
    ) -> OpenList:
        documents = list(documents)
        build_list(
            tmp_path / name,
            name=name,
            kind=ListKind.DOCUMENTS if documents else ListKind.PERSONS,
            version=1,
            issued_at=issued_at,
            owner="owner",
            legal_basis="act",
            contact="desk",
            action="refer",
            stale_after_hours=48.0,
            when_stale=when_stale,
            documents=documents,
            persons=persons,
        )
        return open_list_file(tmp_path / name)

    return make
