"""What a camera made out of an MRZ, settled by what the format allows and the check digits say.

A reader gives for each character the likelier ones. Among close candidates the format's alphabets and the
check digits choose; a character that was seen clearly is never changed, also when the check digit says that
it is wrong (Doc 9303-3 section 4.9 detects errors and corrects none): that is reported, as of any MRZ. What
was seen and what was chosen are both kept.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.travel_document.check_digit import FILLER, check_digit
from appliance.travel_document.checks import field_alphabets
from appliance.travel_document.layout import Layout, MrzFormat, Span, layout_of

Glyph = Mapping[str, float]
"""Characters with their probabilities; those that are left out were not seen at all."""

CLOSE: Final = 0.04
"""A candidate this many times as likely as the likeliest may be chosen by the format or a check digit."""
MOST_CHANGES: Final = 2
"""Close candidates taken at once for one check digit: with more, chance would do."""
MOST_OPEN: Final = 8
"""Characters of a field that have close candidates; where there are more, the field was not read."""
CLEAR: Final = 0.8
"""Below this probability a character without a check digit counts as uncertain."""
CLEAR_IF_CHECKED: Final = 0.4
"""The same for a character that a check digit vouches for."""
SETTLED: Final = 5.0
"""The best choice for a check digit must be so many times as likely as the next that fits as well."""

_DIGITS: Final = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Inference:
    """One character that was not taken as the likeliest."""

    line: int
    position: int
    read: str
    chosen: str
    reason: str
    """alphabet: its field cannot have the likelier one; check_digit: only this one fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optical:
    """An MRZ as a camera read it."""

    format: MrzFormat
    read: tuple[str, ...]
    """The likeliest character of each place, whatever it is."""
    lines: tuple[str, ...]
    """As chosen among close candidates."""
    confidences: tuple[tuple[float, ...], ...]
    """Of each character of `lines`, 0 to 1."""
    inferred: tuple[Inference, ...]
    uncertain: tuple[tuple[int, int], ...]
    """Lines and positions that a person should look at: seen badly, and no check digit vouches for them."""

    @property
    def confidence(self) -> float:
        """How likely every character is right, 0 to 1, if the reader's probabilities are."""
        whole = 1.0
        for line in self.confidences:
            for one in line:
                whole *= one
        return whole


def settle(lines: Sequence[Sequence[Glyph]]) -> Optical:
    """The MRZ of these lines of glyphs. Raises NotAnMrz when no format has such lines."""
    read = tuple("".join(_best(glyph) for glyph in line) for line in lines)
    first = _best_of(lines[0][0], frozenset("ACIPV")) if lines and lines[0] else ""
    layout = layout_of((first + read[0][1:], *read[1:]) if first else read)
    settled = _Settled(layout, lines, read)
    settled.keep_to_alphabets()
    settled.keep_to_digits()
    return settled.result()


