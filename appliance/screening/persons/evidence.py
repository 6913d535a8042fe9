"""How much a name and a birth date together say for one person, on one scale, and how much is needed.

Everything is in nats, the logarithm of how much likelier the agreement is for one person than for two, so
that evidence adds up. What a hit needs depends on what it is asked of: a list of a million persons has two
hundred times the namesakes of one of five thousand, so it needs the logarithm of that more. The constants
`NEEDED` are read off innocents (docs/screening.md), one for each kind of agreement between the birth dates,
because names alone are never as independent as the sum pretends.
"""

import math
from dataclasses import dataclass
from typing import Final

from appliance.screening.dates import Agreement, BirthDate, compare_dates
from appliance.screening.names import Alignment, PersonName, align

LIST_OF_REFERENCE: Final = 5000
"""The size of the list that `NEEDED` was read off."""
NEEDED: Final = {
    Agreement.EXACT: 10.6,
    Agreement.DAY_MONTH_SWAPPED: 10.5,
    Agreement.YEAR_NEAR: 10.0,
    Agreement.PARTIAL: 10.5,
    Agreement.ONE_PART_DIFFERS: 9.0,
    Agreement.UNKNOWN: 9.5,
    Agreement.DIFFERENT: 14.0,
}
"""Nats that a hit needs, by what the birth dates say: about two false alarms among 10,000 strangers whose
birth date is known. By name alone about eight: half as many would lose six in a hundred of those who are on
the list, and such a hit can never be more than AMBER (docs/screening.md)."""
PAIR_NEEDED: Final = 5.0
"""What two persons need who were already brought together by something else: as likely one as two."""
MIN_NAME_NATS: Final = 1.0
"""Without a name that speaks for it a birthday is a birthday: every traveller has some on every list."""
PAIR_MIN_NAME_NATS: Final = -4.0
"""Two who were already brought together may have a name that says a little against it, and one birthday."""
NAMESAKE: Final = 9.5
"""However rare a name, namesakes are found first: against contradicting birth dates it counts for no more."""
INITIAL_SLACK: Final = 0.8
"""For each part of a name: an initial that agrees may tell more than the part itself would."""
SCALE: Final = 6.0
"""Nats that change a score of 0.5 to 0.73."""
SEX: Final = (0.5, -2.0)
"""Nats for the same sex and for the other one, which lists and readers get wrong once in fifty."""
NATIONALITY: Final = (2.0, -0.7)
"""Nats for a shared nationality and for another: people have several, and change them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one person."""

    nats: float
    dates: Agreement
    names: Alignment

    @property
    def score(self) -> float:
        """0 to 1; 0.5 is `PAIR_NEEDED`."""
        return score_of(self.nats)

    @property
    def certain(self) -> bool:
        """The same parts in the same places, and the same whole birth date."""
        return self.names.equal and self.names.in_order and self.dates is Agreement.EXACT

    @property
    def why(self) -> tuple[str, ...]:
        return (*self.names.why, f"birth_date_{self.dates}")

    def enough(self, persons: int) -> bool:
        """Whether this is a hit on a list of so many persons."""
        return self.names.nats >= MIN_NAME_NATS and self.nats >= needed(self.dates, persons)

    @property
    def enough_for_a_pair(self) -> bool:
        """Whether two persons who were brought together are rather one than two."""
        return self.names.nats >= PAIR_MIN_NAME_NATS and self.nats >= PAIR_NEEDED


def needed(dates: Agreement, persons: int) -> float:
    """Nats that a hit needs on a list of so many persons."""
    return NEEDED[dates] + math.log(max(persons, 1) / LIST_OF_REFERENCE) * (persons > LIST_OF_REFERENCE)


def score_of(nats: float) -> float:
    return 1.0 / (1.0 + math.exp(min(60.0, (PAIR_NEEDED - nats) / SCALE)))


def weigh(
    one: PersonName, born: BirthDate, other: PersonName, other_born: BirthDate, *, truncated: bool = False
) -> Evidence:
    """Two names with their birth dates; `truncated`: `one` was cut off where its document had no more
    room."""
    names, dates = align(one, other, truncated=truncated), compare_dates(born, other_born)
    spoken = min(names.nats, NAMESAKE) if dates.nats < 0 else names.nats
    return Evidence(spoken + dates.nats, dates.agreement, names)


def cannot_be(
    one: PersonName, born: BirthDate, other: PersonName, other_born: BirthDate, *, persons: int
) -> bool:
    """Whether even names that agree in every part would be no hit on a list of so many persons: most who
    share a usual name are settled so, before their names are laid beside each other."""
    dates = compare_dates(born, other_born)
    most = min(sum(one.nats), sum(other.nats)) + len(one.parts) * INITIAL_SLACK
    return most + dates.nats + SEX[0] + NATIONALITY[0] < needed(dates.agreement, persons)
