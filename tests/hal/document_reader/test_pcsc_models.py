"""What readers carry, by model."""

import pytest

from hal.document_reader.pcsc import Options, create
from hal.document_reader.pcsc_models import MODELS, SHORT_APDU_BYTES, apdu_limit, model_of
from hal.drivers import ConfigurationError, make_device

FULL = 65_536


@pytest.mark.parametrize(
    ("name", "said", "limit"),
    [
        ("ACS ACR122U PICC Interface 00 00", 256, 256),
        ("ACS ACR122U PICC Interface 00 00", FULL, 256),
        ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", FULL, 512),
        ("Access IS ePassport Reader 00 00", FULL, 268),
        ("HID Global OMNIKEY 5022 Smart Card Reader 00 00", FULL, 510),
        ("ELYCTIS CL reader 00 00", FULL, 1024),
        ("ELYCTIS CL reader 00 00", 300, 300),  # never more than it says
        ("ELYCTIS CL reader 00 00", None, SHORT_APDU_BYTES),
        ("Brand new reader 00 00", FULL, FULL),
        ("Brand new reader 00 00", None, SHORT_APDU_BYTES),
    ],
)
def test_ok__its_word_held_to_its_model(name, said, limit):
    assert apdu_limit(name, said) == limit


def test_ok__the_configuration_has_the_last_word():
    assert apdu_limit("ACS ACR122U PICC Interface 00 00", 256, configured=1000) == 1000
    assert create(Options(reader_name="x", max_apdu_bytes=1000))._max_apdu_bytes == 1000


@pytest.mark.parametrize("number", [0, 255, 65_537])
def test_fail__a_limit_that_cannot_be(number):
    with pytest.raises(ConfigurationError, match="max_apdu_bytes"):
        make_device("document_reader", "pcsc", {"reader_name": "x", "max_apdu_bytes": number})


def test_ok__the_table_is_sane():
    assert all(256 <= model.apdu_bytes <= FULL for model in MODELS)
    assert model_of("nobody's reader") is None
