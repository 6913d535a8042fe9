"""A working day as a book: ordinary travellers, some in trouble through nobody's fault, a few who lie."""

import datetime as dt
import random
from typing import Any, Final

import msgspec

from appliance.contracts.checks import Recommendation
from appliance.screening.documents.entries import DocumentStatus
from appliance.simulation.training.script import (
    Act,
    Book,
    Chip,
    Document,
    Kind,
    Listed,
    Page,
    Person,
    Right,
    Traveller,
    Trick,
)

_NOT_FOUND: Final = frozenset({14, 21, 30, 34, 37, 52, 54, 70, 72, 86, 87, 90, 94, 107, 108, 119, 122, 126})
"""Drawings that the networks take for nobody, or for somebody who stands wrongly."""
STRANGERS: Final = ((51, 35), (59, 39), (20, 97), (24, 38))
"""(who stands there, whose document it is): the box can tell them apart."""
FACES: Final = tuple(number for number in range(1, 131) if number not in {*_NOT_FOUND, 51, 59, 20, 24})
"""For everybody else."""
FINGERS: Final = (1, 3, 5, 7, 9)
"""Drawing a finger costs more than all that the box does with it: five pairs serve everybody."""
_SURNAMES: Final = (
    *("ASANOV", "BERG", "CASTRO", "DIALLO", "EKLUND", "FARAH", "GARCIA", "HASSAN", "ISAKOV", "JANSEN"),
    *("KARIMOV", "LINDQVIST", "MOREAU", "NAZAROV", "OKAFOR", "PETROV", "QUISPE", "RAHMONOV", "SILVA"),
    *("TOKTOGULOV", "USMANOV", "VARGA", "WEBER", "XIMENES", "YULDASHEV", "ZHUMABEKOV", "ABDIEV", "BAKIROV"),
    *("CHERNOV", "DOSMATOV", "ERGASHEV", "FISCHER", "GULOMOV", "HOLUBEK", "IBRAIMOV", "JOHNSON"),
)
_GIVEN: Final = (
    *("AIGUL", "BAKYT", "CLARA", "DAWIT", "ELENA", "FIRUZ", "GRACE", "HUGO", "ILONA", "JASUR", "KARIM"),
    *("LEILA", "MALIK", "NARGIZA", "ODETTE", "PAOLO", "RUSTAM", "SIGNE", "TIMUR", "ULUGBEK", "VERA"),
    *("WALID", "YUSUF", "ZARINA", "ANNA MARIA", "BEKZAT", "CHINARA", "DILSHOD", "ERMEK", "FARIDA"),
)
_STATES: Final = ("KGZ", "KGZ", "KGZ", "UZB", "UZB", "TJK", "FRA", "UTO", "NER")
_CHIPS: Final = (Chip.TODAY, Chip.TODAY, Chip.MAPPING, Chip.SIGNING, Chip.INTEGRATED, Chip.OLD)

SHARES: Final = {
    # what -> how many of a thousand
    "card": 70,
    "card_without_chip": 30,
    "child": 20,
    "child_of_other_name": 2,
    "child_alone": 2,
    "dead_chip": 10,
    "worn_fingers": 8,
    "convention": 6,
    "unreadable": 4,
    "handwritten": 2,
    "expired": 4,
    "listed_name": 6,
    "near_match": 2,
    "stolen": 2,
    "stranger": 2,
    "clone": 2,
    "altered": 2,
    "wrong_digit": 2,
}
"""A guess at a small land crossing, written down so that it can be argued with; the rest is ordinary. A child
comes right behind its parent, who is one of the rest."""
WITH_PARENT: Final = ("child", "child_of_other_name")
ADULT: Final = 18
FAMILY: Final = (("M", 41), ("F", 38), ("M", 15), ("F", 11), ("M", 6), ("F", 1))
"""Sex and age of a family of six: who is twelve or older is asked for fingers."""


def working_day(travellers: int, *, seed: int = 9303) -> Book:
    """So many travellers; each kind of SHARES comes at least once where there are enough."""
    play = random.Random(seed)
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * travellers / 1000)))]
    units = [("parent", kind) if kind in WITH_PARENT else (kind,) for kind in kinds]
    while sum(map(len, units)) > travellers:
        units.pop()
    units += [("ordinary",)] * (travellers - sum(map(len, units)))
    play.shuffle(units)
    made: list[Traveller] = []
    for unit in units:
        for kind in unit:
            made.append(_one(kind, len(made) + 1, play, behind=made[-1] if made else None))
    return Book(name=f"a day of {travellers}", traveller=tuple(made))


def ordinary_people(travellers: int, *, seed: int = 9303) -> Book:
    """Nobody but ordinary adults with passports of every kind of chip."""
    play = random.Random(seed)
    people = (_one("ordinary", number, play) for number in range(1, travellers + 1))
    return Book(name=f"{travellers} ordinary travellers", traveller=tuple(people))


def family(seed: int = 9303) -> Book:
    """A family of six, parents first, each with a passport; nobody has told the box of a group."""
    play = random.Random(seed)
    today = dt.datetime.now(dt.UTC).date()
    made: list[Traveller] = []
    for number, (sex, age) in enumerate(FAMILY, start=1):
        one = _one("ordinary" if age >= ADULT else "child", number, play, behind=made[0] if made else None)
        assert one.document is not None
        document = msgspec.structs.replace(
            one.document,
            issuer="KGZ",
            number=f"KF{number:07d}",
            surname="USMANOVA" if sex == "F" else "USMANOV",
            sex=sex,
            born=f"{today.year - age - 1}-{today.month:02d}-15",
        )
        made.append(msgspec.structs.replace(one, title=f"{sex}, {age}", document=document))
    return Book(name="a family of six", traveller=tuple(made))


