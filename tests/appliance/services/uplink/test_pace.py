"""Rate and backoff, with a clock of the test's own."""

from appliance.services.uplink.pace import MAX_BACKOFF_SECONDS, Again, Backoff, Patience, Rate, Said, Window


class Hands:
    """A clock that the test turns."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ok_without_a_rate_all_may_go() -> None:
    rate = Rate(Hands())
    rate.spend(10_000)
    assert rate.allowed(64) == 64


def test_ok_a_rate_is_kept_over_time() -> None:
    hands = Hands()
    rate = Rate(hands)
    rate.set(10.0)
    gone = 0
    for _ in range(1000):
        hands.now += 0.05
        allowed = rate.allowed(64)
        rate.spend(allowed)
        gone += allowed
    assert 498 <= gone <= 502  # 50 seconds


def test_ok_a_pause_is_not_made_up_for() -> None:
    hands = Hands()
    rate = Rate(hands)
    rate.set(10.0)
    hands.now += 3600
    assert rate.allowed(64) == 10


def test_ok_slower_than_one_a_second() -> None:
    hands = Hands()
    rate = Rate(hands)
    rate.set(0.1)
    assert rate.allowed(64) == 1
    rate.spend(1)
    hands.now += 9.0
    assert rate.allowed(64) == 0
    rate.set(0.1)  # the same order again is no new one
    hands.now += 1.5
    assert rate.allowed(64) == 1


def test_ok_alerts_are_never_held_back_and_history_pays() -> None:
    hands = Hands()
    rate = Rate(hands)
    rate.set(10.0)
    rate.spend(21)  # alerts
    assert rate.allowed(64) == 0
    hands.now += 1.0
    assert rate.allowed(64) == 0
    hands.now += 2.0
    assert rate.allowed(64) > 0
    rate.set(None)
    assert rate.allowed(64) == 64


def test_ok_thousands_of_boxes_come_back_at_different_moments() -> None:
    """After one outage: in no tenth of the first wait more than a fifth of them."""
    waits = sorted(Backoff(2.0).next() for _ in range(2000))
    assert 0.2 <= waits[0] <= waits[-1] <= 2.0
    for tenth in range(10):
        within = sum(0.2 * tenth <= wait < 0.2 * (tenth + 1) for wait in waits)
        assert within < 400


def test_ok_waits_double_to_a_minute_and_begin_again() -> None:
    backoff = Backoff(1.0)
    waits = [backoff.next() for _ in range(20)]
    assert all(wait <= min(2.0**number, MAX_BACKOFF_SECONDS) for number, wait in enumerate(waits))
    assert max(Backoff(1.0).next() for _ in range(20)) <= 1.0
    assert max(waits[10:]) > 10
    backoff.reset()
    assert backoff.next() <= 1.0


def through(window: Window, *, central: float, round_trip: float, seconds: float) -> float:
    """A central of this speed behind a line of this round trip; the records a second that came of it."""
    done, took = 0, 0.0
    while took < seconds:
        step = max(round_trip, window.records / central)  # one window, there and back
        took += step
        done += window.records
        window.committed(window.records, after=step, under_way=window.records)
    return done / took


def test_ok_the_window_grows_until_central_is_the_limit() -> None:
    window = Window(16, 1024, 2.0, first=64)
    through(window, central=2000.0, round_trip=0.3, seconds=20)
    assert window.records == 1024
    assert through(window, central=2000.0, round_trip=0.3, seconds=20) > 1900


def test_ok_behind_a_slow_central_no_more_than_its_two_seconds_are_under_way() -> None:
    window = Window(16, 1024, 2.0, first=64)
    through(window, central=120.0, round_trip=0.05, seconds=60)
    assert window.records <= 260
    assert through(window, central=120.0, round_trip=0.05, seconds=60) > 110


def test_ok_a_crowd_at_a_slow_central_has_no_more_under_way_than_it_commits_in_time() -> None:
    """44 boxes at a central that commits 80 records a second: the least window, there in nine seconds."""
    window = Window(16, 1024, 2.0, first=64)
    through(window, central=80.0 / 44, round_trip=0.05, seconds=300)
    assert window.records == 16


def test_ok_a_window_that_is_not_used_stays() -> None:
    window = Window(16, 1024, 2.0, first=600)
    window.committed(1000, after=1.0, under_way=3)
    assert window.records == 600


def test_ok_patience_follows_how_long_central_usually_takes() -> None:
    patience = Patience(2.0)
    assert patience.seconds == 2.0
    for _ in range(30):
        patience.heard(3.0)
    assert 11.5 < patience.seconds <= 12.0
    for _ in range(30):
        patience.heard(0.05)
    assert patience.seconds == 2.0


def test_ok_the_first_word_says_how_long_central_takes() -> None:
    patience = Patience(2.0)
    patience.heard(10.0)
    assert patience.seconds == 40.0


def test_ok_patience_learns_nothing_from_what_was_lost() -> None:
    patience = Patience(2.0)
    for _ in range(10):
        patience.lost()
        patience.heard(None)
    assert patience.seconds == 2.0


def test_ok_patience_doubles_while_central_is_silent() -> None:
    patience = Patience(2.0)
    seen = []
    for _ in range(10):
        seen.append(patience.seconds)
        patience.lost()
    assert seen[:7] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0]
    assert seen[-1] == 120.0
    patience.heard(0.1)
    assert patience.seconds == 2.0


def test_ok_few_are_sent_again_to_who_is_only_slow() -> None:
    again = Again(16, 1024)
    for _ in range(10):  # silence says nothing of what was lost
        again.sent(16, under_way=64)
    assert again.records == 16
    assert again.heard(64) is Said.HAD
    assert again.records == 16


def test_ok_ever_more_are_sent_again_to_who_has_nothing_else() -> None:
    again, reached, sent = Again(16, 1024), 0, []
    while reached < 1000:
        sent.append(min(again.records, 1000 - reached))
        reached += sent[-1]
        again.sent(reached, under_way=1024)
        assert again.heard(reached) is Said.LACKED
    assert sent == [16, 32, 64, 128, 256, 504]
    assert again.heard(2000) is Said.HAD  # what was not sent again says nothing
    again.sent(2016, under_way=2100)
    assert again.heard(2100) is Said.HAD
    assert again.records == 16


def test_ok_when_all_was_sent_again_nobody_knows_which_of_the_two_arrived() -> None:
    again = Again(16, 1024)
    again.sent(16, under_way=16)
    assert again.heard(16) is Said.UNKNOWN
    assert again.records == 16


def test_ok_what_central_names_was_lost_however_far_it_then_has_them() -> None:
    again = Again(16, 1024)
    again.sent(20, under_way=500, named=True)
    assert again.heard(500) is Said.LACKED
