"""malloc's arenas: threads share the few that it may have."""

import subprocess
import sys

WORK = """
import ctypes, threading
from appliance.arenas import few_arenas

if {few}:
    assert few_arenas()
kept, all_hold, over = [], threading.Barrier(13), threading.Event()

def work():
    kept.append([bytes(4096) for _ in range(64)])
    all_hold.wait(60)
    over.wait(60)

threads = [threading.Thread(target=work) for _ in range(12)]
for one in threads:
    one.start()
all_hold.wait(60)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
over.set()
"""


def arenas(*, few: bool) -> int:
    """How many malloc has after twelve threads have allocated at once."""
    environment = {"MALLOC_ARENA_MAX": "12"}  # of a machine with more cores, or fewer
    done = subprocess.run(
        [sys.executable, "-c", WORK.format(few=few)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
    )
    return done.stdout.count("<heap nr=")


def test_ok__a_dozen_threads_share_two() -> None:
    assert arenas(few=True) <= 2


def test_fail__without_it_they_do_not() -> None:
    assert arenas(few=False) > 2
