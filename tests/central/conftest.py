"""Central's world for its tests: its keys, a box with a real journal, a database, a broker."""

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

sys.path.insert(0, str(Path(__file__).parent))

from central_common import Box
from postgres_server import new_database, server

from appliance.key_files import read_key
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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture
def postgresql(postgresql_server: str) -> str:
    """A new database of the tests' own PostgreSQL."""
    return new_database(postgresql_server, f"test_{secrets.token_hex(6)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Either of the two, new and empty."""
    if request.param == "sqlite":
        return str(tmp_path / "either.db")
    url: str = request.getfixturevalue("postgresql")
    return url


@pytest.fixture
def either(database: str) -> Iterator[Store]:
    """A store on either of the two."""
    opened = Store(database)
    yield opened
    opened.close()


@pytest.fixture
def make_box(tmp_path: Path, keys: Keys) -> Iterator[Callable[..., Box]]:
    made: list[Box] = []

    def make(device: str = "box-1", folder: str | None = None) -> Box:
        operator = read_key(tmp_path / "central-keys" / "operator.pub", VerifyKey)
        made.append(Box(tmp_path / (folder or device), keys, device, operator))
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
