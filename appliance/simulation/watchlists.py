"""What central has in the demo: two lists of invented persons and document numbers, the same in every run,
trust anchors, and the register behind its gateway.
"""

import hashlib
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from nacl.public import PublicKey
from nacl.signing import SigningKey

from appliance.key_files import HashingKey, write_key
from appliance.reference_data.commands import sign, sign_other
from appliance.reference_data.repository import Repository
from appliance.reference_data.sealed import ContentType
from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.persons.entries import EntryDirection, Number, PersonEntry

DOCUMENT_LIST: Final = "demo-documents"
PERSON_LIST: Final = "demo-persons"
OTHER_DOCUMENTS: Final = 4000
OTHER_PERSONS: Final = 2000
"""Enough that a search is a search, few enough that the demo starts at once."""

_SEED: Final = 9303
_STATES: Final = ("UTO", "XOM", "ATA", "UNO")
"""Utopia and other issuers that have no citizens."""
_SYLLABLES: Final = (
    "BA",
    "DOR",
    "EL",
    "FIN",
    "GA",
    "HOL",
    "IK",
    "KRO",
    "LEM",
    "NO",
    "QUI",
    "SOL",
    "TEV",
    "WIS",
    "ZE",
)
_FIRST_BIRTH: Final = date(1940, 1, 1)
_BIRTH_DAYS: Final = 24_000


@dataclass(frozen=True, slots=True)
class NearMatch:
    """A traveller whose name sounds like that of a person on the list, born on the same day."""

    traveller_primary: str
    traveller_secondary: str
    listed_primary: str
    listed_secondary: str
    birth_date: date
    reference: str


@dataclass(frozen=True, slots=True)
class StolenDocument:
    """A document on the list of documents."""

    number: str
    issuing_state: str


NEAR_MATCH: Final = NearMatch(
    traveller_primary="MUKHAMEDOV",
    traveller_secondary="TIMUR",
    listed_primary="MUHAMMADOV",
    listed_secondary="TIMUR",
    birth_date=date(1984, 2, 29),
    reference="DEMO-P-0001",
)
STOLEN_DOCUMENT: Final = StolenDocument(number="ST0481516", issuing_state="UTO")
REGISTER: Final = "Utopian National Register (simulated)"
"""What the gateway asks: the list of documents again, as central would have it."""


def demo_reference_data(
    folder: Path,
    *,
    issued_at: datetime,
    signing_key: SigningKey,
    recipients: Iterable[PublicKey],
    trust: bytes | None = None,
) -> Repository:
    """Both lists, and `trust` anchors if given, sealed and signed in the repository at `folder`; the later
    `issued_at`, the higher the version.

    One key issues and publishes here, which is enough for a play; a repository that is there already is used.
    """
    boxes = tuple(recipients)
    if not (folder / "metadata").exists():
        Repository.create(
            folder,
            root_keys=[signing_key],
            root_threshold=1,
            issuer_keys=[signing_key],
            issuer_threshold=1,
            publisher_key=signing_key,
            now=issued_at,
        )
    repository = Repository(folder)
    version = int(issued_at.timestamp())
    newest = {one.name for one in repository.targets().values() if one.version >= version}
    key = _index_key(signing_key)
    with tempfile.TemporaryDirectory() as name:
        documents, persons, anchors = (Path(name) / one for one in (DOCUMENT_LIST, PERSON_LIST, "anchors"))
        if trust is not None and ContentType.TRUST_ANCHORS.value not in newest:
            anchors.write_bytes(trust)
            sign_other(
                anchors,
                repository,
                type_=ContentType.TRUST_ANCHORS,
                version=version,
                recipients=boxes,
                issuer_keys=[signing_key],
                publisher_key=signing_key,
                now=issued_at,
            )
        _build_documents(documents, DOCUMENT_LIST, issued_at, key)
        build_persons(persons, _persons(), info=_info(PERSON_LIST, ListKind.PERSONS, issued_at))
        for source in (documents, persons):
            if source.name in newest:
                continue
            sign(
                source,
                repository,
                recipients=boxes,
                issuer_keys=[signing_key],
                publisher_key=signing_key,
                now=issued_at,
                index_key=key,
                valid_for=timedelta(days=30),
            )
    return repository


