"""The corpus that the repository keeps: what fuzzing found worth keeping, one archive for all targets.

python tests/soak/kept_corpus.py build/fuzz      puts it together anew from a fuzzing folder
"""

import sys
import zipfile
from pathlib import Path

ARCHIVE = Path(__file__).with_name("corpus.zip")
MAX_INPUT_BYTES = 4_096
"""Whole portraits are made anew, not kept."""
MAX_INPUTS = 120
"""Of one target, the shortest first."""
WRITTEN = (1980, 1, 1, 0, 0, 0)


def keep(folder: Path, archive: Path = ARCHIVE) -> int:
    """Write the archive, the same for the same inputs; how many inputs it has."""
    kept = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for target in sorted(path for path in folder.iterdir() if path.is_dir()):
            inputs = sorted({path.read_bytes() for path in target.iterdir()}, key=lambda one: (len(one), one))
            fitting = [one for one in inputs if len(one) <= MAX_INPUT_BYTES][:MAX_INPUTS]
            for number, one in enumerate(fitting):
                info = zipfile.ZipInfo(f"{target.name}/{number:03}", WRITTEN)
                packed.writestr(info, one, zipfile.ZIP_DEFLATED)
            kept += len(fitting)
    return kept


def kept_for(target: str, archive: Path = ARCHIVE) -> list[bytes]:
    """The kept inputs of one target."""
    if not archive.exists():
        return []
    with zipfile.ZipFile(archive) as packed:
        return [packed.read(name) for name in packed.namelist() if name.startswith(f"{target}/")]


if __name__ == "__main__":
    print(keep(Path(sys.argv[1])), "inputs,", ARCHIVE.stat().st_size, "bytes")
