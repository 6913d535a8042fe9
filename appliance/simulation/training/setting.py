"""The training post: keys, lists, trust anchors, rules, configuration in one folder, and no network.

Nothing here has an address to send to: no broker is configured, and no uplink runs. What central would have
sent is signed here and brought to the box by hand.
"""

import datetime as dt
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.config import Profile
from appliance.contracts.checks import Outcome
from appliance.key_files import write_key
from appliance.records.history import History, Passage
from appliance.records.keys import load_box_keys
from appliance.reference_data.commands import sign, sign_other
from appliance.reference_data.repository import Repository
from appliance.reference_data.sealed import ContentType
from appliance.screening.build import build_documents, build_persons
from appliance.screening.documents.entries import DocumentEntry
from appliance.screening.lists import ListInfo, ListKind
from appliance.screening.persons.entries import PersonEntry
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.training.casting import REVOKED_SERIAL, born_of
from appliance.simulation.training.script import Book, Listed
from appliance.simulation.watchlists import other_documents, other_persons
from appliance.simulation.world import DeviceTable, policy_with, toml_lines

DEVICE: Final = "training-1"
POST: Final = "Training post"
LISTS: Final = ("training-documents", "training-persons")
LISTS_AGE: Final = dt.timedelta(hours=3)
INSTALLED: Final = Path("/etc/borne/borne.toml")
"""Where a box that serves real travellers has its configuration."""

RULES: Final = """\
name = "training rules"
version = 1

# Utopia has issued passports with a chip for years: a dead one asks for a second look.
[[document]]
codes = ["P"]
issuers = ["UTO"]
chip_if_expires_after = 2026-01-01
says = { en = "Passports of Utopia have a chip." }

[[document]]
says = { en = "Serves." }

# Only travellers whose stay is the matter are from here: the others cross twice without an exit between.
[[stay]]
nationalities = ["KAZ"]
days = 90
window_days = 180
says = { en = "90 days in any 180." }
"""


class NotHere(Exception):
    """Training may not run on this machine, in one plain sentence."""


def refuse_on_a_real_box(installed: Path = INSTALLED) -> None:
    """A box that serves real travellers trains nobody: its screen must never be mistaken.

    Raises:
        NotHere: this machine is provisioned for production, or nobody can tell.
    """
    if not installed.exists():
        return
    try:
        profile = tomllib.loads(installed.read_text("utf-8")).get("box", {}).get("profile", "production")
    except (OSError, ValueError, AttributeError):
        profile = Profile.PRODUCTION.value
    if profile == Profile.PRODUCTION.value:
        raise NotHere(
            f"{installed} is the configuration of a box that serves travellers: training runs on another "
            "machine, an ordinary PC does."
        )


