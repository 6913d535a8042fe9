"""The dm-verity hash tree of a root, as in the kernel's Documentation/admin-guide/device-mapper/verity.

Hash type 1, SHA-256, blocks of 4096 bytes, no superblock: what opens it has the root hash and the salt from
the initrd. The salt is the hash of the data, so that the same root has the same tree.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096
DIGESTS = BLOCK // 32
"""Digests in a block: 128."""


@dataclass(frozen=True, slots=True)
class Verity:
    """What must be known to open it."""

    data_blocks: int
    salt: str
    root_hash: str

    def table(self, device: str) -> str:
        """The device-mapper table; the tree follows the data on the same partition. A damaged block restarts
        the box: a trial slot then goes back by itself."""
        return (
            f"0 {self.data_blocks * BLOCK // 512} verity 1 {device} {device} {BLOCK} {BLOCK} "
            f"{self.data_blocks} {self.data_blocks} sha256 {self.root_hash} {self.salt} "
            "1 restart_on_corruption"
        )


def append_tree(path: Path) -> Verity:
    """Pad the file to whole blocks and write its tree behind it."""
    with path.open("r+b") as file:
        salt = hashlib.file_digest(file, "sha256").digest()
        size = file.seek(0, 2)
        file.write(bytes(-size % BLOCK))
        data_blocks = (size + BLOCK - 1) // BLOCK
        file.seek(0)
        digests = b"".join(hashlib.sha256(salt + file.read(BLOCK)).digest() for _ in range(data_blocks))
        levels = []
        while True:
            level = digests + bytes(-len(digests) % BLOCK)
            levels.append(level)
            if len(level) == BLOCK:
                break
            blocks = (level[at : at + BLOCK] for at in range(0, len(level), BLOCK))
            digests = b"".join(hashlib.sha256(salt + block).digest() for block in blocks)
        for level in reversed(levels):  # the top comes first
            file.write(level)
    root_hash = hashlib.sha256(salt + levels[-1]).hexdigest()
    return Verity(data_blocks=data_blocks, salt=salt.hex(), root_hash=root_hash)
