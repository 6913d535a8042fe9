"""Opens what lies on the box's disk as the configuration says: keys, journal, lists, trust, officers.

Imported only by what wires; what a service does not need it does not import.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from appliance.config import Config, KeyTier, PostNetwork, Profile, Protection, line_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nacl.public import PrivateKey
    from nacl.secret import SecretBox
    from nacl.signing import VerifyKey

    from appliance.records.cases import Cases
    from appliance.records.enrolment import Enrolments
    from appliance.records.expected import Expected
    from appliance.records.history import History
    from appliance.records.journal import Journal
    from appliance.records.keys import BoxKeys
    from appliance.records.memory import Memory
    from appliance.records.officers import Officers
    from appliance.records.statistics.book import Book
    from appliance.records.vault import Vault
    from appliance.records.visas import Visas
    from appliance.reference_data.installer import ContentCheck
    from appliance.reference_data.sealed import ContentType
    from appliance.reference_data.store import ReferenceStore
    from appliance.reference_data.trust_folder import TrustFolder
    from appliance.services.lane.live import GatewayKeys
    from appliance.services.lane.second_line.post_desk import PostKeys
    from appliance.travel_document.pki.trust_store import TrustStore

SIMULATED_AUTHORITY = "Borne simulation"
"""The organization in the names of the simulator's certificates."""

Small = TypeVar("Small")
log = logging.getLogger(__name__)


class CannotStart(Exception):
    """A service that cannot be built as configured, in one plain sentence; `key` is the one at fault."""

    def __init__(self, sentence: str, *, key: tuple[str | int, ...] = ()) -> None:
        super().__init__(sentence)
        self.key = key

    def in_file(self, path: Path) -> str:
        """The sentence, with the line of this configuration file to mend."""
        return f"{path}: line {line_of(path, *self.key)}: {self}" if self.key else str(self)


def reference_store(
    folder: Path,
    keys: Path,
    root: Path | None = None,
    *,
    floor: Path | None = None,
    production: bool = False,
    private_key: "PrivateKey | None" = None,
) -> "ReferenceStore":
    """The store of signed reference data. `root` is its root of trust; none: reference-root.json among the
    keys.

    `floor` is the folder of its second copy of the highest versions seen; none: beside the store's folder.
    `production` refuses trust anchors of the simulator. `private_key` is what lists are sealed to; none:
    sealing.key among the keys.

    Raises:
        CannotStart: a key file is missing or is not one.
    """
    from nacl.public import PrivateKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.reference_data.store import ReferenceStore

    root = root or keys / "reference-root.json"
    try:
        private_key = private_key or read_key(keys / "sealing.key", PrivateKey)
        trusted = root.read_bytes()
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise CannotStart(
            f"{root} cannot be read ({error.strerror}): nobody may sign lists for this box."
        ) from error
    floor = floor or folder.with_name(f"{folder.name}-floor")
    return ReferenceStore(
        folder,
        root=trusted,
        private_key=private_key,
        floor_folders=(floor,),
        content_checks=content_checks(production=production),
    )


def content_checks(*, production: bool = False) -> "dict[ContentType, ContentCheck]":
    """What is looked at in trust anchors, policies and rules before they are installed, or signed for.

    `production` refuses the simulator's authority.
    """
    from appliance.config import ConfigError
    from appliance.contracts.update import UpdateOfferError, read_offers
    from appliance.reference_data.installer import ContentUnusable
    from appliance.reference_data.sealed import ContentType
    from appliance.rules.table import read_table
    from appliance.services.lane.policy import read_policy
    from appliance.travel_document.lds.errors import Malformed
    from appliance.travel_document.pki.trust_store import TrustStore

    def trust_anchors(data: bytes) -> None:
        try:
            store = TrustStore.from_bytes(data)
        except Malformed as error:
            raise ContentUnusable(f"These are no trust anchors: {error}") from error
        if production and _trusts_the_simulator(store):
            raise ContentUnusable(
                "The trust anchors hold the simulator's authority, which production refuses."
            )

    def policy(data: bytes) -> None:
        try:
            read_policy(data)
        except ConfigError as error:
            raise ContentUnusable(str(error)) from error

    def rules(data: bytes) -> None:
        try:
            read_table(data)
        except ConfigError as error:
            raise ContentUnusable(str(error)) from error

    def update(data: bytes) -> None:
        try:
            read_offers(data)
        except UpdateOfferError as error:
            raise ContentUnusable(str(error)) from error

    return {
        ContentType.UPDATE: update,
        ContentType.TRUST_ANCHORS: trust_anchors,
        ContentType.POLICY: policy,
        ContentType.RULES: rules,
    }


