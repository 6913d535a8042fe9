"""Invented documents that differ in one digit, so that one capture's data are told from another's."""

LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
"""Doc 9303-4's specimen."""
PLACE = 7
"""Where in the second line the digit stands; framing does not look at check digits."""


def lines_of(number: int) -> tuple[str, str]:
    second = LINES[1]
    return LINES[0], second[:PLACE] + str(number % 10) + second[PLACE + 1 :]


def number_in(lines: tuple[str, ...]) -> int:
    return int(lines[1][PLACE])
