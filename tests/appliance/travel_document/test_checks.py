"""Each check with a document that fails it: field, line, position, what was read and what expected."""

import datetime as dt

import pytest

from appliance.travel_document import Mrz, MrzCheck, check_digit, parse_mrz

TODAY = dt.date(2026, 11, 24)


def _with(lines, line: int, position: int, characters: str) -> Mrz:
    changed = list(lines)
    text = changed[line]
    changed[line] = text[:position] + characters + text[position + len(characters) :]
    return parse_mrz(changed, today=TODAY)


def _failed(mrz: Mrz) -> dict[str, MrzCheck]:
    return {check.id: check for check in mrz.checks if not check.passed}


IDS = {
    "mrz.document_number_check_digit",
    "mrz.birth_date_check_digit",
    "mrz.expiry_date_check_digit",
    "mrz.document_code",
    "mrz.issuing_state_code",
    "mrz.nationality_code",
    "mrz.dates_plausible",
    "mrz.characters",
    "mrz.name",
}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("TD1", {"mrz.composite_check_digit"}),
        ("TD2", {"mrz.composite_check_digit"}),
        ("TD3", {"mrz.composite_check_digit", "mrz.optional_data_check_digit"}),
        ("MRV_A", set()),
        ("MRV_B", set()),
    ],
)
def test_ok__every_format_has_its_checks_once(specimens, name: str, more: set[str]) -> None:
    mrz = parse_mrz(getattr(specimens, name), today=TODAY)
    assert sorted(check.id for check in mrz.checks) == sorted(IDS | more)
    assert mrz.passed
    assert {check.reason for check in mrz.checks} == {"ok"}


@pytest.mark.parametrize(
    ("name", "field", "line", "position"),
    [
        ("TD1", "document_number", 0, 14),
        ("TD1", "birth_date", 1, 6),
        ("TD1", "expiry_date", 1, 14),
        ("TD1", "composite", 1, 29),
        ("TD1_LONG", "document_number", 0, 18),
        ("TD2", "document_number", 1, 9),
        ("TD2", "birth_date", 1, 19),
        ("TD2", "expiry_date", 1, 27),
        ("TD2", "composite", 1, 35),
        ("TD2_LONG", "document_number", 1, 31),
        ("TD3", "document_number", 1, 9),
        ("TD3", "birth_date", 1, 19),
        ("TD3", "expiry_date", 1, 27),
        ("TD3", "optional_data", 1, 42),
        ("TD3", "composite", 1, 43),
        ("MRV_A", "document_number", 1, 9),
        ("MRV_A", "birth_date", 1, 19),
        ("MRV_A", "expiry_date", 1, 27),
        ("MRV_B", "document_number", 1, 9),
        ("MRV_B", "birth_date", 1, 19),
        ("MRV_B", "expiry_date", 1, 27),
    ],
)
def test_fail__wrong_check_digit_is_named_and_kept(
    specimens, name: str, field: str, line: int, position: int
) -> None:
    lines = getattr(specimens, name)
    right = lines[line][position]
    wrong = str((int(right) + 3) % 10)
    mrz = _with(lines, line, position, wrong)
    check = _failed(mrz)[f"mrz.{field}_check_digit"]
    assert (check.field, check.line, check.position) == (field, line, position)
    assert (check.read, check.expected) == (wrong, right)
    assert mrz.lines[line][position] == wrong
    if mrz.format not in ("MRV-A", "MRV-B"):
        composite = _failed(mrz)["mrz.composite_check_digit"]
        assert (composite.reason, composite.suspect) == ("check_digit_differs", "")


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("TD1", {0: [(6, 30)], 1: [(1, 7), (9, 15), (19, 29)], 2: []}),
        ("TD2", {0: [], 1: [(1, 10), (14, 20), (22, 35)]}),
        ("TD3", {0: [], 1: [(1, 10), (14, 20), (22, 43)]}),
    ],
)
def test_ok__composite_covers_these_positions_and_no_other(specimens, name: str, covered: dict) -> None:
    """Positions as the standard prints them, from 1, both ends included."""
    lines = getattr(specimens, name)
    composite = len(lines[1]) - 1
    for line, text in enumerate(lines):
        for position in range(len(text)):
            if (line, position) == (1, composite):
                continue
            other = "1" if text[position] != "1" else "2"
            failed = "mrz.composite_check_digit" in _failed(_with(lines, line, position, other))
            inside = any(first <= position + 1 <= last for first, last in covered[line])
            # A letter for a digit ten apart has the same sum.
            same = check_digit(other) == check_digit(text[position])
            assert failed == (inside and not same), (line, position)


