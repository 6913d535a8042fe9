import pytest

from appliance.screening.documents.entries import (
    DocumentEntry,
    DocumentStatus,
    check_document,
    month_of,
    month_text,
)
from appliance.screening.documents.kinds import Kinds
from appliance.screening.errors import EntryError

GOOD = {"number": "st-481 516", "issuing_state": "DEU", "status": DocumentStatus.STOLEN}


def test_ok__as_compared() -> None:
    plain = check_document(DocumentEntry(**GOOD, document_type="p<", reported="2026-05-06"))
    assert (plain.number, plain.issuing_state, plain.document_type) == ("ST481516", "D", "P")
    assert month_text(month_of("2026-05-06")) == month_text(month_of("2026-05")) == "2026-05"
    assert month_text(month_of("")) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"number": "<<"}, "a number"), ({"issuing_state": ""}, "a number"), ({"document_type": "PASS"}, "type"),
     ({"reported": "yesterday"}, "report")],
)  # fmt: skip
def test_fail__entries(changes: dict, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence):
        check_document(DocumentEntry(**(GOOD | changes)))


def test_ok__payload() -> None:
    kinds = Kinds((("P", DocumentStatus.LOST), ("", DocumentStatus.STOLEN)), first_month=24_000)
    packed = kinds.pack("", DocumentStatus.STOLEN, 24_100)
    found = kinds.unpack(packed)
    assert found is not None
    assert (found.document_type, found.status, found.month) == ("", DocumentStatus.STOLEN, 24_100)
    assert kinds.kept(1) == 1
    assert kinds.kept(0) == 0
    assert kinds.kept(99_999) == 255
    assert kinds.unpack(7 << 8) is None
    with pytest.raises(EntryError):
        kinds.pack("I", DocumentStatus.LOST, 0)
