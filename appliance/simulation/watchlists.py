"""The demo's two lists: invented persons and invented document numbers, the same in every run."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from nacl.public import PublicKey
from nacl.signing import SigningKey

from appliance.reference_data.commands import sign_list
from appliance.screening.build import DocumentEntry, Number, PersonEntry, build_list
from appliance.screening.lists import DocumentStatus, EntryDirection, ListKind

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
    reference: str


NEAR_MATCH: Final = NearMatch(
    traveller_primary="MUKHAMEDOV",
    traveller_secondary="TIMUR",
    listed_primary="MUHAMMADOV",
    listed_secondary="TIMUR",
    birth_date=date(1984, 2, 29),
    reference="DEMO-P-0001",
)
STOLEN_DOCUMENT: Final = StolenDocument(number="ST0481516", issuing_state="UTO", reference="DEMO-D-0001")


def demo_packages(
    *, issued_at: datetime, signing_key: SigningKey, recipients: Iterable[PublicKey]
) -> tuple[bytes, ...]:
    """Both lists, signed and sealed; the later `issued_at`, the higher the version."""
    boxes = tuple(recipients)
    version = int(issued_at.timestamp())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_list(
            folder / DOCUMENT_LIST,
            name=DOCUMENT_LIST,
            kind=ListKind.DOCUMENTS,
            version=version,
            issued_at=issued_at,
            owner="Utopian Document Register (simulated)",
            legal_basis="none: a demonstration",
            contact="demo desk, +999 000 01",
            action="Keep the document and refer.",
            stale_after_hours=48.0,
            documents=_documents(),
        )
        build_list(
            folder / PERSON_LIST,
            name=PERSON_LIST,
            kind=ListKind.PERSONS,
            version=version,
            issued_at=issued_at,
            owner="Utopian Border Guard (simulated)",
            legal_basis="none: a demonstration",
            contact="demo desk, +999 000 02",
            action="Refer; compare portrait and place of birth.",
            stale_after_hours=48.0,
            persons=_persons(),
        )
        packages = []
        for one in (DOCUMENT_LIST, PERSON_LIST):
            target = folder / f"{one}.cose"
            sign_list(
                folder / one, target, signing_key=signing_key, recipients=boxes, valid_for=timedelta(days=30)
            )
            packages.append(target.read_bytes())
    return tuple(packages)


def _documents() -> Iterator[DocumentEntry]:
    yield DocumentEntry(
        reference=STOLEN_DOCUMENT.reference,
        number=STOLEN_DOCUMENT.number,
        issuing_state=STOLEN_DOCUMENT.issuing_state,
        document_type="P",
        status=DocumentStatus.STOLEN,
    )
    play = random.Random(_SEED)
    for index in range(OTHER_DOCUMENTS):
        yield DocumentEntry(
            reference=f"DEMO-D-{index + 1000}",
            # Three letters, which no scripted traveller's number has.
            number=f"ZZ{play.choice('ABCDEFGHKMNPRSTVWX')}{play.randrange(10**6):06d}",
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
