"""From the arrival of an order or a trade until what follows from it is stored."""

import time

import pytest

from actors.latencies import Latencies
from tests.actors.test_broker import Desk
from tests.domain.paper import D, order


class Seen:
    """Keeps what was measured, in order."""

    def __init__(self):
        self.orders, self.stops = [], []

    def order_durable(self, seconds):
        self.orders.append(seconds)

    def stop_durable(self, seconds):
        self.stops.append(seconds)


@pytest.fixture
def seen():
    return Seen()


def document(name, kind="fill", **more):
    return {"_id": name, "type": kind, "symbol": "BTCUSDT", **more}


def stop(name, *, catch_up=False, reason="stop_loss"):
    return document(name, reason=reason, fill={"catch_up": catch_up})


def test_an_order_is_measured_once_from_its_arrival(seen):
    latencies = Latencies(seen)
    latencies.made([document("order:a", "order")], time.monotonic() - 2)
    latencies.stored([document("order:a", "order"), document("other")])
    latencies.stored([document("order:a", "order")])
    assert seen.orders == pytest.approx([2], abs=0.5)
    assert seen.stops == []


def test_a_stop_is_measured_from_the_trade_that_reached_it_whatever_comes_before_its_book(seen):
    latencies, now = Latencies(seen), time.monotonic()
    latencies.traded("BTCUSDT", now - 5)
    latencies.waits("BTCUSDT", True)
    latencies.traded("BTCUSDT", now - 1)  # while it waits for its book
    latencies.waits("BTCUSDT", True)
    latencies.made([stop("fill:s:1")], now)
    latencies.waits("BTCUSDT", False)
    latencies.traded("BTCUSDT", now)  # before the fill is stored
    latencies.stored([stop("fill:s:1")])
    assert seen.stops == pytest.approx([5], abs=0.5)


def test_targets_catch_up_and_stops_without_a_trade_are_not_measured(seen):
    latencies = Latencies(seen)
    latencies.made([stop("fill:early:1")], time.monotonic())  # nothing traded since the start
    latencies.traded("BTCUSDT", time.monotonic())
    documents = [stop("fill:a:1", catch_up=True), stop("fill:b:1", reason="take_profit"), document("c", "control")]
    latencies.made(documents, time.monotonic())
    latencies.stored([stop("fill:early:1"), *documents])
    assert seen.stops == seen.orders == []


def test_the_broker_measures_its_orders_and_stops(peers, clock, timers, seen):
    desk = Desk(peers, clock, timers, measures=seen)
    desk.open_long(stop_loss=D(99))
    assert len(seen.orders) == 1
    assert 0 <= seen.orders[0] < 5
    desk.trade(1, 98, 300)
    assert seen.stops == []  # it waits for its book
    desk.book(400, update_id=3)
    assert len(seen.stops) == 1
    assert 0 < seen.stops[0] < 5


def test_a_refused_order_is_not_measured(peers, clock, timers, seen):
    desk = Desk(peers, clock, timers, measures=seen)
    desk.tell(order(quantity=D(-1)))
    assert seen.orders == []
