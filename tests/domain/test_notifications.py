"""What people are told: sentences, the limit of a minute, the sum of what is over it, waiting and trying again."""

from collections import Counter
from decimal import Decimal as D

import pytest

from domain.market import Source
from domain.notifications import (
    ALERT,
    EXIT,
    FILL,
    KEEP_MS,
    LONGEST,
    WAITING,
    Notice,
    Outbox,
    closed_by,
    compose,
    of_trade,
)
from domain.trading import Reason, Side
from tests.actors.hub_world import NOW, closed, trade

LIVE = Source.BINANCE


def notice(number=1, kind=FILL, at_ms=NOW):
    return Notice(kind=kind, text=f"event {number}", at_ms=at_ms)


def filled(box, count, at_ms=NOW):
    for number in range(count):
        box.add(notice(number, at_ms=at_ms))
    return box


def test_an_entry_says_what_was_bought_for_how_much_and_by_whom():
    told = of_trade(trade(4, "manual:1"), None)
    assert told.kind == FILL
    assert told.text == "Bought 0.01 BTCUSDT at 64000 (manual, manual), fee 0.64 USDT"


def test_an_exit_says_what_it_earned_after_fees():
    sold = trade(4, "take_profit:BTCUSDT:2", side=Side.SELL, reason=Reason.TAKE_PROFIT, catch_up=True)
    told = of_trade(sold, closed(4, reason=Reason.TAKE_PROFIT))
    assert told.kind == EXIT
    assert told.text == "Closed long 0.01 BTCUSDT at 65000 (take_profit): +8.71 USDT after fees, in catch-up"


def test_an_exit_is_found_among_the_recent_closed_trades():
    sold = trade(4, "x", side=Side.SELL, realized_pnl=D(10), ts_ms=NOW + 4)
    assert closed_by(sold, (closed(3), closed(4))) == closed(4)
    assert closed_by(trade(5, "y", ts_ms=NOW + 5), (closed(3), closed(4))) is None


def test_one_event_is_told_as_it_is():
    message = compose([notice(7)], Counter(), LIVE)
    assert (message.text, message.left_out) == ("Quorum: event 7", 0)


@pytest.mark.parametrize(
    ("source", "head"), [(Source.SIMULATED, "simulated prices"), (Source.RECORDED, "recorded prices")]
)
def test_prices_that_are_not_real_are_said_to_be_so(source, head):
    assert compose([notice()], Counter(), source).text == f"Quorum ({head}): event 1"


def test_several_events_are_summed_up_with_the_newest_ten_of_them():
    notices = [notice(number) for number in range(11)] + [notice(11, kind=ALERT)]
    lines = compose(notices, Counter({FILL: 5}), LIVE).text.split("\n")
    assert lines[0] == "Quorum: 17 events: 1 alert, 16 fills"
    assert lines[1] == "00:00:00 event 2"
    assert lines[10:] == ["00:00:00 event 11", "and 7 before these"]


def test_a_message_is_never_longer_than_a_channel_takes():
    assert len(compose([Notice(kind=ALERT, text="x" * 9000, at_ms=NOW)], Counter(), LIVE).text) == LONGEST


def test_a_first_event_goes_at_once_and_those_of_the_meantime_go_together():
    box = filled(Outbox(10), 1)
    assert box.take(NOW, LIVE).text == "Quorum: event 0"
    filled(box, 3)
    assert box.take(NOW, LIVE) is None  # one is on its way
    box.settled()
    assert len(box.take(NOW, LIVE).notices) == 3


def test_what_is_over_the_limit_of_a_minute_waits_and_is_summed_up_in_one_message():
    box = Outbox(2)
    for at_ms in (NOW, NOW + 1000):
        filled(box, 1)
        assert box.take(at_ms, LIVE) is not None
        box.settled()
    filled(box, 5)
    assert box.take(NOW + 2000, LIVE) is None
    assert box.due_ms(NOW + 2000) == NOW + 60_000
    assert box.take(NOW + 59_999, LIVE) is None
    assert len(box.take(NOW + 60_000, LIVE).notices) == 5
    box.settled()
    filled(box, 1)
    assert box.due_ms(NOW + 60_000) == NOW + 61_000  # two in any minute


def test_a_lower_limit_holds_at_once():
    box = Outbox(3)
    for at_ms in (NOW, NOW + 1000, NOW + 2000):
        filled(box, 1)
        box.take(at_ms, LIVE)
        box.settled()
    box.per_minute = 1
    filled(box, 1)
    assert box.due_ms(NOW + 3000) == NOW + 62_000


def test_of_a_flood_the_newest_keep_their_text_and_all_are_counted():
    box = Outbox(1)
    lost = sum(box.add(notice(number)) for number in range(WAITING + 50))
    assert (lost, len(box)) == (50, WAITING)
    message = box.take(NOW, LIVE)
    assert message.left_out == 50
    assert message.text.startswith(f"Quorum: {WAITING + 50} events: {WAITING + 50} fills\n")


def test_what_failed_waits_longer_each_time_and_takes_along_what_came_since():
    box, now_ms, waits = filled(Outbox(1000), 1), NOW, []
    for _ in range(9):
        box.take(now_ms, LIVE)
        box.put_off(now_ms, None)
        waits.append(box.due_ms(now_ms) - now_ms)
        now_ms += waits[-1]
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]
    filled(box, 1)
    assert [each.text for each in box.take(now_ms, LIVE).notices] == ["event 0", "event 0"]
    box.settled()
    filled(box, 1)
    box.take(now_ms, LIVE)
    box.put_off(now_ms, None)
    assert box.due_ms(now_ms) == now_ms + 1000  # it begins anew


@pytest.mark.parametrize(("asked_ms", "waits_ms"), [(5000, 5000), (10, 1000), (10**9, 3_600_000)])
def test_it_waits_as_long_as_it_is_asked_to_within_reason(asked_ms, waits_ms):
    box = filled(Outbox(1000), 1)
    box.take(NOW, LIVE)
    box.put_off(NOW, asked_ms)
    assert box.due_ms(NOW) == NOW + waits_ms


def test_tries_that_failed_count_for_the_limit():
    box = filled(Outbox(1), 1)
    box.take(NOW, LIVE)
    box.put_off(NOW, None)
    assert box.due_ms(NOW) == NOW + 60_000


def test_what_nobody_took_for_an_hour_is_forgotten():
    box = filled(Outbox(1), 2)
    box.add(notice(3, at_ms=NOW + 5))
    assert box.expire(NOW + KEEP_MS) == 0
    assert box.expire(NOW + KEEP_MS + 1) == 2
    assert [each.text for each in box.take(NOW + KEEP_MS + 1, LIVE).notices] == ["event 3"]


def test_the_last_message_heeds_no_limit():
    box = Outbox(1)
    assert box.last(NOW, LIVE) is None
    filled(box, 1).take(NOW, LIVE)
    box.settled()
    assert len(filled(box, 2).last(NOW, LIVE).notices) == 2
