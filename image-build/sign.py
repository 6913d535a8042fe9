#!/usr/bin/env python3
"""Signs for an image: writes `IMAGE.manifest`, which `borne flash` verifies before it writes a card.

    .venv/bin/python image-build/sign.py IMAGE --board BOARD --key release.key

The key is a file of `borne-central`'s kind (Ed25519); `--new-key` makes one, its public half beside it.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import msgspec
from board import board_names
from disk import ALIGN, SECTOR
from fetch import sha256_of
from nacl.signing import SigningKey

import appliance
from appliance.contracts.release import MANIFEST_TYPE, SUFFIX, Manifest
from appliance.cose import CONTENT_TYPE, sign1
from appliance.key_files import KeyFileError, read_key, write_key


def sign_image(image: Path, *, board: str, key: SigningKey) -> Path:
    """Write the manifest; returns where."""
    manifest = Manifest(
        board=board,
        version=appliance.__version__,
        sha256=sha256_of(image),
        size=image.stat().st_size,
        config_offset=ALIGN * SECTOR,
    )
    path = image.with_name(image.name + SUFFIX)
    path.write_bytes(
        sign1(msgspec.json.encode(manifest), protected={CONTENT_TYPE: MANIFEST_TYPE}, signing_key=key)
    )
    return path


def main() -> int:
    parser = argparse.ArgumentParser(prog="sign", description="Signs for an image.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--board", choices=board_names(), required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--new-key", action="store_true")
    chosen = parser.parse_args()
    try:
        if chosen.new_key:
            new = SigningKey.generate()
            write_key(chosen.key, new)
            write_key(chosen.key.with_suffix(".pub"), new.verify_key)
        print(sign_image(chosen.image, board=chosen.board, key=read_key(chosen.key, SigningKey)))
    except (KeyFileError, OSError) as error:
        print(f"sign: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
