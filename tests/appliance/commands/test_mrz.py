import pytest

# The specimen of ICAO Doc 9303-4, appendix B.
LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
WRONG = (LINES[0], LINES[1][:9] + "9" + LINES[1][10:])


def test_ok__json(borne) -> None:
    answer = borne("mrz", "parse", *LINES, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["file"] is None
    assert (answer.json["format"], answer.json["lines"]) == ("TD3", list(LINES))
    assert answer.json["fields"]["document_number"] == "L898902C3"
    assert answer.json["fields"]["primary_identifier"] == "ERIKSSON"
    assert answer.json["confidence"] == 1.0
    assert all(set(check) >= {"id", "verdict", "reason", "evidence"} for check in answer.json["checks"])
    verdicts = {check["id"]: check["verdict"] for check in answer.json["checks"]}
    assert verdicts["mrz.composite_check_digit"] == "PASS"


def test_ok__for_people(borne) -> None:
    answer = borne("mrz", "parse", *LINES)
    assert answer.code == 0
    assert answer.out.startswith("TD3\n")
    assert "ERIKSSON" in answer.out


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_fail__a_wrong_check_digit_is_no(borne, flags: tuple[str, ...]) -> None:
    answer = borne("mrz", "parse", *WRONG, *flags)
    assert (answer.code, answer.err) == (1, "")
    assert "mrz.document_number_check_digit" in answer.out


def test_fail__no_mrz(borne, could_not) -> None:
    assert "in quotes" in could_not("mrz", "parse", "P<UTO", "1234")
    answer = borne("mrz", "parse", "P<UTO", "--json")
    assert (answer.code, answer.json["lines"], answer.json["format"]) == (2, [], None)


@pytest.mark.parametrize("lines", [("",), ("\x00" * 44,) * 2, ("é" * 44,) * 2, ("<" * 30,) * 3, ("A",) * 50])
def test_fail__odd_lines(borne, lines: tuple[str, ...]) -> None:
    answer = borne("mrz", "parse", *lines)
    assert answer.code in (1, 2)
    assert answer.err.count("\n") == (answer.code == 2)
