"""What tests of several rooms need of the machine."""

import os
import sys

# There is one virtual reader a machine. Read when the module that holds it is imported, also by the commands
# that tests start.
os.environ.setdefault("BORNE_VIRTUAL_READER_SECONDS", "240")

import pytest
from hypothesis import settings


@pytest.fixture(scope="session")
def pseudo_terminals() -> None:
    """Serial lines and terminals are emulated on ptys, which a bare chroot has not."""
    try:
        master, slave = os.openpty()
    except OSError as error:
        pytest.skip(f"not here: no pseudo-terminals ({error.strerror or error}): is /dev/pts mounted?")
    os.close(master)
    os.close(slave)


# A slow or busy machine is no error: what may take how long is measured in benchmarks/.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Tests start some hundred processes of ours. Where the machine says that Python keeps no bytecode, each would
# compile all of it anew: half a second of a core.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
