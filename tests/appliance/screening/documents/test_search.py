from collections import Counter
from pathlib import Path

import pytest
from tests_documents import ISSUED, KEY, entries, info  # noqa: F401

from appliance.screening.documents.build import build_numbers
from appliance.screening.documents.entries import DocumentEntry, DocumentStatus
from appliance.screening.documents.search import open_numbers
from appliance.screening.errors import ListUnreadable
from appliance.screening.lists import ListKind


def test_ok__every_number_is_found_and_says_what_it_is(path: Path, listed: list[DocumentEntry]) -> None:
    one = open_numbers(path, KEY)
    assert one.info.entries == len(listed)
    for entry in listed[::7]:
        found = one.find(entry.issuing_state, entry.number)
        assert found is not None
        assert found.status is entry.status
        assert found.document_type == {"AC": "I"}.get(entry.document_type, entry.document_type)


def test_ok__strangers_are_not_found(path: Path) -> None:
    one = open_numbers(path, KEY)
    strangers = entries(5000, seed=2, prefix="ZZ")
    assert not [entry for entry in strangers if one.find(entry.issuing_state, entry.number)]
    assert one.index.pages_read <= 5000


def test_ok__months(tmp_path: Path) -> None:
    texts = {"": "", "2020-05": "2020-05", "2026-12-31": "2026-12", "1950-01": "2012-01"}
    numbers = [
        DocumentEntry(number=f"AB{i}", issuing_state="UTO", status=DocumentStatus.LOST, reported=text)
        for i, text in enumerate(texts)
    ]
    build_numbers(tmp_path / "l", numbers, info=info(), master_key=KEY, epoch="")
    one = open_numbers(tmp_path / "l", KEY)
    for entry, text in zip(numbers, texts.values(), strict=True):
        (hit,) = one.search(entry.number, issuing_state="UTO", check_digit_fits=None)
        assert hit.reported == text


def test_ok__the_gravest_of_two_reports_is_kept(tmp_path: Path) -> None:
    twice = [
        DocumentEntry(number="AB1", issuing_state="UTO", status=status)
        for status in (DocumentStatus.LOST, DocumentStatus.STOLEN, DocumentStatus.REVOKED)
    ]
    header = build_numbers(tmp_path / "l", twice, info=info(), master_key=KEY, epoch="")
    assert header.count == 1
    found = open_numbers(tmp_path / "l", KEY).find("UTO", "AB1")
    assert found is not None
    assert found.status is DocumentStatus.STOLEN


def test_ok__exactly_as_read_or_else_as_it_may_have_been_meant(tmp_path: Path) -> None:
    entry = DocumentEntry(
        number="AB1234560", issuing_state="UTO", status=DocumentStatus.STOLEN, document_type="P"
    )
    build_numbers(tmp_path / "l", [entry], info=info(), master_key=KEY, epoch="")
    one = open_numbers(tmp_path / "l", KEY)
    (exact,) = one.search("AB123456<0", issuing_state="UTO", check_digit_fits=True, document_type="I")
    assert (exact.changed, exact.why) == (
        0, ("document_number_equal", "issuing_state_equal", "document_type_differs"),
    )  # fmt: skip
    (slip,) = one.search("AB12345GO", issuing_state="UTO", check_digit_fits=False)
    assert (slip.changed, slip.spelling, slip.why[0]) == (2, "AB1234560", "read_with_changed_character_2")
    # O for 0 changes the check digit, which fits what was read: so that is what the page says
    assert one.search("AB123456O", issuing_state="UTO", check_digit_fits=True) == ()
    assert one.search("AB12345G0", issuing_state="UTO", check_digit_fits=True)  # 6 and G it cannot tell apart
    assert one.search("AB1234560", issuing_state="D", check_digit_fits=True) == ()
    assert one.search("", issuing_state="UTO", check_digit_fits=True) == ()


@pytest.mark.parametrize("kind", [ListKind.VEHICLES, ListKind.VISAS])
def test_ok__other_kinds_of_list(tmp_path: Path, kind: ListKind) -> None:
    entry = DocumentEntry(number="01KG777ABC", issuing_state="KGZ", status=DocumentStatus.STOLEN)
    build_numbers(tmp_path / "l", [entry], info=info(kind=kind), master_key=KEY, epoch="")
    one = open_numbers(tmp_path / "l", KEY)
    (hit,) = one.search("01 KG 777 ABC", issuing_state="KGZ", check_digit_fits=None)
    assert hit.why[0] == {"vehicles": "plate", "visas": "visa"}[kind.value] + "_number_equal"
    assert one.search("O1KG777ABC", issuing_state="KGZ", check_digit_fits=None)[0].changed == 1


def test_fail__another_key(path: Path) -> None:
    for key in (bytes(32), b"short"):
        with pytest.raises(ListUnreadable, match="key"):
            open_numbers(path, key)


def test_ok__nothing_of_a_number_in_the_file(path: Path, listed: list[DocumentEntry]) -> None:
    data = path.read_bytes()
    assert not [entry for entry in listed[:200] if entry.number.encode() in data]
    assert max(Counter(data[20_000:]).values()) < len(data) * 0.05  # nothing repeats: hashes


def test_ok__closed(path: Path) -> None:
    one = open_numbers(path, KEY)
    one.close()
    with pytest.raises(ListUnreadable, match="closed"):
        one.find("UTO", "X1")