def _one(kind: str, number: int, play: random.Random, *, behind: Traveller | None = None) -> Traveller:
    """`behind`: who came just before, a child's parent."""
    issuer = play.choice(_STATES)
    document = Document(
        issuer=issuer,
        number=f"{issuer[:2]}{number:07d}"[:9],
        surname=play.choice(_SURNAMES),
        given=play.choice(_GIVEN),
        born=f"{play.randint(1945, 2006)}-{play.randint(1, 12):02d}-{play.randint(1, 28):02d}",
        sex=play.choice("MF"),
        chip=play.choice(_CHIPS),
    )
    with_parent = kind in WITH_PARENT and behind is not None
    if kind == "child" and behind is not None and behind.document is not None:
        document = msgspec.structs.replace(document, surname=behind.document.surname)
    made = _AS[kind](document, play)
    return Traveller(
        id=f"{kind.replace('_', '-')}-{number}",
        grade=1,
        title=kind.replace("_", " "),
        tells=kind.replace("_", " "),
        honest=kind not in DISHONEST,
        document=made.get("document", document),
        person=msgspec.structs.replace(
            made.get("person", Person(face=play.choice(FACES))), finger=play.choice(FINGERS)
        ),
        tricks=made.get("tricks", ()),
        listed=made.get("listed", ()),
        company=behind.id if with_parent and behind is not None else None,
        right=Right(
            box=Recommendation.GREEN,
            act=Act.REFER if kind in DISHONEST | TO_REFER else Act.ADMIT,
            debrief=kind,
        ),
    )


DISHONEST: Final = frozenset({"stolen", "stranger", "clone", "altered", "wrong_digit"})
TO_REFER: Final = frozenset({"handwritten", "expired", "near_match", "child_alone", "child_of_other_name"})
"""Honest, and still for the second line: papers that do not serve, a likeness that only it may close, a child
whom nobody answers for, or somebody of another name."""


def _with(document: Document, **changes: Any) -> dict[str, Any]:
    return {"document": msgspec.structs.replace(document, **changes)}


def _listed_as(document: Document, *, born: str, spelling: str | None = None) -> tuple[Listed, ...]:
    return (
        Listed(
            surname=spelling or document.surname,
            given=document.given,
            born=born,
            sex=document.sex,
            nationality=document.nationality or document.issuer,
        ),
    )


def _near_match(document: Document, _play: random.Random) -> dict[str, Any]:
    made = msgspec.structs.replace(document, surname="MUKHAMEDOV", given="TIMUR", sex="M")
    return {"document": made, "listed": _listed_as(made, born=made.born, spelling="MUHAMMADOV")}


def _stranger(document: Document, play: random.Random) -> dict[str, Any]:
    standing, owner = play.choice(STRANGERS)
    return {"person": Person(face=owner, stranger=standing), "tricks": (Trick.OTHER_FACE,)} | _with(
        document, chip=Chip.TODAY
    )


def _stolen(document: Document, _play: random.Random) -> dict[str, Any]:
    listed = Listed(number=document.number, issuer=document.issuer, status=DocumentStatus.STOLEN)
    return {"listed": (listed,)}


_AS: Final[dict[str, Any]] = {
    "ordinary": lambda document, play: {},  # noqa: ARG005 - the shape of all
    "card": lambda document, play: _with(document, kind=Kind.CARD),  # noqa: ARG005
    "card_without_chip": lambda document, play: _with(document, kind=Kind.CARD, chip=Chip.NONE),  # noqa: ARG005
    "parent": lambda document, play: _with(document, born=f"{play.randint(1975, 1999)}-03-04"),
    "child": lambda document, play: _with(document, born=f"today-{play.randint(60, 6000)}"),
    "child_of_other_name": lambda document, play: _with(
        document, surname="XIMENES", born=f"today-{play.randint(400, 4200)}"
    ),
    "child_alone": lambda document, play: _with(document, born=f"today-{play.randint(2000, 6000)}"),
    "dead_chip": lambda document, play: _with(document, issuer="KGZ", chip=Chip.DEAD),  # noqa: ARG005
    "worn_fingers": lambda document, play: {"person": Person(face=play.choice(FACES), fingers=False)},  # noqa: ARG005
    "convention": lambda document, play: _with(
        document, kind=Kind.CONVENTION, issuer="FRA", nationality=play.choice(("XXA", "XXB", "XXC"))
    ),
    "unreadable": lambda document, play: _with(document, page=Page.UNREADABLE),  # noqa: ARG005
    "handwritten": lambda document, play: _with(document, page=Page.HANDWRITTEN, chip=Chip.NONE),  # noqa: ARG005
    "expired": lambda document, play: _with(document, expires=f"today-{play.randint(1, 400)}"),
    "listed_name": lambda document, play: {
        "listed": _listed_as(document, born=f"{play.randint(1930, 1944)}-05-05")
    },
    "near_match": _near_match,
    "stolen": _stolen,
    "stranger": _stranger,
    "clone": lambda document, play: {"tricks": (Trick.CLONE,)} | _with(document, chip=Chip.TODAY),  # noqa: ARG005
    "altered": lambda document, play: {"tricks": (Trick.ALTERED_NAME,)} | _with(document, chip=Chip.TODAY),  # noqa: ARG005
    "wrong_digit": lambda document, play: {"tricks": (Trick.WRONG_CHECK_DIGIT,)},  # noqa: ARG005
}
