"""The bill of materials of an image: CycloneDX 1.5 (ECMA-424's predecessor), from the lock file alone.

Package URLs as the purl specification writes them for deb and pypi. The serial number follows from the
content, so that the same image has the same bill.
"""

import json
import uuid
from typing import Any
from urllib.parse import quote

from disk import NAMES
from lockfile import Deb, Lock, Wheel


def bill_of(lock: Lock, *, version: str, suite: str) -> str:
    """The bill as JSON text."""
    packages: list[tuple[Deb | Wheel, str]] = [(deb, _deb_url(deb, suite)) for deb in lock.debs]
    packages += [(wheel, _wheel_url(wheel)) for wheel in lock.wheels]
    components: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": purl,
            "name": package.name,
            "version": package.version,
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": package.sha256}],
        }
        for package, purl in packages
    ]
    image = {"type": "firmware", "bom-ref": lock.board, "name": f"borne-{lock.board}", "version": version}
    return (
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.5",
                "serialNumber": f"urn:uuid:{uuid.uuid5(NAMES, f'{version} {lock.digest}')}",
                "version": 1,
                "metadata": {"component": image},
                "components": components,
                "dependencies": [{"ref": lock.board, "dependsOn": [one["bom-ref"] for one in components]}],
            },
            indent=1,
        )
        + "\n"
    )


def _deb_url(deb: Deb, suite: str) -> str:
    place = f"{quote(deb.name)}@{quote(deb.version)}"
    return f"pkg:deb/debian/{place}?arch={deb.architecture}&distro={suite}"


def _wheel_url(wheel: Wheel) -> str:
    return f"pkg:pypi/{wheel.name.lower().replace('_', '-')}@{quote(wheel.version)}"
