"""Central's world for its tests: its keys, a box with a real journal, a database, a broker."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from central_common import Box

from appliance.simulation.broker import Broker, BrokerUnavailable
from central.keys import Keys, create_keys, load_keys
from central.store import Store


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    create_keys(tmp_path / "central-keys")
    return load_keys(tmp_path / "central-keys")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(str(tmp_path / "central.db"))
    yield opened
    opened.close()


@pytest.fixture
def make_box(tmp_path: Path, keys: Keys) -> Iterator[Callable[..., Box]]:
    made: list[Box] = []

    def make(device: str = "box-1", folder: str | None = None) -> Box:
        made.append(Box(tmp_path / (folder or device), keys, device))
        return made[-1]

    yield make
    for box in made:
        box.journal.close()


@pytest.fixture
def box(make_box: Callable[..., Box], store: Store) -> Box:
    """A registered box."""
    registered = make_box()
    registered.register(store)
    return registered


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path / "broker", devices=["box-1", "box-2"])
    try:
        running.start()
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    yield running
    running.stop()