def box_keys(config: Config) -> "BoxKeys":
    """The box's keys, out of what protects them on this board.

    Raises:
        KeyFileError: one is missing, or was protected elsewhere.
    """
    from appliance.records.keys import load_box_keys

    return load_box_keys(config.paths.keys, vault_of(config.protection))


def vault_of(protection: Protection) -> "Vault | None":
    """What protects the box's secrets on this board; None: files.

    Raises:
        KeyFileError: the board's key cannot be read.
    """
    from appliance.records.vault import BoardVault, TpmVault

    if protection.keys is KeyTier.TPM:
        return TpmVault(protection.tpm)
    if protection.board_key is not None:  # keys = board, as `Protection` has it
        return BoardVault.of_file(protection.board_key)
    return None


def sealing_key(config: Config) -> "PrivateKey":
    """What opens that which is sealed to this box; never made here.

    Raises:
        KeyFileError: it was protected elsewhere, or cannot be read.
        CannotStart: this box has no keys yet.
    """
    if not (config.paths.keys / "sealing.pub").exists():
        raise CannotStart(f"{config.paths.keys} holds no keys yet: they are made at the box's first start.")
    return box_keys(config).sealing


def open_journal(config: Config, *, begin: bool = True) -> "Journal":
    """The box's journal; one process at a time has it. Whoever only looks does not `begin` one.

    Raises:
        CannotStart: a key is missing, or the journal cannot be opened.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.book import must_exist
    from appliance.records.counter import TpmCounter
    from appliance.records.errors import StorageError
    from appliance.records.journal import Journal
    from appliance.records.keys import load_central_keys

    central, path = config.central, (config.paths.outbox or config.paths.data) / "journal.db"
    old = config.paths.data / "journal.db"
    if old != path and old.exists() and not path.exists():
        raise CannotStart(f"The journal still lies at {old}; move it, and what begins like it, to {path}.")
    try:
        if not begin:
            must_exist(path)
        return Journal.open(
            path,
            keys=box_keys(config),
            central=load_central_keys(
                central.sealing_key,
                central.watermark_key,
                central.operator_key,
                central.authority_key,
                central.support_key,
            ),
            device=config.box.device,
            begin=begin,
            steps=config.paths.data / "steps.db",
            counter=TpmCounter(config.protection.tpm) if config.protection.counter else None,
        )
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def trust_folder(config: Config) -> "TrustFolder":
    """The trust store in the data folder; production refuses one that trusts the simulator's authority.

    Raises:
        CannotStart: it does.
    """
    from appliance.reference_data.trust_folder import TrustFolder, TrustUnavailable

    folder = TrustFolder(config.paths.data / "trust")
    try:
        store = folder.store()
    except TrustUnavailable as error:
        log.error("%s", error)  # noqa: TRY400 - the box works without it, and every check says so
        return folder
    if config.box.profile is Profile.PRODUCTION and _trusts_the_simulator(store):
        raise CannotStart(
            "The trust store holds the simulator's authority, which the production profile refuses; "
            f"remove {config.paths.data / 'trust'} and import a real list."
        )
    return folder


def _trusts_the_simulator(store: "TrustStore") -> bool:
    return any(
        SIMULATED_AUTHORITY in (value for _, value in one.subject.attributes)
        for one in store.all_authorities()
    )


def officers_book(config: Config) -> "Officers":
    """Who works at this box.

    Raises:
        CannotStart: the key that the book is encrypted under is missing.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.officers import Officers

    try:
        storage = box_keys(config).storage
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
    return Officers(config.paths.data, storage)


def appointing_key(config: Config) -> "VerifyKey | None":
    """Who appoints supervisors: the key that signed this box's answer, beside central's others. None where
    the box was not enrolled, or by a version that did not keep it: then nobody is appointed.

    Raises:
        CannotStart: the file is there and is no key.
    """
    from nacl.signing import VerifyKey

    from appliance.contracts.provisioning import PROVISIONING_KEY
    from appliance.key_files import KeyFileError, read_key

    path = config.central.watermark_key.with_name(PROVISIONING_KEY)
    if not path.exists():
        return None
    try:
        return read_key(path, VerifyKey)
    except KeyFileError as error:
        raise CannotStart(str(error)) from error


