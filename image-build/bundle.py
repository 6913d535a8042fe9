#!/usr/bin/env python3
"""Makes the update of an image that was built: a signed RAUC bundle of its root and its boot partition.

    .venv/bin/python image-build/bundle.py BOARD --cert signer.pem --key signer.key [--out FOLDER]

The certificate must be for code signing (the box asks for that purpose) and lead to the one that the image
was built with (`build.py --update-ca`).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from board import Board, board_names, load_board

import appliance

MANIFEST = """[update]
compatible={compatible}
version={version}

[bundle]
format={kind}

[image.root]
filename=root.img

[image.boot]
filename=boot.img
"""


class BundleError(Exception):
    """The bundle cannot be made, in one plain sentence."""


def make_bundle(
    root: Path,
    boot: Path,
    *,
    board: Board,
    cert: Path,
    key: Path,
    out: Path,
    version: str,
    kind: str = "verity",
) -> Path:
    """The bundle of these two images. A box takes `verity` alone; `plain` is for tests without device-mapper.

    Raises:
        BundleError: rauc is missing, or does not sign.
    """
    if shutil.which("rauc") is None:
        raise BundleError("rauc is not installed.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="bundle-") as folder:
        content = Path(folder) / "content"
        content.mkdir()
        (content / "root.img").hardlink_to(root)
        (content / "boot.img").hardlink_to(boot)
        text = MANIFEST.format(compatible=board.compatible, version=version, kind=kind)
        (content / "manifest.raucm").write_text(text, "ascii")
        # The root is compressed already.
        packing = "--mksquashfs-args=-noI -noD -noF -noX"
        command = ["rauc", "bundle", packing, f"--cert={cert}", f"--key={key}", str(content), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BundleError(f"rauc: {done.stderr.strip().splitlines()[-1]}")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bundle", description="Makes the update of an image that was built."
    )
    parser.add_argument("board", choices=board_names())
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build/image")
    chosen = parser.parse_args()
    made = chosen.out / chosen.board
    target = made / f"borne-{chosen.board}-{appliance.__version__}.raucb"
    try:
        bundle = make_bundle(
            made / "root.squashfs",
            made / "boot.vfat",
            board=load_board(chosen.board),
            cert=chosen.cert,
            key=chosen.key,
            out=target,
            version=appliance.__version__,
        )
    except (BundleError, OSError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 2
    print(bundle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
