"""The movement's way through CBOR and back, and what is none."""

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.contracts.checks import Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.movement import DocumentFacts, Movement, Stamp, from_plain, to_plain

STAMP = Stamp(boot_id="b", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
MOVEMENT = Movement(
    crossing="c",
    device="box-1",
    post="Post",
    lane="1",
    profile="production",
    direction=Direction.EXIT,
    started=STAMP,
    decided=STAMP,
    document=DocumentFacts(
        format="TD1",
        lines=("a", "b", "c"),
        source="manual",
        document_code="I",
        issuing_state="UTO",
        document_number="D23145890",
        primary_identifier="ERIKSSON",
        secondary_identifier="",
        name_truncated=False,
        nationality="XXA",
        birth_date="1974-??-??",
        sex="X",
        expiry_date="2030-01-01",
        personal_number=None,
    ),
    checks=(Check(id="mrz.read", verdict=Verdict.PASS, reason="read", evidence={"bytes": b"\0", "n": 1}),),
    recommendation=Recommendation.GREEN,
    reasons=(),
    outcome=Outcome.REFERRED,
    simulated=(),
    policy="default",
    media={"portrait": b"\xff\xd8"},
)


def through_cbor(movement: Movement) -> Movement:
    return from_plain(cbor2.loads(cbor2.dumps(to_plain(movement))))


def test_ok__through_cbor_and_back() -> None:
    assert through_cbor(MOVEMENT) == MOVEMENT


def test_ok__without_a_document_or_pictures() -> None:
    bare = msgspec.structs.replace(MOVEMENT, document=None, media={})
    assert through_cbor(bare) == bare


def test_ok__bytes_stay_bytes() -> None:
    plain = to_plain(MOVEMENT)
    assert plain["media"]["portrait"] == b"\xff\xd8"
    assert plain["checks"][0]["evidence"]["bytes"] == b"\0"


def test_ok__a_field_of_a_later_version_is_passed_over() -> None:
    assert from_plain(to_plain(MOVEMENT) | {"later": 1}) == MOVEMENT


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Movement) if field.required])
def test_fail__a_field_is_missing(name: str) -> None:
    plain = to_plain(MOVEMENT)
    del plain[name]
    with pytest.raises(msgspec.ValidationError):
        from_plain(plain)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "perhaps"},
        {"recommendation": "PINK"},
        {"direction": ""},
        {"crossing": 7},
        {"started": None},
        {"media": {"portrait": 7}},
        {"checks": [{"id": "x"}]},
    ],
)
def test_fail__a_value_of_another_kind(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        from_plain(to_plain(MOVEMENT) | changes)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(plain_values)
def test_fail__anything_else(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        from_plain(value)


@given(st.text(), st.text(), st.binary())
def test_ok__any_text_and_any_picture(post: str, name: str, picture: bytes) -> None:
    document = msgspec.structs.replace(MOVEMENT.document, primary_identifier=name)
    one = msgspec.structs.replace(MOVEMENT, post=post, document=document, media={"portrait": picture})
    assert through_cbor(one) == one
