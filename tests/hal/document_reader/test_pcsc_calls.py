"""What PC/SC's result codes mean for a device."""

import pytest
from smartcard import scard

from hal.device import ChipRemoved, DeviceBusy, DeviceFault, DeviceGone, HalError, Unreadable
from hal.document_reader import pcsc_calls


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (scard.SCARD_W_REMOVED_CARD, ChipRemoved),
        (scard.SCARD_W_RESET_CARD, ChipRemoved),
        (scard.SCARD_E_NO_SMARTCARD, ChipRemoved),
        (scard.SCARD_E_NOT_TRANSACTED, ChipRemoved),
        (scard.SCARD_W_UNRESPONSIVE_CARD, Unreadable),
        (scard.SCARD_E_PROTO_MISMATCH, Unreadable),
        (scard.SCARD_E_NO_SERVICE, DeviceGone),
        (scard.SCARD_E_READER_UNAVAILABLE, DeviceGone),
        (scard.SCARD_E_UNKNOWN_READER, DeviceGone),
        (scard.SCARD_E_SHARING_VIOLATION, DeviceBusy),
        (scard.SCARD_E_UNSUPPORTED_FEATURE, DeviceFault),
        (scard.SCARD_E_NO_MEMORY, DeviceFault),
    ],
)
def test_fail__each_code(result: int, error: type[HalError]):
    with pytest.raises(error) as caught:
        pcsc_calls.fail(result)
    assert type(caught.value) is error
    assert str(caught.value).endswith(".")


def test_ok__no_readers_is_an_empty_list(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scard, "SCardListReaders", lambda c, g: (scard.SCARD_E_NO_READERS_AVAILABLE, []))
    assert pcsc_calls.list_readers(0) == ()


def test_fail__listing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scard, "SCardListReaders", lambda c, g: (scard.SCARD_E_SERVICE_STOPPED, []))
    with pytest.raises(DeviceGone):
        pcsc_calls.list_readers(0)


def test_fail__chip_leaves_between_connect_and_status(monkeypatch: pytest.MonkeyPatch):
    let_go: list[tuple[int, int]] = []
    monkeypatch.setattr(scard, "SCardConnect", lambda c, r, m, p: (scard.SCARD_S_SUCCESS, 7, 2))
    monkeypatch.setattr(scard, "SCardStatus", lambda card: (scard.SCARD_W_REMOVED_CARD, "", 0, 0, []))
    monkeypatch.setattr(scard, "SCardDisconnect", lambda card, how: let_go.append((card, how)))
    with pytest.raises(ChipRemoved):
        pcsc_calls.connect(1, "Any")
    assert let_go == [(7, scard.SCARD_LEAVE_CARD)]


def controls(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, bytes]) -> list[int]:
    """SCardControl by script; which codes were asked."""
    asked: list[int] = []
    left = iter(answers)

    def control(card: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        asked.append(code)
        result, answer = next(left)
        return result, list(answer)

    monkeypatch.setattr(scard, "SCardControl", control)
    return asked


FEATURES = bytes.fromhex("06 04 42 33 00 06 12 04 42 33 00 12".replace(" ", ""))


@pytest.mark.parametrize(
    ("properties", "size"),
    [
        ("0A0400000100", 65_536),
        ("0102000B0A0404080000", 2_052),
        ("0A0400000000", 256),  # short APDUs only
        ("0A0410000000", 256),  # a value that the standard forbids
        ("0102000B", None),
        ("0A0400", None),
        ("", None),
    ],
)
def test_ok__what_a_reader_carries(monkeypatch: pytest.MonkeyPatch, properties: str, size: int | None):
    asked = controls(
        monkeypatch, (scard.SCARD_S_SUCCESS, FEATURES), (scard.SCARD_S_SUCCESS, bytes.fromhex(properties))
    )
    assert pcsc_calls.max_apdu_data(7) == size
    assert asked[1] == 0x42330012


def test_ok__a_reader_that_says_nothing_of_itself(monkeypatch: pytest.MonkeyPatch):
    controls(monkeypatch, (scard.SCARD_E_UNSUPPORTED_FEATURE, b""))
    assert pcsc_calls.max_apdu_data(7) is None
    controls(monkeypatch, (scard.SCARD_S_SUCCESS, FEATURES[:6]))
    assert pcsc_calls.max_apdu_data(7) is None
    controls(monkeypatch, (scard.SCARD_S_SUCCESS, FEATURES), (scard.SCARD_E_UNSUPPORTED_FEATURE, b""))
    assert pcsc_calls.max_apdu_data(7) is None
