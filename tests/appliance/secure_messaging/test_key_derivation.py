"""Key derivation held to ICAO Doc 9303-11, appendices D.1 to D.3."""

import pytest

from appliance.secure_messaging.errors import UnusableMrz
from appliance.secure_messaging.key_derivation import derive_3des_keys, password_seed


def test_ok__seed_from_the_published_mrz():
    seed = password_seed("L898902C<369080619406236")
    assert seed.hex().upper() == "239AB9CB282DAF66231DC5A4DF6BFBAEDF477565"


def test_ok__published_access_keys():
    enc, mac = derive_3des_keys(bytes.fromhex("239AB9CB282DAF66231DC5A4DF6BFBAE"))
    assert enc.hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert mac.hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"


def test_ok__published_session_keys():
    enc, mac = derive_3des_keys(bytes.fromhex("0036D272F5C350ACAC50C3F572D23600"))
    assert enc.hex().upper() == "979EC13B1CBFE9DCD01AB0FED307EAE5"
    assert mac.hex().upper() == "F1CB1F1FB5ADF208806B89DC579DC1F8"


@pytest.mark.parametrize(
    "information",
    [
        "D23145890734034071279507122",  # long document number of a TD1
        "L898902C<369<<<<<19406236",  # birth date unknown but for the year
    ],
)
def test_ok__unusual_but_allowed(information: str):
    assert len(password_seed(information)) == 20


@pytest.mark.parametrize(
    "information",
    [
        "",
        "L898902C<3UTO6908061F9406236ZE184226B<<<<<14",
        "L898902C<36908061940623",
        "l898902c<369080619406236",
        "L898902C<3690806194<<<<<6",
        "Ü" * 24,
        "A" * 500,
    ],
)
def test_fail__not_mrz_information(information: str):
    with pytest.raises(UnusableMrz):
        password_seed(information)


def test_fail__sentence_has_no_travellers_data():
    with pytest.raises(UnusableMrz) as caught:
        password_seed("X1234567")
    assert "X1234567" not in str(caught.value)
