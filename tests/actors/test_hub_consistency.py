"""Snapshots and deltas: whoever joins at whatever moment ends with the ledger's exact state, nothing missed or doubled.

The mailbox conflates accounts, so that the account of a later event may be handed over before the event itself.
"""

from dataclasses import dataclass, field
from decimal import Decimal as D

import pykka
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.timers import VirtualTimers
from adapters.clock import VirtualClock
from domain import messages
from domain.trading import OrderStatus, OrderType
from tests.actors.hub_world import NOW, World, account, closed, control, filled, order, position, trade
from tests.conftest import RecordingPeers


@dataclass
class Ledger:
    """What the broker would know; `tell` sends as the broker does: the event, then the account."""

    world: World
    seq: int = 1
    cash: D = D(100_000)
    trades: list = field(default_factory=list)

    def account(self):
        return account(seq=self.seq, cash=self.cash)

    def fill(self):
        self.seq += 1
        self.cash -= self.seq
        name = f"t{self.seq}"
        self.trades.append(name)
        event = filled(self.seq, name, trade_=trade(self.seq, name))
        self._tell(messages.OrderFilled(**{**_fields(event), "account": self.account()}))

    def close(self):
        self.seq += 1
        self.cash += self.seq
        name = f"c{self.seq}"
        self.trades.append(name)
        event = filled(self.seq, name, trade_=trade(self.seq, name), closed_=closed(self.seq))
        self._tell(messages.OrderFilled(**{**_fields(event), "account": self.account()}))

    def cancel(self):
        self.seq += 1
        self.cash += D("0.5")
        gone = order(f"x{self.seq}", order_type=OrderType.LIMIT, status=OrderStatus.CANCELLED)
        self._tell(messages.OrderCancelled(seq=self.seq, order=gone))

    def amend(self):
        self.seq += 1
        self._tell(messages.PositionAmended(seq=self.seq, position=position(), amend_id=f"a{self.seq}"))

    def switch(self):
        self.seq += 1
        self.world.hub.tell(messages.ControlChanged(seq=self.seq, control=control()))

    def checkpoint(self):
        self.seq += 1  # a document that nobody is told of

    def mark(self):
        self.world.hub.tell(messages.AccountChanged(account=self.account()))

    def _tell(self, event):
        self.world.hub.tell(event)
        self.world.hub.tell(messages.AccountChanged(account=self.account()))


def _fields(value):
    return {name: getattr(value, name) for name in value.__slots__}


@dataclass
class Client:
    """Applies its snapshot and what comes after it, as the protocol says."""

    snapshot_seq: int | None = None
    balance: D | None = None
    trades: list = field(default_factory=list)

    def take(self, told, name):
        if told.kind == "initial_data" and told.to == name:
            assert self.snapshot_seq is None
            self.snapshot_seq = told.seq
            self.balance = told.data.paper_balance
            self.trades = [item.trade_id for item in reversed(told.data.recent_trades)]
        elif self.snapshot_seq is not None and told.to is None:
            if told.seq is None or told.seq <= self.snapshot_seq:
                return  # the snapshot has it
            if told.kind in ("trade_executed", "position_closed"):
                self.trades.append(told.data.trade.trade_id)
            elif told.kind in ("position_update", "balance_update"):
                self.balance = told.data.balance


STEPS = ["fill", "close", "cancel", "amend", "switch", "checkpoint", "mark", "join", "drain"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_every_client_ends_with_the_ledgers_state(steps):
    peers, clock = RecordingPeers(), VirtualClock(start_ms=NOW)
    world = World(peers=peers, clock=clock, timers=VirtualTimers(peers=peers, clock=clock)).begin()
    ledger, clients = Ledger(world), {}
    for number, step in enumerate(steps):
        if step == "join":
            name = f"s{number}"
            clients[name] = Client()
            world.hub.tell(messages.ClientArrived(session=name, role="operator", address="x"))
        elif step == "drain":
            world.wait()
        else:
            getattr(ledger, step)()
    ledger.mark()  # the broker marks to market every second
    for told in world.said():
        for name, client in clients.items():
            client.take(told, name)
    for client in clients.values():
        assert client.trades == ledger.trades[-50:] or client.trades == ledger.trades
        assert client.balance == ledger.cash
    pykka.ActorRegistry.stop_all(block=False)
