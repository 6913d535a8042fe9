"""Signs that somebody may be a victim of trafficking in persons: what an officer is reminded to look for.

The kinds of sign are those that UNODC and IOM publish for first contact; the words are in the kiosk's
catalogue. No number of them proves anything, and none of them is counted: they lead to a talk alone, and to
protection.
"""

from typing import Final

INDICATORS: Final = (
    # the journey and the papers
    "papers_with_another",
    "papers_false_from_another",
    "journey_paid_by_stranger",
    "destination_unknown",
    "same_contact_as_others",
    "hardly_any_belongings",
    # the person
    "another_speaks",
    "watched_or_led",
    "afraid",
    "injured_or_neglected",
    "story_learned",
    "threats",
    "asks_for_help",
    # work and money
    "work_unknown",
    "debt",
    "no_own_money_or_phone",
    # children
    "child_alone",
    "child_with_unproven_adult",
)
