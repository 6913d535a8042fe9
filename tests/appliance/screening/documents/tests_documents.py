"""A list of numbers for the tests: invented, built once a module."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.screening.documents.build import build_numbers
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.lists import ListInfo, ListKind

KEY = bytes(range(32))
ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
STATES = ("UTO", "KGZ", "D")
LETTERS = "ACDEFHJKMNPRTUVWXY"


def info(version: int = 1, **changes: object) -> ListInfo:
    said = {
        "name": "sltd", "kind": ListKind.DOCUMENTS, "version": version, "issued_at": ISSUED, "owner": "o",
        "legal_basis": "l", "contact": "c", "action": "a", "stale_after_hours": 48.0,
    }  # fmt: skip
    return ListInfo(**(said | changes))


def entries(count: int, *, seed: int = 1, prefix: str = "") -> list[DocumentEntry]:
    play = random.Random(seed)
    return [
        DocumentEntry(
            number=f"{prefix or play.choice(LETTERS) + play.choice(LETTERS)}{number:07d}",
            issuing_state=play.choice(STATES),
            status=play.choice(tuple(DocumentStatus)),
            document_type=play.choice(("P", "I", "V", "AC", "")),
            reported=play.choice(("", "2020-05", "2026-12-31", "1999-01")),
        )
        for number in play.sample(range(10**7), count)
    ]


@pytest.fixture(scope="module")
def listed() -> list[DocumentEntry]:
    return entries(6000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, listed: list[DocumentEntry]) -> Path:
    path = tmp_path_factory.mktemp("numbers") / "sltd"
    build_numbers(path, listed, info=info(), master_key=KEY, epoch="2027")
    return path
