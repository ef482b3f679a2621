"""A group of streams on one connection and its successors, against the simulated exchange."""

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import gevent
import msgspec
import pytest

from adapters.binance_streams import CONNECTIONS, Down, StreamGroup
from adapters.pace import Pace
from sim.faults import Fault
from sim.world import World
from tests.adapters.waiting import eventually

TRADES, ETHER = "btcusdt@depth20@100ms", "ethusdt@depth20@100ms"


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=6) as running:
        yield running


class Group:
    """A group under test and what it told."""

    def __init__(self, world: World, streams: tuple[str, ...] = (TRADES,), urls: tuple[str, ...] = (), **options):
        self.frames: Counter[str] = Counter()
        self.downs: list[Down] = []
        self.ups = 0
        self.group = StreamGroup(
            urls=urls or (world.stream_url,),
            streams=streams,
            on_data=self.take,
            on_up=self.up,
            on_down=self.downs.append,
            judge=lambda: None,
            random=Random(1),
            **({"silence_seconds": 5.0} | options),
        )

    def take(self, stream: str, data: msgspec.Raw) -> None:
        self.frames[stream] += 1

    def up(self) -> None:
        self.ups += 1


@pytest.fixture
def group(world: World) -> Iterator[Callable[..., Group]]:
    made: list[Group] = []

    def start(*arguments, **options) -> Group:
        made.append(Group(world, *arguments, **options))
        made[-1].group.start()
        return made[-1]

    yield start
    for each in made:
        each.group.stop()


def test_streams_are_added_and_let_go_on_a_connection_that_stands(world: World, group):
    made = group()
    eventually(lambda: made.frames[TRADES] > 3)
    made.group.follow((TRADES, ETHER))
    eventually(lambda: made.frames[ETHER] > 3)
    made.group.follow((ETHER,))
    gone = made.frames[TRADES]
    eventually(lambda: made.frames[ETHER] > 15)
    assert made.frames[TRADES] <= gone + 5
    assert (made.ups, made.downs) == (1, [])  # it is the same connection
    (session,) = world.streams._sessions
    assert session.streams == [ETHER]


def test_many_changes_keep_the_pace_that_the_exchange_allows(world: World, group):
    made = group()
    eventually(lambda: made.frames[TRADES] > 3)
    for number in range(12):  # each would be a message of its own
        made.group.follow((TRADES, f"s{number}usdt@trade"))
        gevent.sleep(0.11)
    made.group.follow((TRADES, ETHER))
    eventually(lambda: made.frames[ETHER] > 3, 30)
    assert made.downs == []  # Binance cuts who sends more than five a second


def test_a_lost_connection_comes_back_with_what_is_followed_now(world: World, group):
    made = group()
    eventually(lambda: made.frames[TRADES] > 3)
    made.group.follow((TRADES, ETHER))
    eventually(lambda: made.frames[ETHER] > 3)
    world.faults.add(Fault(kind="drop", on="stream"))
    eventually(lambda: made.ups == 2)
    known = made.frames[ETHER]
    eventually(lambda: made.frames[ETHER] > known + 3)


def test_more_streams_than_a_connection_may_carry_are_refused(world: World, group):
    with pytest.raises(ValueError, match="at most 200 streams, was 201"):
        group().group.follow(tuple(f"s{number}usdt@trade" for number in range(201)))


def test_an_announced_shutdown_is_answered_by_a_new_connection_without_a_break(world: World, group):
    made = group()
    eventually(lambda: made.frames[TRADES] > 3)
    (old,) = world.streams._sessions
    world.faults.add(Fault(kind="shutdown", on="stream", seconds=2))
    eventually(lambda: old not in world.streams._sessions)
    known = made.frames[TRADES]
    eventually(lambda: made.frames[TRADES] > known + 3)
    assert (made.ups, made.downs) == (1, [])


def test_a_flapping_exchange_is_not_asked_for_more_connections_than_allowed(world: World, group):
    pace = Pace(limit=4, seconds=60.0)
    made = group(connections=pace)
    for _ in range(4):
        ups = made.ups
        eventually(lambda ups=ups: made.ups > ups or len(made.downs) == 4)
        world.faults.add(Fault(kind="drop", on="stream"))
        eventually(lambda ups=ups: len(made.downs) > ups or len(made.downs) == 4)
    assert made.ups == 4
    assert made.downs[-1].retry_seconds > 30  # it says so
    assert CONNECTIONS < 300  # what Binance allows an address in five minutes


@pytest.mark.parametrize("status", [451, 403])
def test_an_address_that_does_not_want_us_is_left_at_once(world: World, group, status: int):
    with World(seed=6) as other:
        other.faults.add(Fault(kind="refuse", on="stream", status=status))
        made = group(urls=(other.stream_url, world.stream_url))
        eventually(lambda: made.ups)
        assert f"HTTP {status}" in made.downs[0].reason
        assert made.group.url == world.stream_url


def test_a_refused_connection_waits_as_long_as_the_exchange_asks(world: World, group):
    world.faults.add(Fault(kind="refuse", on="stream", status=429, retry_after=77))
    made = group()
    eventually(lambda: made.downs)
    assert made.downs[0].retry_seconds == 77
