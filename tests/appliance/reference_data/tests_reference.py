"""A central with its repository, and a box with its store, in the test's folder; keys are the tests' own."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.reference_data.commands import sign
from appliance.reference_data.delivery import MessageDelivery
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.repository import Repository
from appliance.reference_data.store import ReferenceStore
from appliance.screening import Subject, screen
from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.persons.entries import PersonEntry

NOW = dt.datetime(2027, 3, 1, tzinfo=dt.UTC)
ROOTS = [SigningKey(bytes([number]) * 32) for number in (1, 2, 3)]
ISSUER, PUBLISHER, STRANGER = (SigningKey(bytes([number]) * 32) for number in (10, 11, 12))
BOX, OTHER_BOX = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))
INDEX_KEY = bytes(range(2, 34))


def info(name: str, kind: ListKind, version: int) -> ListInfo:
    return ListInfo(
        name=name,
        kind=kind,
        version=version,
        issued_at=NOW,
        owner="o",
        legal_basis="l",
        contact="c",
        action="a",
        stale_after_hours=48.0,
    )


def take(store: ReferenceStore, data: bytes, *, now: dt.datetime = NOW, quality: str = "rtc"):
    return store.install(MessageDelivery(data), now=now, time_quality=quality)


def refused(store: ReferenceStore, data: bytes, **settings) -> Reason:
    with pytest.raises(Refused) as caught:
        take(store, data, **settings)
    assert caught.value.sentence.endswith(".")
    assert "\n" not in caught.value.sentence
    return caught.value.reason


def versions(store: ReferenceStore) -> dict[str, int]:
    return {one.name: one.version for one in store.status(now=NOW, time_quality="rtc") if one.readable}


def hits(store: ReferenceStore) -> set[str]:
    subject = Subject(
        primary_identifier="MUHAMMADOV",
        secondary_identifier="TIMUR",
        issuing_state="UTO",
        document_number="AB0000007",
    )
    checks = screen(subject, store.open_lists(), direction=None, now=NOW, time_quality="rtc")
    return {check.id for check in checks if check.verdict == "FAIL"}


class Central:
    """Builds lists and signs them."""

    def __init__(
        self, folder: Path, *, roots: list[SigningKey] | None = None, signer: SigningKey | None = None
    ) -> None:
        self.folder = folder
        self.now = NOW
        self.repository = Repository.create(
            folder / "repository",
            root_keys=roots or ROOTS,
            root_threshold=2,
            issuer_keys=[signer or ISSUER],
            issuer_threshold=1,
            publisher_key=signer or PUBLISHER,
            now=NOW,
        )

    def persons(self, version: int = 1, *, name: str = "persons", **settings) -> None:
        path = self.folder / "list"
        entry = PersonEntry(reference=f"p{version}", names=(("MUHAMMADOV", "TIMUR"),), reason="r")
        build_persons(path, [entry], info=info(name, ListKind.PERSONS, version))
        self.sign(path, **settings)

    def documents(self, version: int = 1, *, count: int = 50, **settings) -> Path:
        path = self.folder / f"documents-{version}"
        entries = [
            DocumentEntry(number=f"AB{number:07d}", issuing_state="UTO", status=DocumentStatus.STOLEN)
            for number in range(count)
        ]
        about = info("documents", ListKind.DOCUMENTS, version)
        build_documents(path, entries, info=about, master_key=INDEX_KEY, epoch="1")
        self.sign(path, index_key=INDEX_KEY, **settings)
        return path

    def sign(self, path: Path, **settings) -> None:
        named = {
            "recipients": [BOX.public_key],
            "issuer_keys": [ISSUER],
            "publisher_key": PUBLISHER,
            "now": self.now,
        }
        sign(path, self.repository, **(named | settings))

    @property
    def message(self) -> bytes:
        return self.repository.message()


@pytest.fixture
def central(tmp_path: Path) -> Central:
    return Central(tmp_path / "central")


MakeStore = Callable[..., ReferenceStore]


@pytest.fixture
def make_store(tmp_path: Path, central: Central) -> MakeStore:
    def make(**changes: object) -> ReferenceStore:
        named = {
            "root": central.repository.first_root,
            "private_key": BOX,
            "floor_folders": (tmp_path / "floor",),
        }
        return ReferenceStore(tmp_path / "store", **(named | changes))

    return make


@pytest.fixture
def store(make_store: MakeStore) -> ReferenceStore:
    return make_store()


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / "central").mkdir(exist_ok=True)
