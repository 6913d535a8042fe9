"""Benches of the PC/SC driver: the real daemon with its virtual reader, and a daemon by script."""

import threading
import time

from smartcard import scard

from appliance.simulation.chip.card import ATR
from appliance.simulation.chip.pcscd import virtual_reader
from conformance.case import Bench
from hal.document_reader import ChipReader
from hal.document_reader.pcsc import PcscReader

COMMAND = bytes.fromhex("00B0000000")
OK = b"\x90\x00"
ENDLESS = b"x\x61\xff"
"""More data, and again more data: no chip's answer ends so."""


class Answering:
    """A chip that says its number, until it is told to misbehave."""

    atr = ATR

    def __init__(self, number):
        self.number = number
        self.endless = False

    def transmit(self, command):
        return ENDLESS if self.endless else bytes([self.number]) + OK

    def reset(self): ...


class PcscBench(Bench):
    protocol = ChipReader
    lies = True
    counted = 2  # the wait, and the exchange

    def operate(self, timeout):
        connection = self.device.wait_for_chip(timeout)
        try:
            return connection.transmit(COMMAND)
        finally:
            connection.close()

    def number_of(self, result):
        assert result[1:] == OK
        return result[0]


class RealDaemon(PcscBench):
    """pcscd as Debian has it, and vsmartcard's reader."""

    simulated = True

    not_applicable = dict.fromkeys(
        ("unplugged_and_back", "unplugged_waiting", "unplugged_at_every_exchange"),
        "the virtual reader stays plugged; the daemon by script pulls it",
    )

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.held = virtual_reader()
        self.virtual = self.held.__enter__()
        self.chip = None
        self.device = PcscReader(reader_name=self.virtual.name)

    def provide(self, number=0):
        if self.chip is None or self.chip.number != number:
            self.chip = Answering(number)
            self.virtual.insert(self.chip)

    def malform(self):
        self.provide()
        self.chip.endless = True

    def mend(self):
        self.chip.endless = False

    def tear_down(self):
        super().tear_down()
        self.held.__exit__(None, None, None)


class ScriptedDaemon(PcscBench):
    """`smartcard.scard` as far as the driver uses it; the plug can be pulled before any of its calls."""

    exchanges = 5
    CALLS = ("status", "connect", "card_status", "control", "transmit")

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.plugged, self.chip, self.pull_at = True, None, None
        self.real = {}
        for name, fake in {
            "SCardEstablishContext": lambda scope: (0, 1),
            "SCardReleaseContext": lambda context: 0,
            "SCardListReaders": lambda context, groups: (0, ["ACS ACR1252 00 00"] if self.plugged else []),
            "SCardGetStatusChange": self.status,
            "SCardConnect": self.connect,
            "SCardStatus": self.card_status,
            "SCardControl": self.control,
            "SCardTransmit": self.transmit,
            "SCardDisconnect": lambda card, how: 0,
        }.items():
            self.real[name] = getattr(scard, name)
            setattr(scard, name, fake)
        self.device = PcscReader(reader_name="ACS ACR1252")

    def gone(self, call):
        if self.pull_at == call:
            self.plugged = False
        return not self.plugged

    def status(self, context, milliseconds, states):
        present = self.chip is not None
        if self.gone("status") and (present or self.pull_at):
            return 0, [("ACS", scard.SCARD_STATE_UNAVAILABLE, [])]
        if present:
            return 0, [("ACS", scard.SCARD_STATE_PRESENT, [])]
        time.sleep(min(milliseconds, 20) / 1000)
        if not self.plugged:
            return 0, [("ACS", scard.SCARD_STATE_UNKNOWN, [])]
        return scard.SCARD_E_TIMEOUT, []

    def connect(self, context, name, mode, protocols):
        if self.gone("connect"):
            return scard.SCARD_E_READER_UNAVAILABLE, 0, 0
        return (0, 1, scard.SCARD_PROTOCOL_T1) if self.chip else (scard.SCARD_E_NO_SMARTCARD, 0, 0)

    def card_status(self, card):
        if self.gone("card_status"):
            return scard.SCARD_E_READER_UNAVAILABLE, "", 0, 0, []
        return 0, "ACS", 0, scard.SCARD_PROTOCOL_T1, list(ATR)

    def control(self, card, code, data):
        self.gone("control")
        return scard.SCARD_E_READER_UNAVAILABLE if not self.plugged else scard.SCARD_E_UNSUPPORTED_FEATURE, []

    def transmit(self, card, protocol, command):
        if self.gone("transmit"):
            return scard.SCARD_E_READER_UNAVAILABLE, []
        return 0, list(self.chip.transmit(bytes(command)))

    def provide(self, number=0):
        if self.chip is None or self.chip.number != number:
            self.chip = Answering(number)

    def malform(self):
        self.chip = Answering(0)
        self.chip.endless = True

    def mend(self):
        self.chip.endless = False

    def take_away(self):
        self.chip = None

    def unplug(self):
        self.plugged, self.chip = False, None

    def replug(self):
        self.plugged, self.pull_at = True, None

    def arm_unplug(self, exchange):
        self.pull_at = self.CALLS[exchange]
        thread = threading.Thread(target=self.provide)
        thread.start()
        return thread

    def tear_down(self):
        super().tear_down()
        for name, real in self.real.items():
            setattr(scard, name, real)
