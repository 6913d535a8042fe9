import asyncio

import pytest

from appliance.services.lane.button import Button, ButtonEvent, Offer


def test_ok_a_press_answers_the_offer():
    async def main():
        button = Button()
        answer = button.stand(Offer(press="admit", hold="refer"))
        assert button.happened(ButtonEvent.HOLD, seen=True)
        return await answer

    assert asyncio.run(main()) == "refer"


def test_ok_only_the_first_event_counts():
    async def main():
        button = Button()
        answer = button.stand(Offer(press="admit", hold="refer"))
        assert button.happened(ButtonEvent.PRESS, seen=True)
        assert not button.happened(ButtonEvent.HOLD, seen=True)
        return await answer

    assert asyncio.run(main()) == "admit"


@pytest.mark.parametrize("offer", [None, Offer(), Offer(hold="refer")])
def test_fail_a_press_without_an_offer_does_nothing(offer):
    async def main():
        button = Button()
        if offer is not None:
            button.stand(offer)
        return button.happened(ButtonEvent.PRESS, seen=True)

    assert asyncio.run(main()) is False


def test_fail_the_panel_does_not_count_before_the_officer_could_look():
    async def main():
        button = Button()
        button.stand(Offer(press="admit"), look_first=60)
        blind = button.happened(ButtonEvent.PRESS, seen=False)
        seen = button.happened(ButtonEvent.PRESS, seen=True)
        return blind, seen

    assert asyncio.run(main()) == (False, True)


def test_fail_a_withdrawn_offer_is_gone():
    async def main():
        button = Button()
        button.stand(Offer(press="start"))
        button.withdraw()
        return button.happened(ButtonEvent.PRESS, seen=True)

    assert asyncio.run(main()) is False


def test_fail_a_press_on_an_offer_that_news_has_overtaken_does_nothing():
    """Whoever waits has not come to withdraw it yet: the officer saw the screen of before."""

    async def main():
        button, news = Button(), asyncio.Event()
        answer = button.stand(Offer(press="admit", hold="refer"), outdated=news.is_set)
        news.set()
        taken = [button.happened(event, seen=True) for event in ButtonEvent] + [button.answer("release")]
        news.clear()
        return taken, button.happened(ButtonEvent.PRESS, seen=True), await answer

    assert asyncio.run(main()) == ([False, False, False], True, "admit")
