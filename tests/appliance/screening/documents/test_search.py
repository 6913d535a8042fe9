from collections.abc import Callable

import pytest

from appliance.screening.build import DocumentEntry
from appliance.screening.documents import normalise_number, normalise_state, search_documents
from appliance.screening.lists import DocumentStatus, ListUnreadable, OpenList

STOLEN = DocumentEntry(
    reference="d1", number="ST0481516", issuing_state="UTO", document_type="P", status=DocumentStatus.STOLEN
)


@pytest.mark.parametrize(
    ("text", "expected"), [("st048<516<", "ST048516"), ("ST-048 516", "ST048516"), ("<<", ""), ("O0", "O0")]
)
def test_ok__normalise(text: str, expected: str) -> None:
    assert normalise_number(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("D<<", "D"), ("DEU", "D"), ("uto", "UTO"), ("", "")])
def test_ok__state(text: str, expected: str) -> None:
    assert normalise_state(text) == expected


@pytest.mark.parametrize(
    ("number", "state", "found"),
    [
        ("ST0481516", "UTO", 1),
        ("st0481516<", "uto", 1),
        ("ST0481516", "D", 0),
        ("STO481516", "UTO", 0),  # O for 0: nothing is repaired
        ("ST048151", "UTO", 0),
    ],
)
def test_ok__search(make_list: Callable[..., OpenList], number: str, state: str, found: int) -> None:
    hits = search_documents(make_list(documents=[STOLEN]), number=number, issuing_state=state)
    assert [(hit.reference, hit.status) for hit in hits] == [("d1", DocumentStatus.STOLEN)] * found


def test_fail__damaged(make_list: Callable[..., OpenList]) -> None:
    one = make_list(documents=[STOLEN])
    one.close()
    with pytest.raises(ListUnreadable):
        search_documents(one, number="ST0481516", issuing_state="UTO")


def test_fail__unknown_status(make_list: Callable[..., OpenList]) -> None:
    one = make_list(documents=[STOLEN])
    one.rows("PRAGMA query_only = OFF")
    one.rows("UPDATE documents SET status = 'eaten'")
    with pytest.raises(ListUnreadable, match="unknown kind"):
        search_documents(one, number="ST0481516", issuing_state="UTO")