@pytest.mark.parametrize(
    ("position", "digit", "reason"),
    [
        (19, "5", "check_digit_differs"),
        (19, "<", "filler_instead_of_check_digit"),
        (19, "K", "not_a_digit"),
        (19, "Z", "letter_digit_confusion"),  # the right digit is 2
        (19, "B", "not_a_digit"),  # 8 would be wrong too
        (19, "é", "unreadable_character"),
    ],
)
def test_fail__reasons_at_the_check_digit(specimens, position: int, digit: str, reason: str) -> None:
    check = _failed(_with(specimens.TD3, 1, position, digit))["mrz.birth_date_check_digit"]
    assert (check.reason, check.read, check.expected) == (reason, digit, "2")


def test_fail__one_confusion_that_explains_is_a_hint(specimens) -> None:
    """The number holds a letter O; read as zero it is reported, the hint is right, and nothing is changed."""
    line = "L4O974374" + "0" + specimens.TD3[1][10:]
    right = parse_mrz((specimens.TD3[0], line), today=TODAY).checks[0].expected
    line = line[:9] + right + line[10:]
    mrz = _with((specimens.TD3[0], line), 1, 2, "0")
    check = _failed(mrz)["mrz.document_number_check_digit"]
    assert check.reason == "maybe_letter_digit_confusion"
    assert check.suspect == "line 1 position 2: 0 may be O"
    assert mrz.document_number == "L40974374"


def test_fail__letter_in_a_date(specimens) -> None:
    failed = _failed(_with(specimens.TD3, 1, 14, "O"))
    characters = failed["mrz.characters"]
    assert (characters.field, characters.line, characters.position) == ("birth_date", 1, 14)
    assert (characters.read, characters.expected) == ("O", "0-9 or <")
    assert characters.reason == "letter_digit_confusion"
    assert characters.suspect == "line 1 position 14: O may be 0"
    assert failed["mrz.dates_plausible"].reason == "not_a_date"


@pytest.mark.parametrize(
    ("line", "position", "character", "field", "reason"),
    [
        (0, 6, "1", "name", "letter_digit_confusion"),
        (0, 6, "4", "name", "wrong_kind"),
        (0, 6, "Ñ", "name", "unreadable_character"),
        (0, 6, "e", "name", "unreadable_character"),
        (0, 3, "7", "issuing_state", "wrong_kind"),
        (0, 1, " ", "document_code", "unreadable_character"),
        (1, 0, "*", "document_number", "unreadable_character"),
        (1, 11, "9", "nationality", "wrong_kind"),
        (1, 20, "W", "sex", "wrong_kind"),
        (1, 22, "Q", "expiry_date", "letter_digit_confusion"),
        (1, 30, "«", "optional_data", "unreadable_character"),
    ],
)
def test_fail__characters(
    specimens, line: int, position: int, character: str, field: str, reason: str
) -> None:
    check = _failed(_with(specimens.TD3, line, position, character))["mrz.characters"]
    assert (check.field, check.line, check.position, check.read) == (field, line, position, character)
    assert check.reason == reason


def test_fail__character_of_td1s_second_optional_data(specimens) -> None:
    assert _failed(_with(specimens.TD1, 1, 20, "-"))["mrz.characters"].field == "optional_data_2"


def test_fail__sum_over_an_unreadable_character(specimens) -> None:
    failed = _failed(_with(specimens.TD3, 1, 3, "?"))
    for id_ in ("mrz.document_number_check_digit", "mrz.composite_check_digit"):
        assert (failed[id_].reason, failed[id_].expected) == ("unreadable_character", "")


@pytest.mark.parametrize(("check", "composite"), [("0", "8"), ("<", "8")])
def test_ok__empty_optional_data_may_have_a_filler(specimens, check: str, composite: str) -> None:
    assert _failed(_with(specimens.TD3, 1, 28, "<" * 14 + check + composite)) == {}


def test_fail__other_digit_for_empty_optional_data(specimens) -> None:
    failed = _failed(_with(specimens.TD3, 1, 28, "<" * 14 + "1"))
    assert failed["mrz.optional_data_check_digit"].expected == "0"