class Setting:
    """The folder of one session; `book` says who is on the lists."""

    def __init__(
        self, folder: Path, book: Book, *, now: dt.datetime, lists_age: dt.timedelta = LISTS_AGE
    ) -> None:
        """Raises:
        OSError: the folder cannot be written.
        """
        self._lists_age = lists_age
        self.folder = folder
        self._book = book
        self._now = now
        self._central = folder / "central"
        self._central.mkdir(parents=True, exist_ok=True)
        self.keys = load_box_keys(folder / "keys")
        self._signing_key = SigningKey.generate()
        for name, key in (
            ("sealing", PrivateKey.generate().public_key),  # the other half is forgotten: nobody opens these
            ("watermark", SigningKey.generate().verify_key),
        ):
            write_key(self._central / f"{name}.pub", key)
        self.repository = self._reference_data()
        (self._central / "reference-root.json").write_bytes(self.repository.first_root)

    def packages(self) -> Iterator[bytes]:
        """What the box is to install: signed, as central would have sent it."""
        for name in (ContentType.TRUST_ANCHORS.value, ContentType.RULES.value, *LISTS):
            yield self.repository.message(name)

    def write_configuration(
        self,
        devices: tuple[DeviceTable, ...],
        *,
        port: int,
        language: str,
        hurried: bool,
        start: str = "press",
        notice: int | None = None,
        clock: str = "host",
    ) -> Path:
        """The box's configuration file. `hurried`: nobody sits here, so no time is given to anybody; `start`,
        `notice` (seconds; None: as shipped) and `clock` as in the policy and the configuration."""
        policy = self.folder / "policy.toml"
        pace: dict[str, float | str] = {"start": start}
        if notice is not None:
            pace["notice_seconds"] = notice
        if hurried:
            pace |= {
                "notice_seconds": 0,
                "chip_seconds": 4,
                "chip_absent_seconds": 0.3,
                "portrait_seconds": 5,
            }
        policy.write_text(policy_with(**pace), "utf-8")
        tables: list[tuple[str, dict[str, Any]]] = [
            ("[box]", {"device": DEVICE, "post": POST, "profile": Profile.TRAINING.value, "clock": clock}),
            (
                "[paths]",
                {
                    "data": str(self.folder / "data"),
                    "keys": str(self.folder / "keys"),
                    "run": str(self.folder / "run"),
                    "policy": str(policy),
                },
            ),
            (
                "[central]",
                {
                    "sealing_key": str(self._central / "sealing.pub"),
                    "watermark_key": str(self._central / "watermark.pub"),
                    "reference_root": str(self._central / "reference-root.json"),
                },
            ),
            ("[kiosk]", {"port": port, "language": language}),
            *([("[finger]", {"seconds": 2, "attempts": 1})] if hurried else []),
            *(
                ("[[device]]", {"kind": one.kind, "driver": one.driver, "options": dict(one.options)})
                for one in devices
            ),
        ]
        path = self.folder / "borne.toml"
        path.write_text("\n".join(toml_lines(tables)) + "\n", "utf-8")
        return path

    def remember_passages(self) -> None:
        """What the box remembers of earlier crossings, as the scripts say; before the box opens its history.

        Raises:
            StorageError: it is not on disk.
        """
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        history = History.open(data / "history.db", storage=self.keys.storage)
        try:
            for one in self._book.traveller:
                document = self._book.document(one)
                for number, passage in enumerate(one.passage):
                    assert document is not None, "the script's own check"
                    at = self._now.astimezone(dt.UTC) - dt.timedelta(days=passage.days_ago)
                    history.add(
                        Passage(
                            crossing=f"{one.id}-{number}",
                            direction=passage.direction.value,
                            at=at.isoformat(timespec="milliseconds"),
                            outcome=Outcome.ADMITTED.value,
                        ),
                        issuing_state=document.issuer,
                        document_number=document.number,
                    )
        finally:
            history.close()

    def _reference_data(self) -> Repository:
        key = self._signing_key
        issued = self._now - self._lists_age
        repository = self._create(key, issued)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            states = sorted(
                {document.issuer for one in self._book.traveller if (document := self._book.document(one))}
            )
            trust = trust_store_for(states, now=self._now, crl_age=self._lists_age, revoked=[REVOKED_SERIAL])
            for type_, content in (
                (ContentType.TRUST_ANCHORS, trust.to_bytes()),
                (ContentType.RULES, RULES.encode()),
            ):
                (folder / type_.value).write_bytes(content)
                sign_other(
                    folder / type_.value,
                    repository,
                    type_=type_,
                    version=1,
                    recipients=[self.keys.sealing.public_key],
                    issuer_keys=[key],
                    publisher_key=key,
                    now=issued,
                )
            for source in self._lists(folder, issued):
                sign(
                    source,
                    repository,
                    recipients=[self.keys.sealing.public_key],
                    issuer_keys=[key],
                    publisher_key=key,
                    now=issued,
                    index_key=bytes(key),
                    valid_for=dt.timedelta(days=30),
                )
        return repository

    def _create(self, key: SigningKey, issued: dt.datetime) -> Repository:
        folder = self._central / "reference"
        Repository.create(
            folder,
            root_keys=[key],
            root_threshold=1,
            issuer_keys=[key],
            issuer_threshold=1,
            publisher_key=key,
            now=issued,
        )
        return Repository(folder)

    def _lists(self, folder: Path, issued: dt.datetime) -> tuple[Path, Path]:
        entries = [entry for one in self._book.traveller for entry in one.listed]
        documents, persons = (folder / name for name in LISTS)
        day = self._now.date()
        build_documents(
            documents,
            [*(_document(one) for one in entries if one.number), *other_documents()],
            info=_info(LISTS[0], ListKind.DOCUMENTS, issued),
            master_key=bytes(self._signing_key),
            epoch="training",
        )
        named = [_person(one, number, day) for number, one in enumerate(entries, start=1) if not one.number]
        build_persons(persons, [*named, *other_persons()], info=_info(LISTS[1], ListKind.PERSONS, issued))
        return documents, persons


def _info(name: str, kind: ListKind, issued: dt.datetime) -> ListInfo:
    documents = kind is ListKind.DOCUMENTS
    return ListInfo(
        name=name,
        kind=kind,
        version=1,
        issued_at=issued,
        owner=f"Utopian {'Document Register' if documents else 'Border Guard'} (training)",
        legal_basis="none: training",
        contact="trainer's desk",
        action="Keep the document and refer." if documents else "Refer; compare portrait and place of birth.",
        stale_after_hours=48.0,
    )


def _document(one: Listed) -> DocumentEntry:
    assert one.status is not None
    return DocumentEntry(number=one.number, issuing_state=one.issuer, document_type="P", status=one.status)


def _person(one: Listed, number: int, day: dt.date) -> PersonEntry:
    born = born_of(one.born, day=day).split("-??")[0] if one.born else ""
    return PersonEntry(
        reference=f"TRAINING-{number:04d}",
        names=((one.surname, one.given),),
        reason=one.reason,
        birth_dates=(born,) if born else (),
        sex=one.sex,
        nationality=one.nationality,
    )
