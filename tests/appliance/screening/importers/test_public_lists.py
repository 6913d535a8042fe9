import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.screening.errors import EntryError
from appliance.screening.importers import ftm, ofac, un
from appliance.screening.importers.states import state_of
from appliance.screening.persons.entries import Number, check_entry

UN = """<?xml version="1.0"?><CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID>
<FIRST_NAME>TIMUR</FIRST_NAME><SECOND_NAME>MUHAMMADOV</SECOND_NAME><UN_LIST_TYPE>XYZ</UN_LIST_TYPE>
<REFERENCE_NUMBER>XYi.001</REFERENCE_NUMBER><GENDER>Male</GENDER><NATIONALITY><VALUE>Kyrgyzstan</VALUE></NATIONALITY>
<NAME_ORIGINAL_SCRIPT>Тимур Мухаммадов</NAME_ORIGINAL_SCRIPT>
<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Timur  Bek</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1984-02-29</DATE></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1983</FROM_YEAR><TO_YEAR>1985</TO_YEAR>
</INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><YEAR>1986</YEAR></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT><NUMBER>AB123</NUMBER>
<ISSUING_COUNTRY>Kyrgyzstan</ISSUING_COUNTRY></INDIVIDUAL_DOCUMENT>
<INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>National Identification Number</TYPE_OF_DOCUMENT><NUMBER>77</NUMBER>
</INDIVIDUAL_DOCUMENT><INDIVIDUAL_DOCUMENT/></INDIVIDUAL><INDIVIDUAL><DATAID>2</DATAID></INDIVIDUAL></INDIVIDUALS>
</CONSOLIDATED_LIST>"""
SDN = (
    '36,"AIRLINE",-0- ,"X",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n'
    '77,"MUHAMMADOV, Timur","individual","SDGT",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,'
    '"DOB 29 Feb 1984; alt. DOB 1985; '
    "alt. DOB Mar 1986; alt. DOB 1987 to 1988; DOB circa 1990; nationality Kyrgyzstan; Gender Male; "
    "Passport AB12345 (Russia); National ID No. 998877 (Iran); a.k.a. 'TIMUR BEK'; a.k.a. '07'.\"\n\x1a\n"
)
ALT = '77,1,"aka","MUKHAMEDOV, Timur",-0- \n77,2,"aka",-0- ,-0- \n'
FTM = (
    b'{"id":"Q1","schema":"Person","datasets":["x"],"properties":{"name":["Timur Muhammadov","07"],'
    b'"alias":["\xd0\xa2\xd0\xb8\xd0\xbc\xd1\x83\xd1\x80"],"birthDate":["1984-02-29","1984","soon"],"gender":["male"],'
    b'"nationality":["kg","ru"],"passportNumber":["AB123"],"topics":["sanction"],"idNumber":["--", 5]}}\n'
    b'\n{"id":"Q2","schema":"Company","properties":{}}\n'
)


def test_ok__un() -> None:
    (one,) = un.read_un(io.BytesIO(UN.encode()))
    check_entry(one)
    assert one.names == (("TIMUR MUHAMMADOV", ""), ("Timur Bek", ""), ("Тимур Мухаммадов", ""))
    assert one.birth_dates == ("1984-02-29", "1983", "1984", "1985", "1986")
    assert (one.reference, one.sex, one.nationality, one.owner) == ("XYi.001", "M", "KGZ", un.OWNER)
    assert (one.document_numbers, one.personal_numbers) == ((Number("AB123", "KGZ"),), (Number("77"),))


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("Timur Bek; Temur Bek b) T. Beg; T. Bek", ["Timur Bek", "Temur Bek", "T. Beg", "T. Bek"]),
        ("a) Timur b) Temur", ["Timur", "Temur"]),
        ("Bek, Timur", ["Bek, Timur"]),
        ("Timur Bek (Тимур Бек)", ["Timur Bek", "Тимур Бек"]),
        ("Timur (original script: Тимур)", ["Timur", "Тимур"]),
        ("Тимур Бек (Timur Bek; Temur Bek)", ["Тимур Бек", "Timur Bek", "Temur Bek"]),
        ("Timur Bekov (Bek)", ["Timur Bekov"]),
        ("(Sheikh) Timur Bek (birth name)", ["Timur Bek"]),
        ("Timur Bek, born 1 Jan. 1953 (passport no. 1)", ["Timur Bek"]),
        ("Timur Bek son of Aman Bek", ["Timur Bek"]),
        ("(((;", ["((("]),
        ("", []),
    ],
)
def test_ok__several_names_in_one_field_of_the_un(field: str, names: list[str]) -> None:
    alias = "<ALIAS_NAME>Timur  Bek</ALIAS_NAME>"
    (one,) = un.read_un(io.BytesIO(UN.replace(alias, f"<ALIAS_NAME>{field}</ALIAS_NAME>").encode()))
    expected = [name for name in names if any(map(str.isalpha, name))]
    assert [name for name, _ in one.names if name not in ("TIMUR MUHAMMADOV", "Тимур Мухаммадов")] == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not XML"),
        ("<CONSOLIDATED_LIST>", "not XML"),
        ("<other/>", "consolidated"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><CONSOLIDATED_LIST/>', "document type"),
        ("<CONSOLIDATED_LIST>" + "<a>" * 40, "nests"),
    ],
)
def test_fail__un(text: str, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence):
        list(un.read_un(io.BytesIO(text.encode())))


