import asyncio
import threading
import time

from appliance.services.capture.guidance_board import GuidanceBoard


def test_ok_a_reader_gets_what_stands_there_already() -> None:
    board = GuidanceBoard()
    board.say("come_closer")
    word = asyncio.run(board.newer_than(0, 5.0))
    assert (word.looking, word.instruction) == (True, "come_closer")
    assert board.now is word


def test_ok_a_reader_waits_for_a_word_from_another_thread() -> None:
    board = GuidanceBoard()

    async def main() -> tuple[str | None, float]:
        threading.Timer(0.2, lambda: board.say("hold_still")).start()
        began = time.monotonic()
        word = await board.newer_than(board.now.revision, 10.0)
        return word.instruction, time.monotonic() - began

    said, seconds = asyncio.run(main())
    assert said == "hold_still"
    assert seconds < 5


def test_ok_after_its_time_a_reader_gets_the_old_word_and_waits_no_more() -> None:
    board = GuidanceBoard()
    word = asyncio.run(board.newer_than(board.now.revision, 0.05))
    assert word == board.now
    assert board._waiting == []


def test_ok_the_same_word_again_is_nothing_new() -> None:
    board = GuidanceBoard()
    board.say("hold_still")
    revision = board.now.revision
    board.say("hold_still")
    assert board.now.revision == revision
    board.say(None)
    board.say(None, looking=False)
    assert board.now.revision == revision + 2


def test_ok_a_reader_whose_loop_has_ended_is_forgotten() -> None:
    board = GuidanceBoard()

    async def leave() -> None:
        asyncio.ensure_future(board.newer_than(board.now.revision, 60.0))
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    board.say("open_eyes")
    assert board.now.instruction == "open_eyes"
