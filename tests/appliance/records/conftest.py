"""A box's keys, central's, and a journal in the test's folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from records_common import CENTRAL

from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys


@pytest.fixture
def box_keys(tmp_path: Path):
    return load_box_keys(tmp_path / "keys")


@pytest.fixture
def open_journal(tmp_path: Path, box_keys):
    """Opens the journal; opening again is a restart."""
    opened: list[Journal] = []

    def make(**changes: object) -> Journal:
        for journal in opened:
            journal.close()
        settings = {"keys": box_keys, "central": CENTRAL, "device": "box-1"} | changes
        opened.append(Journal.open(tmp_path / "journal.db", **settings))
        return opened[-1]

    yield make
    for journal in opened:
        journal.close()