def test_fail__un_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(un, "MAX_BYTES", 1000)
    with pytest.raises(EntryError, match="above 1000"):
        list(un.read_un(io.BytesIO(b"<CONSOLIDATED_LIST>" + b" " * 5000)))


def test_ok__ofac() -> None:
    (one,) = ofac.read_ofac(io.StringIO(SDN), io.StringIO(ALT))
    check_entry(one)
    assert [name for name, _ in one.names] == ["MUHAMMADOV, Timur", "MUKHAMEDOV, Timur", "TIMUR BEK"]
    assert one.birth_dates == ("1984-02-29", "1985", "1986-03", "1987", "1988", "1990")
    assert (one.reference, one.sex, one.nationality) == ("OFAC-77", "M", "KGZ")
    assert one.document_numbers == (Number("AB12345", "RUS"),)
    assert one.personal_numbers == (Number("998877", "IRN"),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("1,2\n", "12 cells"), (f'1,"{"x" * 20_000}",,,,,,,,,,\n', "characters"), ('1,"a"b\n', "not CSV")],
)
def test_fail__ofac(text: str, sentence: str) -> None:
    with pytest.raises(EntryError, match=sentence):
        list(ofac.read_ofac(io.StringIO(text)))
    with pytest.raises(EntryError, match="text"):
        list(ofac.read_ofac(io.TextIOWrapper(io.BytesIO(b"\xff\xff,\n"), encoding="utf-8")))


def test_ok__ftm() -> None:
    (one,) = ftm.read_ftm(io.BytesIO(FTM))
    check_entry(one)
    assert [name for name, _ in one.names] == ["Timur Muhammadov", "Тимур"]
    assert (one.birth_dates, one.sex, one.nationality) == (("1984-02-29", "1984"), "M", "KGZ RUS")
    assert (one.reason, one.document_numbers, one.personal_numbers) == ("sanction", (Number("AB123"),), ())


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"no", b"\xff", b'{"id":1}', b"[" * 100_000])
def test_fail__ftm(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EntryError, match="line 2"):
        list(ftm.read_ftm(io.BytesIO(b"\n" + line + b"\n")))
    monkeypatch.setattr(ftm, "MAX_LINE_BYTES", 5)
    with pytest.raises(EntryError, match="above 5"):
        list(ftm.read_ftm(io.BytesIO(b"{       }")))


@given(st.binary(max_size=400))
def test_ok__anything_is_an_entry_or_an_error(data: bytes) -> None:
    text = data.decode("latin-1")
    for read in (
        lambda: un.read_un(io.BytesIO(b"<CONSOLIDATED_LIST>" + data)),
        lambda: ofac.read_ofac(io.StringIO(text)),
        lambda: ftm.read_ftm(io.BytesIO(data)),
    ):
        with contextlib.suppress(EntryError):
            list(read())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Kyrgyzstan", "KGZ"),
        ("kg", "KGZ"),
        ("DEU", "D"),
        ("de", "D"),
        ("Russia", "RUS"),
        ("the Gambia", "GMB"),
        ("Atlantis", ""),
        ("", ""),
    ],
)
def test_ok__states(text: str, code: str) -> None:
    assert state_of(text) == code
