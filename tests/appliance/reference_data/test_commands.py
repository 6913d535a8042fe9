import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.reference_data.commands import (
    ListDescription,
    build_from_csv,
    import_package,
    sign_list,
    status_json,
)
from appliance.reference_data.package import Reason, Refused
from appliance.reference_data.store import ReferenceStore
from appliance.screening.build import EntryError
from appliance.screening.lists import ListKind, ListUnreadable

SIGNER, BOX = SigningKey(bytes(range(32))), PrivateKey(bytes(range(32)))
ISSUED = datetime(2027, 3, 1, tzinfo=UTC)
NOW = ISSUED + timedelta(hours=1)
CSV = {
    ListKind.DOCUMENTS: "\ufeffreference,number,issuing_state,status\nd1,AB123,UTO,stolen\n",
    ListKind.PERSONS: "reference,primary_identifier,reason\np1,ШИШКИН,wanted\n",
}


def describe(kind: ListKind) -> ListDescription:
    return ListDescription(
        name="list",
        kind=kind,
        version=1,
        issued_at=ISSUED,
        owner="owner",
        legal_basis="act",
        contact="desk",
        action="refer",
        stale_after_hours=48.0,
    )


@pytest.mark.parametrize("kind", list(ListKind))
def test_ok__from_csv_to_the_box(tmp_path: Path, store: ReferenceStore, kind: ListKind) -> None:
    (tmp_path / "in.csv").write_text(CSV[kind], encoding="utf-8")
    assert build_from_csv(tmp_path / "in.csv", tmp_path / "a", describe(kind)).entries == 1
    sign_list(tmp_path / "a", tmp_path / "a.cose", signing_key=SIGNER, recipients=[BOX.public_key])
    report = import_package(tmp_path / "a.cose", store, now=NOW, time_quality="rtc")
    assert (report.installed, report.sentence) == (True, "Version 1 of list is installed.")
    (one,) = json.loads(json.dumps(status_json(store, now=NOW, time_quality="rtc")))
    assert (one["name"], one["kind"], one["entries"], one["age_hours"]) == ("list", kind.value, 1, 1.0)


def test_fail__csv(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(CSV[ListKind.PERSONS])
    with pytest.raises(EntryError, match="line 1"):
        build_from_csv(tmp_path / "in.csv", tmp_path / "a", describe(ListKind.DOCUMENTS))
    assert not (tmp_path / "a").exists()


def test_fail__only_lists_are_signed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no list")
    with pytest.raises(ListUnreadable):
        sign_list(tmp_path / "a", tmp_path / "b", signing_key=SIGNER, recipients=[BOX.public_key])


def test_fail__stick_pulled_out(tmp_path: Path, store: ReferenceStore) -> None:
    with pytest.raises(Refused) as caught:
        import_package(tmp_path / "gone", store, now=NOW, time_quality="rtc")
    assert caught.value.reason is Reason.STORAGE
