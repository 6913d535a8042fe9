"""SELECT and READ BINARY (ICAO Doc 9303-10, 3.6): one elementary file, whole, in blocks."""

from collections.abc import Callable

from appliance.chip.channel import Channel
from appliance.chip.errors import FileAbsent, FileError, NotAnEmrtd
from appliance.secure_messaging.apdu import MAX_SHORT_LE, Command, Ins, Response, Status
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import LimitExceeded, Malformed
from appliance.travel_document.lds.files import EMRTD_APPLICATION, MASTER_FILE, ElementaryFile

MAX_FILE_BYTES = 65_535
"""Offsets have 16 bits; the largest honest files (fingerprints) take about 32 kB."""
MAX_CHUNKS = 1_024
"""A whole file in blocks of 64 bytes; a chip that gives one byte a time is not worth hours."""
MAX_EVEN_OFFSET = 0x7FFF
"""READ BINARY with P1-P2 as offset has 15 bits for it."""
BY_SHORT_ID = 0x80
"""The bit in P1 that makes the rest of it a short EF identifier."""

DO_OFFSET = 0x54
DO_DATA = 0x53

SELECT_BY_NAME = 0x04
SELECT_EF = 0x02
SELECT_MF = 0x00
SELECT_PATH = 0x08
"""By the path from the master file, which is left out of it."""
NO_FCI = 0x0C
"""No answer asked for, hence no Le: German documents refuse a SELECT that has one."""

ChunkRead = Callable[[int, int], None]
"""Told (bytes so far, bytes in all) after every block."""


def select_application(channel: Channel) -> None:
    """Select the eMRTD application."""
    answer = channel.send(Command(0x00, Ins.SELECT, SELECT_BY_NAME, NO_FCI, EMRTD_APPLICATION))
    if not answer.ok:
        raise NotAnEmrtd(f"This chip has no eMRTD application (status {answer.status:04X}).")


def select_master_file(channel: Channel) -> bool:
    """Select the master file; some chips are in it already and refuse, which is no error."""
    return channel.send(Command(0x00, Ins.SELECT, SELECT_MF, NO_FCI, MASTER_FILE.to_bytes(2))).ok


def select_file(channel: Channel, file: ElementaryFile) -> None:
    """Select one file of the current application.

    Raises:
        FileAbsent, FileError: the chip says that it has none, or will not select it.
    """
    _select(channel, file, SELECT_EF)


def select_by_path(channel: Channel, file: ElementaryFile) -> None:
    """Select a file of the master file, wherever in the tree the chip is; the same errors."""
    _select(channel, file, SELECT_PATH)


def _select(channel: Channel, file: ElementaryFile, how: int) -> None:
    answer = channel.send(Command(0x00, Ins.SELECT, how, NO_FCI, file.file_id.to_bytes(2)))
    if answer.status == Status.FILE_NOT_FOUND:
        raise FileAbsent(file.name, answer.status)
    if not answer.ok:
        raise FileError(file.name, answer.status)


def first_block_command(file: ElementaryFile, count: int) -> Command:
    """READ BINARY that selects by the short identifier: the first block, and the file is the current one."""
    return Command(0x00, Ins.READ_BINARY, BY_SHORT_ID | file.short_id, 0, le=count)


def read_by_short_id(
    channel: Channel, file: ElementaryFile, *, block_bytes: int, progress: ChunkRead | None = None
) -> bytes:
    """The file's content, selected and begun by one command.

    Raises:
        FileAbsent, FileError, LimitExceeded, Malformed: as `read_selected`.
    """
    answer = channel.send(first_block_command(file, block_bytes))
    return continue_file(channel, file, answer, block_bytes=block_bytes, progress=progress)


def read_selected(
    channel: Channel, file: ElementaryFile, *, block_bytes: int, progress: ChunkRead | None = None
) -> bytes:
    """The selected file's content, as long as its own header says.

    Raises:
        FileError: the chip refuses to read.
        LimitExceeded: the file claims to be longer, or comes in smaller pieces, than is allowed.
        Malformed: it is not the file that was asked for, or it ends too early.
    """
    answer = channel.send(Command(0x00, Ins.READ_BINARY, 0, 0, le=block_bytes))
    return continue_file(channel, file, answer, block_bytes=block_bytes, progress=progress)


def continue_file(
    channel: Channel,
    file: ElementaryFile,
    answer: Response,
    *,
    block_bytes: int,
    progress: ChunkRead | None = None,
) -> bytes:
    """The whole file, of which `answer` brought the first block."""
    if answer.status == Status.FILE_NOT_FOUND:
        raise FileAbsent(file.name, answer.status)
    first = _data(file, answer)
    if not 0 < len(first) <= block_bytes:
        raise Malformed(
            f"The chip gave {len(first)} bytes of EF.{file.name} where {block_bytes} were asked for."
        )
    header = tlv.read_header(first)
    if header.tag != file.tag:
        raise Malformed(f"EF.{file.name} does not begin with its tag {file.tag:02X}.")
    total = header.size + header.length
    if total > MAX_FILE_BYTES:
        raise LimitExceeded(f"EF.{file.name} claims {total} bytes; {MAX_FILE_BYTES} are the most.")
    content = bytearray(first)
    for _ in range(MAX_CHUNKS):
        if progress is not None:
            progress(min(len(content), total), total)
        if len(content) >= total:
            return bytes(content[:total])
        content += _read_block(channel, file, len(content), min(block_bytes, total - len(content)))
    raise LimitExceeded(f"EF.{file.name} comes in more than {MAX_CHUNKS} pieces.")


def read_whole(channel: Channel, file: ElementaryFile) -> bytes:
    """One short file without a tag of its own, as far as one command goes; nothing where it is refused."""
    answer = channel.send(first_block_command(file, MAX_SHORT_LE))
    return answer.data if answer.ok or answer.status == Status.END_OF_FILE else b""


def _read_block(channel: Channel, file: ElementaryFile, offset: int, count: int) -> bytes:
    if offset <= MAX_EVEN_OFFSET:
        answer = channel.send(Command(0x00, Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=count))
        data = _data(file, answer)
    else:
        answer = channel.send(
            Command(
                0x00,
                Ins.READ_BINARY_ODD,
                0,
                0,
                tlv.encode(DO_OFFSET, offset.to_bytes(2)),
                len(tlv.encode(DO_DATA, bytes(count))),
            )
        )
        data = tlv.decode_one(_data(file, answer), DO_DATA).value
    if not 0 < len(data) <= count:
        raise Malformed(f"The chip gave {len(data)} bytes of EF.{file.name} where {count} were asked for.")
    return data


def _data(file: ElementaryFile, answer: Response) -> bytes:
    # A warning that the end was reached still carries what there was before it.
    if answer.ok or (answer.status == Status.END_OF_FILE and answer.data):
        return answer.data
    raise FileError(file.name, answer.status)
