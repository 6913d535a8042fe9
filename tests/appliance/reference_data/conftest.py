"""Keys and packages for the tests of the gate: everything invented, everything thrown away."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.cose import key_id
from appliance.reference_data.package import Package, PackageType, sign_package
from appliance.reference_data.store import ReferenceStore
from appliance.screening.build import PersonEntry, build_list
from appliance.screening.lists import ListKind

ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
SIGNER = SigningKey(bytes(range(32)))
BOX = PrivateKey(bytes(range(32)))


@pytest.fixture
def store(tmp_path: Path) -> ReferenceStore:
    keys = {key_id(SIGNER.verify_key): SIGNER.verify_key}
    return ReferenceStore(tmp_path / "store", verify_keys=keys, private_key=BOX)


@pytest.fixture
def make_package(tmp_path: Path) -> Callable[..., bytes]:
    """A signed package; a list's content is built unless some is given."""

    def make(
        *,
        name: str = "persons",
        version: int = 1,
        inside: int | None = None,
        content: bytes | None = None,
        entries: int = 3,
        signer: SigningKey = SIGNER,
        box: PrivateKey = BOX,
        expires_at: datetime = ISSUED + timedelta(days=30),
    ) -> bytes:
        if content is None:
            build_list(
                tmp_path / "list",
                name=name,
                kind=ListKind.PERSONS,
                version=version if inside is None else inside,
                issued_at=ISSUED,
                owner="owner",
                legal_basis="act",
                contact="desk",
                action="refer",
                stale_after_hours=48.0,
                persons=[
                    PersonEntry(reference=f"p{i}", names=(("MUHAMMADOV", "TIMUR"),), reason="r")
                    for i in range(entries)
                ],
            )
            content = (tmp_path / "list").read_bytes()
        package = Package(
            type=PackageType.WATCHLIST,
            name=name,
            version=version,
            issued_at=ISSUED,
            expires_at=expires_at,
            content=content,
        )
        return sign_package(package, signing_key=signer, recipients=[box.public_key])

    return make