def open_memory(config: Config, *, pair_days: float) -> "tuple[Memory, Enrolments]":
    """What the box remembers of its last crossings, and the fingers of those who crossed.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.enrolment import Enrolments
    from appliance.records.memory import Memory

    data = config.paths.data
    memory = _opened(
        config, lambda storage: Memory.open(data / "memory.db", storage=storage, pair_days=pair_days)
    )
    try:
        return memory, _opened(
            config, lambda storage: Enrolments.open(data / "enrolments.db", storage=storage)
        )
    except CannotStart:
        memory.close()
        raise


def open_book(config: Config) -> "Book":
    """The box's own statistics of its last weeks.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.statistics.book import Book

    return _opened(config, lambda storage: Book.open(config.paths.data / "statistics.db", storage=storage))


def open_history(config: Config) -> "History":
    """Which document crossed here when.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.history import History

    return _opened(config, lambda storage: History.open(config.paths.data / "history.db", storage=storage))


def open_expected(config: Config) -> "Expected":
    """Who is expected, of the advance lists.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.expected import Expected

    return _opened(config, lambda storage: Expected.open(config.paths.data / "expected.db", storage=storage))


def open_cases(config: Config) -> "Cases":
    """What waits for the second line.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.cases import Cases

    return _opened(config, lambda storage: Cases.open(config.paths.data / "cases.db", storage=storage))


def of_post(config: Config) -> PostNetwork | None:
    """The post that this box belongs to; None where it stands alone, or has had none of its post's papers
    yet: `device.toml` names the post before the post's authority can know the box's keys."""
    from appliance.post.index_keys import FILE

    post = config.post
    if post is None:
        return None
    papers = (post.ca, post.certificate, post.key, post.members, config.paths.keys / FILE)
    if any(path.exists() for path in papers):
        return post
    log.warning("[post] names a post, whose papers have not come yet (`borne post`): this box stands alone.")
    return None


def open_visas(config: Config) -> "Visas":
    """Visas on arrival, and the blank labels that were used.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.records.visas import Visas

    return _opened(config, lambda storage: Visas.open(config.paths.data / "visas.db", storage=storage))


def post_keys(config: Config) -> "PostKeys | None":
    """What lane makes and opens the post's items with; None where the box stands alone.

    Raises:
        CannotStart: a key is missing; `borne post install` brings post-index.key.
    """
    from appliance.key_files import KeyFileError
    from appliance.post.index_keys import FILE, IndexKeys
    from appliance.post.members import Members
    from appliance.services.lane.second_line.post_desk import PostKeys

    post = of_post(config)
    if post is None:
        return None
    try:
        own = box_keys(config)
        return PostKeys(
            device=config.box.device,
            signing=own.signing,
            sealing=own.sealing,
            index=IndexKeys(config.paths.keys / FILE, vault_of(config.protection)),
            members=Members(post.members),
        )
    except KeyFileError as error:
        raise CannotStart(str(error)) from error


def _opened(config: Config, open_: "Callable[[SecretBox], Small]") -> "Small":
    """One of the small databases, under the storage key.

    Raises:
        CannotStart: a key is missing, or the disk does not let us.
    """
    from appliance.key_files import KeyFileError
    from appliance.records.errors import StorageError

    try:
        return open_(box_keys(config).storage)
    except (KeyFileError, StorageError) as error:
        raise CannotStart(str(error)) from error


def gateway_keys(config: Config) -> "GatewayKeys | None":
    """The keys for live queries; none when no gateway is configured.

    Raises:
        CannotStart: a key is missing, or only one of the two is configured.
    """
    from nacl.public import PublicKey
    from nacl.signing import VerifyKey

    from appliance.key_files import KeyFileError, read_key
    from appliance.services.lane.live import GatewayKeys

    central = config.central
    if central.gateway_sealing_key is None and central.gateway_signing_key is None:
        return None
    if central.gateway_sealing_key is None or central.gateway_signing_key is None:
        raise CannotStart("Live queries need both gateway_sealing_key and gateway_signing_key in [central].")
    try:
        own = box_keys(config)
        return GatewayKeys(
            sealing=own.sealing,
            gateway_sealing=read_key(central.gateway_sealing_key, PublicKey),
            gateway_signing=read_key(central.gateway_signing_key, VerifyKey),
        )
    except KeyFileError as error:
        raise CannotStart(str(error)) from error