class _Settled:
    """The characters while they are being chosen."""

    def __init__(self, layout: Layout, lines: Sequence[Sequence[Glyph]], read: tuple[str, ...]) -> None:
        self._layout = layout
        self._glyphs = lines
        self._read = read
        self._text = [list(line) for line in read]
        self._reasons: dict[tuple[int, int], str] = {}
        self._allowed = _allowed(layout)
        self._vouched: set[tuple[int, int]] = set()

    def keep_to_alphabets(self) -> None:
        """Where the likeliest character cannot stand, the likeliest that can, if it is close."""
        for (line, at), allowed in self._allowed.items():
            glyph = self._glyphs[line][at]
            if self._text[line][at] in allowed:
                continue
            chosen = _best_of(glyph, allowed)
            if chosen and glyph[chosen] >= CLOSE * glyph[self._text[line][at]]:
                self._choose(line, at, chosen, "alphabet")

    def keep_to_digits(self) -> None:
        """Where a check digit differs, the likeliest close candidates under which it holds."""
        for places, check in self._sums():
            self._keep_to_digit(places, check)

    def result(self) -> Optical:
        """All that was chosen."""
        confidences = tuple(
            tuple(self._confidence(line, at) for at in range(len(text)))
            for line, text in enumerate(self._text)
        )
        inferred = tuple(
            Inference(line, at, self._read[line][at], self._text[line][at], reason)
            for (line, at), reason in sorted(self._reasons.items())
        )
        uncertain = tuple(
            (line, at)
            for line, row in enumerate(confidences)
            for at, confidence in enumerate(row)
            if confidence < (CLEAR_IF_CHECKED if (line, at) in self._vouched else CLEAR)
        )
        return Optical(
            format=self._layout.format,
            read=self._read,
            lines=tuple("".join(line) for line in self._text),
            confidences=confidences,
            inferred=inferred,
            uncertain=uncertain,
        )

    def _confidence(self, line: int, at: int) -> float:
        """Share of what was chosen among all that its field may have."""
        glyph = self._glyphs[line][at]
        chosen = self._text[line][at]
        if chosen not in self._allowed[line, at]:
            return glyph.get(chosen, 0.0)
        other = sum(glyph.get(letter, 0.0) for letter in self._allowed[line, at] if letter != chosen)
        seen = glyph.get(chosen, 0.0)
        missing = max(0.0, 1 - sum(glyph.values()))
        sure = seen / (seen + other + missing) if seen else 0.0
        return min(1.0, sure)

    def _choose(self, line: int, at: int, letter: str, reason: str) -> None:
        self._text[line][at] = letter
        if letter == self._read[line][at]:
            self._reasons.pop((line, at), None)
        else:
            self._reasons[line, at] = reason

    def _sums(self) -> Iterator[tuple[list[tuple[int, int]], tuple[int, int]]]:
        """The characters that each check digit covers, and where it stands; the composite last."""
        layout = self._layout
        number, check = [layout.document_number], layout.document_number_check
        if (
            layout.long_numbers
            and self._at(check) == FILLER
            and self._at(layout.document_number)[-1] != FILLER
        ):
            optional = self._at(layout.optional_data).partition(FILLER)[0]
            if len(optional) > 1:  # Doc 9303-5 and -6, note j
                end = layout.optional_data.start + len(optional) - 1
                number.append(Span(check.line, layout.optional_data.start, end))
                check = Span(check.line, end, end + 1)
        pairs = [(number, check), ([layout.birth_date], layout.birth_date_check)]
        pairs.append(([layout.expiry_date], layout.expiry_date_check))
        if layout.optional_data_check and self._at(layout.optional_data).strip(FILLER):
            pairs.append(([layout.optional_data], layout.optional_data_check))
        if layout.composite_check:
            pairs.append((list(layout.composite_covers), layout.composite_check))
        for spans, digit in pairs:
            yield [place for span in spans for place in _places(span)], (digit.line, digit.start)

    def _at(self, span: Span) -> str:
        return "".join(self._text[span.line][span.start : span.end])

    def _keep_to_digit(self, places: list[tuple[int, int]], check: tuple[int, int]) -> None:
        every = [*places, check]
        if self._holds(places, check, {}):
            self._vouched.update(every)
            return
        open_places = [(place, self._candidates(place)) for place in every if place not in self._vouched]
        open_places = [(place, letters) for place, letters in open_places if letters]
        if not open_places or len(open_places) > MOST_OPEN:
            return
        fitting = sorted(self._fitting(places, check, open_places), key=lambda found: -found[0])
        if not fitting or (len(fitting) > 1 and fitting[0][0] < SETTLED * fitting[1][0]):
            return
        for (line, at), letter in fitting[0][1].items():
            self._choose(line, at, letter, "check_digit")
        self._vouched.update(every)

    def _fitting(
        self,
        places: list[tuple[int, int]],
        check: tuple[int, int],
        open_places: list[tuple[tuple[int, int], dict[str, float]]],
    ) -> Iterator[tuple[float, dict[tuple[int, int], str]]]:
        """Changes under which the digit holds, each with how likely it is against what stands there."""
        for count in range(1, MOST_CHANGES + 1):
            for chosen in itertools.combinations(open_places, count):
                spots = [place for place, _ in chosen]
                for letters in itertools.product(*(candidates.items() for _, candidates in chosen)):
                    change = {spot: letter for spot, (letter, _) in zip(spots, letters, strict=True)}
                    if self._holds(places, check, change):
                        likely = 1.0
                        for _, share in letters:
                            likely *= share
                        yield likely, change

    def _candidates(self, place: tuple[int, int]) -> dict[str, float]:
        """Other characters that are close to the chosen one and may stand there, with their share of it."""
        line, at = place
        glyph, chosen = self._glyphs[line][at], self._text[line][at]
        base = max(glyph.get(chosen, 0.0), 1e-9)
        return {
            letter: sure / base
            for letter, sure in glyph.items()
            if letter != chosen and letter in self._allowed[place] and sure >= CLOSE * base
        }

    def _holds(
        self, places: list[tuple[int, int]], check: tuple[int, int], change: Mapping[tuple[int, int], str]
    ) -> bool:
        covered = "".join(change.get((line, at), self._text[line][at]) for line, at in places)
        return change.get(check, self._text[check[0]][check[1]]) == check_digit(covered)


def _allowed(layout: Layout) -> dict[tuple[int, int], frozenset[str]]:
    """What may stand at each place, check digits included."""
    allowed: dict[tuple[int, int], frozenset[str]] = {}
    for _field, span, letters, _words in field_alphabets(layout):
        allowed |= dict.fromkeys(_places(span), letters)
    allowed[layout.document_code.line, layout.document_code.start] = frozenset(layout.first_letters)
    fillers = _DIGITS | {FILLER}
    for digit, letters in (
        (layout.document_number_check, fillers),
        (layout.birth_date_check, _DIGITS),
        (layout.expiry_date_check, fillers),
        (layout.optional_data_check, fillers),
        (layout.composite_check, _DIGITS),
    ):
        if digit is not None:
            allowed |= dict.fromkeys(_places(digit), letters)
    return allowed


def _places(span: Span) -> list[tuple[int, int]]:
    return [(span.line, at) for at in range(span.start, span.end)]


def _best(glyph: Glyph) -> str:
    return max(glyph, key=lambda letter: glyph[letter]) if glyph else FILLER


def _best_of(glyph: Glyph, allowed: frozenset[str]) -> str:
    fitting = {letter: sure for letter, sure in glyph.items() if letter in allowed}
    return _best(fitting) if fitting else ""


def optical_json(optical: Optical) -> dict[str, Any]:
    """What a camera adds to an MRZ, for commands and tools; `legibility` is a check."""
    places = [{"line": line, "position": at} for line, at in optical.uncertain]
    return {
        "read": list(optical.read),
        "confidence": round(optical.confidence, 4),
        "confidences": [[round(one, 3) for one in line] for line in optical.confidences],
        "inferred": [
            {
                "line": one.line,
                "position": one.position,
                "read": one.read,
                "chosen": one.chosen,
                "reason": one.reason,
            }
            for one in optical.inferred
        ],
        "legibility": {
            "id": "mrz.legibility",
            "verdict": "CANNOT" if places else "PASS",
            "reason": "uncertain_characters" if places else "legible",
            "evidence": {"places": places} if places else {},
        },
    }