def test_fail__filler_for_optional_data_that_is_not_empty(specimens) -> None:
    failed = _failed(_with(specimens.TD3, 1, 42, "<"))
    assert failed["mrz.optional_data_check_digit"].reason == "filler_instead_of_check_digit"


@pytest.mark.parametrize(
    ("name", "code", "position", "read"),
    [
        ("TD3", "I<", 0, "I"),
        ("TD3", "PV", 1, "V"),
        ("TD1", "P<", 0, "P"),
        ("TD1", "IV", 1, "V"),
        ("TD2", "X<", 0, "X"),
    ],
)
def test_fail__document_code(specimens, name: str, code: str, position: int, read: str) -> None:
    check = _failed(_with(getattr(specimens, name), 0, 0, code))["mrz.document_code"]
    assert (check.position, check.read, check.reason) == (position, read, "not_of_this_format")


@pytest.mark.parametrize(
    ("code", "reason", "suspect"),
    [
        ("ASU", "unknown_code", ""),
        ("<<<", "no_code", ""),
        ("XXB", "not_an_issuer", ""),
        ("UT0", "letter_digit_confusion", "line 0 position 4: 0 may be O"),
        ("U<O", "unknown_code", ""),
        ("DE<", "unknown_code", ""),
    ],
)
def test_fail__issuing_state(specimens, code: str, reason: str, suspect: str) -> None:
    check = _failed(_with(specimens.TD3, 0, 2, code))["mrz.issuing_state_code"]
    assert (check.reason, check.suspect, check.read) == (reason, suspect, code)
    assert (check.line, check.position) == (0, 2)


@pytest.mark.parametrize("code", ["XXA", "XXB", "XXC", "XXX", "UNO", "RKS", "GBN", "D<<", "KGZ"])
def test_ok__nationality(specimens, code: str) -> None:
    mrz = _with(specimens.TD3, 1, 10, code)
    assert _failed(mrz) == {}
    assert mrz.nationality == code.rstrip("<")


def test_fail__nationality(specimens) -> None:
    assert _failed(_with(specimens.TD3, 1, 10, "ZZZ"))["mrz.nationality_code"].reason == "unknown_code"


@pytest.mark.parametrize(
    ("birth", "expiry", "field", "reason"),
    [
        ("741312", "120415", "birth_date", "not_a_date"),
        ("740812", "120431", "expiry_date", "not_a_date"),
        ("240812", "120415", "expiry_date", "expires_before_birth"),
    ],
)
def test_fail__dates(specimens, birth: str, expiry: str, field: str, reason: str) -> None:
    lines = (specimens.TD3[0], specimens.TD3[1][:13] + birth + "0F" + expiry + specimens.TD3[1][27:])
    check = _failed(parse_mrz(lines, today=TODAY))["mrz.dates_plausible"]
    assert (check.field, check.reason) == (field, reason)
    assert check.read == (birth if field == "birth_date" else expiry)


@pytest.mark.parametrize(
    ("birth", "reason"), [("7408<<0", "ok"), ("<<<<<<0", "ok"), ("7400000", "zeros_for_unknown")]
)
def test_ok__unknown_birth_dates_are_plausible(specimens, birth: str, reason: str) -> None:
    mrz = _with(specimens.TD3, 1, 13, birth)
    assert "mrz.dates_plausible" not in _failed(mrz)
    assert {check.id: check.reason for check in mrz.checks}["mrz.dates_plausible"] == reason


@pytest.mark.parametrize(
    ("name", "reason", "position"),
    [
        ("<ERIKSSON<<ANNA", "starts_with_filler", 5),
        ("ERIKSSON<<<<ANNA", "gap_in_name", 13),
        ("ERIKSSON<<ANNA<<MARIA", "second_separator", 19),
        ("", "no_name", 5),
    ],
)
def test_fail__name(specimens, name: str, reason: str, position: int) -> None:
    check = _failed(_with(specimens.TD3, 0, 5, name.ljust(39, "<")))["mrz.name"]
    assert (check.reason, check.line, check.position) == (reason, 0, position)


def test_ok__name_that_may_be_truncated(specimens) -> None:
    mrz = _with(specimens.TD3, 0, 5, "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K")
    assert mrz.name_truncated
    assert {check.id: check.reason for check in mrz.checks}["mrz.name"] == "may_be_truncated"