def demo_register(folder: Path, *, issued_at: datetime, signing_key: SigningKey) -> str:
    """The register of documents that the gateway asks, as `borne-central gateway --register` takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path, key_file, key = folder / "documents.list", folder / "documents.key", _index_key(signing_key)
    _build_documents(path, "register", issued_at, key)
    if not key_file.exists():
        write_key(key_file, HashingKey(key))
    return f"{REGISTER}={path},{key_file}"


def _index_key(signing_key: SigningKey) -> bytes:
    return hashlib.sha256(b"demo" + bytes(signing_key)).digest()


def _build_documents(path: Path, name: str, issued_at: datetime, key: bytes) -> None:
    info = _info(name, ListKind.DOCUMENTS, issued_at)
    build_documents(path, _documents(), info=info, master_key=key, epoch="demo")


def _info(name: str, kind: ListKind, issued_at: datetime) -> ListInfo:
    documents = kind is ListKind.DOCUMENTS
    return ListInfo(
        name=name,
        kind=kind,
        version=int(issued_at.timestamp()),
        issued_at=issued_at,
        owner=f"Utopian {'Document Register' if documents else 'Border Guard'} (simulated)",
        legal_basis="none: a demonstration",
        contact=f"demo desk, +999 000 0{1 if documents else 2}",
        action="Keep the document and refer." if documents else "Refer; compare portrait and place of birth.",
        stale_after_hours=48.0,
    )


def _documents() -> Iterator[DocumentEntry]:
    yield DocumentEntry(
        number=STOLEN_DOCUMENT.number,
        issuing_state=STOLEN_DOCUMENT.issuing_state,
        document_type="P",
        status=DocumentStatus.STOLEN,
    )
    yield from other_documents()


def other_documents() -> Iterator[DocumentEntry]:
    """Numbers that no scripted traveller's document has."""
    play = random.Random(_SEED)
    for number in play.sample(range(10**6), OTHER_DOCUMENTS):
        yield DocumentEntry(
            # Three letters, which no scripted traveller's number has.
            number=f"ZZ{play.choice('ABCDEFGHKMNPRSTVWX')}{number:06d}",
            issuing_state=play.choice(_STATES),
            document_type="P",
            status=play.choice(tuple(DocumentStatus)),
        )


def _persons() -> Iterator[PersonEntry]:
    yield PersonEntry(
        reference=NEAR_MATCH.reference,
        names=((NEAR_MATCH.listed_primary, NEAR_MATCH.listed_secondary),),
        reason="wanted for questioning (invented)",
        birth_dates=(NEAR_MATCH.birth_date.isoformat(),),
        sex="M",
        nationality="UTO",
    )
    yield from other_persons()


def other_persons() -> Iterator[PersonEntry]:
    """Invented persons whose names are nobody's."""
    play = random.Random(_SEED)
    for index in range(OTHER_PERSONS):
        born = (_FIRST_BIRTH + timedelta(days=play.randrange(_BIRTH_DAYS))).isoformat()
        yield PersonEntry(
            reference=f"DEMO-P-{index + 1000}",
            names=((_word(play), _word(play)),),
            reason=play.choice(("entry ban (invented)", "exit ban (invented)", "wanted (invented)")),
            birth_dates=(play.choice((born, born, born, born[:4])),),
            sex=play.choice("MF"),
            nationality=play.choice(_STATES),
            personal_numbers=(Number(number=f"ZZ{play.randrange(10**9):09d}", state=play.choice(_STATES)),),
            direction=play.choice(tuple(EntryDirection)),
        )


def _word(play: random.Random) -> str:
    return "".join(play.choice(_SYLLABLES) for _ in range(play.randint(3, 4)))
