import msgspec
import pytest

from appliance.contracts.checks import Direction
from appliance.screening.errors import EntryError
from appliance.screening.persons.entries import (
    MAX_NAMES,
    EntryDirection,
    Number,
    PersonEntry,
    check_entry,
    normalised,
)

GOOD = PersonEntry(reference="p", names=(("A", "B"),), reason="r")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": " "}, "a reason"),
        ({"names": (("", ""),)}, "searched for"),
        ({"names": (("A", ""), ("0815", ""))}, "Latin"),
        ({"names": (("A", ""),) * (MAX_NAMES + 1)}, "at most"),
        ({"sex": "W"}, "Sex"),
        ({"birth_dates": ("1.2.84",)}, "YYYY"),
        ({"personal_numbers": (Number("-"),)}, "number"),
        ({"valid_until": "tomorrow"}, "Validity"),
        ({"action": "x" * 3000}, "characters"),
    ],
)
def test_fail__entries(changes: dict, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence):
        check_entry(msgspec.structs.replace(GOOD, **changes))


def test_ok__normalised() -> None:
    entry = msgspec.structs.replace(
        GOOD, nationality="DEU kgz", document_numbers=(Number("st-481 516", "DEU"),)
    )
    check_entry(entry)
    plain = normalised(entry)
    assert (plain.nationality, plain.document_numbers) == ("D KGZ", (Number("ST481516", "D"),))


def test_ok__direction() -> None:
    assert EntryDirection.BOTH.concerns(Direction.EXIT)
    assert EntryDirection.EXIT.concerns(Direction.EXIT)
    assert not EntryDirection.EXIT.concerns(Direction.ENTRY)
    assert EntryDirection.EXIT.concerns(None)
