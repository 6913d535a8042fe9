"""Who may apply for a visa at the post: read strictly, the first rule that fits, nothing beyond its terms."""

import datetime as dt

import pytest

from appliance.config import ConfigError
from appliance.contracts.checks import Direction
from appliance.contracts.visas import Fee, VisaGrant
from appliance.rules.on_arrival import on_arrival_rule_for, terms_of, within
from appliance.rules.table import read_table

TODAY = dt.date(2026, 11, 26)
RULE = """
[[visa_on_arrival]]
nationalities = ["UTO"]
codes = ["P"]
posts = ["North *"]
from = 2026-11-01
until = 2026-12-31
issuing_state = "KGZ"
type = "TOURIST"
label = "MRV-A"
purposes = ["visit", "holiday"]
days = 30
validity_days = 60
entries = 2
fee = { amount = "60.00", currency = "USD" }
says = { en = "Tourists." }
"""
TABLE = f'name = "north"\nversion = 4\n{RULE}'


def fits(**changes) -> bool:
    asked = {
        "nationality": "UTO",
        "document_code": "P",
        "direction": Direction.ENTRY,
        "post": "North Pass",
        "today": TODAY,
    } | changes
    return on_arrival_rule_for(read_table(TABLE.encode()), **asked) is not None


def test_ok__whom_it_is_for() -> None:
    assert fits()
    assert not fits(nationality="KGZ")
    assert not fits(document_code="I")
    assert not fits(direction=Direction.EXIT)
    assert not fits(post="South Pass")
    assert not fits(today=dt.date(2026, 10, 31))
    assert not fits(today=dt.date(2027, 1, 1))
    assert fits(today=dt.date(2026, 12, 31))


def test_ok__without_a_table_or_a_rule_nobody_may() -> None:
    older = read_table(b'name = "north"\nversion = 3\n[[stay]]\ndays = 90\n')
    for table in (None, older):
        found = on_arrival_rule_for(
            table,
            nationality="UTO",
            document_code="P",
            direction=Direction.ENTRY,
            post="North Pass",
            today=TODAY,
        )
        assert found is None


def test_ok__the_first_that_fits_and_its_terms() -> None:
    table = read_table((TABLE + RULE.replace("days = 30", "days = 7")).encode())
    terms = terms_of(table, table.visa_on_arrival[1])
    assert (terms.table, terms.rule, terms.days) == ("north/4", 2, 7)
    assert (terms.label, terms.type, terms.fee) == (
        *("MRV-A", "TOURIST"),
        Fee(amount="60.00", currency="USD"),
    )
    least = read_table(
        b'name = "n"\nversion = 1\n[[visa_on_arrival]]\nissuing_state = "KGZ"\ntype = "T"\ndays = 1\n'
        b"validity_days = 1\n"
    ).visa_on_arrival[0]
    assert (least.label, least.entries, least.fee, least.document_code) == ("MRV-B", 1, None, "V")
    assert least.directions == (Direction.ENTRY,)


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        ('issuing_state = "KGZ"', 'issuing_state = "XXB"', "issues no visas"),
        ('issuing_state = "KGZ"', 'issuing_state = "QQQ"', "issues no visas"),
        ('nationalities = ["UTO"]', 'nationalities = ["UTX"]', "no code of Doc 9303-3"),
        ("validity_days = 60", "validity_days = 29", "valid for as long as the stay"),
        ('purposes = ["visit", "holiday"]', 'purposes = ["holyday"]', "`holyday` is not among the purposes"),
        ("until = 2026-12-31", "until = 2026-10-31", "ends before it begins"),
        ('purposes = ["visit", "holiday"]', "purposes = []", "purposes"),
        ('label = "MRV-A"', 'label = "TD3"', "label"),
        ('type = "TOURIST"', 'type = "tourist<br>"', "type"),
        ("days = 30", "days = 0", "days"),
        ("entries = 2", "entries = -1", "entries"),
        ('"60.00"', '"-60"', "amount"),
        ('"USD"', '"dollars"', "currency"),
        ("days = 30", "dais = 30", "dais"),
        ("says =", "nationality = 1\nsays =", "nationality"),
    ],
)
def test_fail__a_rule_that_cannot_be_used_is_refused_with_its_line(line: str, wrong: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_table(TABLE.replace(line, wrong).encode())
    assert "line " in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("key", ["issuing_state", "type", "days", "validity_days"])
def test_fail__what_must_stand(key: str) -> None:
    text = "\n".join(line for line in TABLE.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(ConfigError, match=key):
        read_table(text.encode())


def test_ok__what_may_be_granted() -> None:
    table = read_table(TABLE.encode())
    terms = terms_of(table, table.visa_on_arrival[0])

    def granted(days=30, entries=2, since="2026-11-26", until="2027-01-24", expires=dt.date(2030, 1, 1)):
        grant = VisaGrant(days=days, entries=entries, valid_from=since, valid_until=until)
        return within(terms, grant, today=TODAY, expires=expires)

    assert granted()
    assert granted(days=1, entries=1, until="2026-11-26", expires=None)
    assert not granted(days=31)
    assert not granted(days=0)
    assert not granted(entries=3)
    assert not granted(entries=0)
    assert not granted(until="2027-01-25")
    assert not granted(until="2026-11-25")
    assert not granted(until="soon")
    assert not granted(since="2026-11-27")
    assert not granted(since="")
    assert not granted(expires=dt.date(2027, 1, 23))
