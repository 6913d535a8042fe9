"""The catalogues brought up to the English one: nothing of a translator's work is lost."""

import io

from babel.messages.pofile import read_po
from catalogues import updated

from appliance.services.lane.kiosk.words import LANGUAGES, LOCALE

ENGLISH = """msgid ""
msgstr ""
"Language: en\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "ui.new"
msgstr "New"

msgid "ui.kept"
msgstr "Kept"

msgid "ui.back"
msgstr "Back"

#, python-format
msgid "plural.days"
msgid_plural "plural.days"
msgstr[0] "%(n)d day"
msgstr[1] "%(n)d days"
"""
RUSSIAN = """msgid ""
msgstr ""
"Language: ru\\n"
"Plural-Forms: nplurals=3; plural=0;\\n"

msgid "ui.kept"
msgstr "Своё"

msgid "ui.gone"
msgstr "Ушло"

#, fuzzy
#~ msgid "ui.back"
#~ msgstr "Назад"
"""


def test_ok__kept_brought_back_drafted_and_set_aside() -> None:
    text, missing = updated(RUSSIAN, ENGLISH)
    assert missing == ["ui.new", "plural.days"]
    catalogue = read_po(io.BytesIO(text.encode()))
    said = {message.id: (message.string, message.fuzzy) for message in catalogue if message.id}
    days = ("plural.days", "plural.days")
    assert said == {
        "ui.new": ("New", True),
        "ui.kept": ("Своё", False),
        "ui.back": ("Назад", True),
        days: (("%(n)d days",) * 3, True),
    }
    assert list(said) == ["ui.new", "ui.kept", "ui.back", days]
    assert '#, fuzzy, python-format\nmsgid "plural.days"' in text
    assert [message.string for message in catalogue.obsolete.values()] == ["Ушло"]


def test_ok__a_second_time_changes_nothing() -> None:
    once, _ = updated(RUSSIAN, ENGLISH)
    assert updated(once, ENGLISH) == (once, [])
    back, missing = updated(once, ENGLISH + '\nmsgid "ui.gone"\nmsgstr "Gone"\n')
    assert missing == []
    assert read_po(io.BytesIO(back.encode()))["ui.gone"].string == "Ушло"


def test_ok__a_live_message_goes_before_an_obsolete_one() -> None:
    text, _ = updated(RUSSIAN + '\n#~ msgid "ui.kept"\n#~ msgstr "Старое"\n', ENGLISH)
    assert read_po(io.BytesIO(text.encode()))["ui.kept"].string == "Своё"


def test_ok__the_catalogues_are_as_it_leaves_them() -> None:
    english = (LOCALE / "en" / "LC_MESSAGES" / "kiosk.po").read_text("utf-8")
    for language in LANGUAGES[1:]:
        text = (LOCALE / language / "LC_MESSAGES" / "kiosk.po").read_text("utf-8")
        assert updated(text, english)[1] == [], language
