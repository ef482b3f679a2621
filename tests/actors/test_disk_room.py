"""The database's disk is nearly full: no new risk, exits go on, and everybody is told."""

import pytest

from actors.broker import BrokerActor
from actors.disk_room import MIB, DiskRoom
from domain.market import Source
from domain.messages import Alerted, LedgerAdvanced, OrderAccepted, OrderFilled, OrderRefused
from domain.trading import Refusal
from settings import Settings
from tests.actors.test_broker import Desk
from tests.domain.paper import T0, close, order


class SmallDisk:
    """A disk with so many MiB left; None: it does not say."""

    def __init__(self, mib: int | None) -> None:
        self.mib = mib

    def free_bytes(self) -> int | None:
        return None if self.mib is None else self.mib * MIB


class DeskOnADisk(Desk):
    def __init__(self, *arguments, disk: SmallDisk, **named) -> None:
        self.disk = disk
        super().__init__(*arguments, **named)

    def start(self) -> None:
        self.peers.sent.clear()
        self.broker = BrokerActor.start(
            settings=Settings(),
            peers=self.peers,
            clock=self.clock,
            timers=self.timers,
            store=self.store,
            archive=self.archive,
            has_books=True,
            source=Source.SIMULATED,
            free_bytes=self.disk.free_bytes,
        )
        self.settle()


@pytest.fixture
def desk(peers, clock, timers):
    return DeskOnADisk(peers, clock, timers, disk=SmallDisk(5000))


def test_on_a_nearly_full_disk_new_risk_is_refused_and_an_exit_is_carried_out(desk):
    desk.open_long()
    desk.disk.mib = 1000
    desk.fire("room")
    desk.tell(order("late", submitted_ms=T0 + 200), close("out"), at_ms=200)
    desk.book(400, update_id=9)

    [refused] = desk.to("hub", OrderRefused)
    assert (refused.order_id, refused.code) == ("late", Refusal.LEDGER_UNAVAILABLE)
    assert refused.message.endswith("the database's disk must have 1024 MiB free, has 1000")
    assert desk.to("hub", OrderAccepted)[-1].order.order_id == "out"
    assert desk.to("hub", OrderFilled)[-1].order.order_id == "out"


def test_everybody_is_told_when_room_goes_and_when_it_comes(desk):
    desk.disk.mib = 1000
    desk.fire("room")
    desk.fire("room")
    assert [alert.code for alert in desk.to("hub", Alerted)] == ["disk_full"]
    told = desk.to("hub", LedgerAdvanced)[-1]
    assert (told.available, told.message) == (False, "the database's disk must have 1024 MiB free, has 1000")
    desk.open_long()
    assert not desk.to("hub", OrderAccepted)

    desk.disk.mib = 1100  # not enough to come back: a tenth more is
    desk.fire("room")
    assert desk.to("hub", LedgerAdvanced)[-1].available is False
    desk.disk.mib = 1200
    desk.fire("room")
    assert [alert.code for alert in desk.to("hub", Alerted)] == ["disk_full", "disk_has_room"]
    assert desk.to("hub", LedgerAdvanced)[-1].available is True


def test_what_is_stored_meanwhile_does_not_say_that_there_is_room(desk):
    desk.open_long()
    desk.disk.mib = 1000
    desk.fire("room")
    desk.tell(close("out"), at_ms=200)
    desk.book(400, update_id=9)
    assert desk.to("hub", LedgerAdvanced)[-1].available is False


def test_a_broker_that_starts_on_a_full_disk_says_so_to_who_asks(peers, clock, timers):
    desk = DeskOnADisk(peers, clock, timers, disk=SmallDisk(10), live=False)
    told = desk.to("hub", LedgerAdvanced)
    assert [each.available for each in told] == [False] * len(told)
    assert "has 10" in told[-1].message


@pytest.mark.parametrize(("mib", "needed"), [(None, 1024), (1, 0), (1024, 1024)])
def test_a_disk_that_does_not_say_or_need_not_have_room_or_has_just_enough_is_good(mib, needed):
    room = DiskRoom(SmallDisk(mib).free_bytes, needed)
    assert room.look() is False
    assert room.short == ""
