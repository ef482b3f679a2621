"""The whole desk on a scripted market: it counts its moments, can be killed at one, and keeps every announcement.

`python -m tests.system.chaos_desk` runs a script in a process of its own and prints what is announced as JSON lines.
"""

import supervisor  # before any other import: it patches

# isort: split
import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import gevent
import gevent.event
from pydantic import SecretStr

import actors.broker
import actors.supervision
from actors.base import Actor
from actors.directory import Directory, Unavailable
from actors.timers import GeventTimers
from adapters.clock import SystemClock, VirtualClock
from domain.execution import Exchange
from domain.market import Candle, MarketState, OrderBook, PublicTrade, Source
from domain.messages import (
    AmendProtection,
    BookReceived,
    CandleOpenReceived,
    CandleReceived,
    ControlChanged,
    HistoryReceived,
    LedgerAdvanced,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    Ping,
    PositionAmended,
    RulesReceived,
    SetControl,
    SourceStatusChanged,
    TradeReceived,
    TradesFetched,
)
from domain.ports import JournalDocument
from domain.restarts import RestartPolicy
from domain.resting import resting_of
from domain.trading import Refusal
from settings import Secrets, Settings, parse_settings
from tests.system.chaos_script import OWNER, PAIRS, START_MS, Command, Step, rules, script

PATIENCE_SECONDS = 60
CHECKPOINT_EVENTS = 40  # instead of 1000: starts begin at checkpoints, too
AGAIN = (Refusal.NO_PRICE, Refusal.STALE_PRICE, Refusal.LEDGER_UNAVAILABLE, Refusal.INTERNAL)  # not for good
ANNOUNCED = (OrderAccepted, OrderFilled, OrderCancelled, PositionAmended, ControlChanged, LedgerAdvanced)


class Killed(BaseException):
    """What a broker dies of."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Test -> broker: die of this message."""


@dataclass(frozen=True, slots=True)
class Look:
    """Test -> broker: `answer` becomes whether everything is stored and caught up, once it serves."""

    answer: "gevent.event.AsyncResult[bool]"


def _crash(actor: Actor, message: Crash) -> None:
    raise Killed


def _look(broker: Any, message: Look) -> None:
    message.answer.set(not len(broker._writer) and not broker._writer.down and not broker._catch_up)


def make_hooks() -> None:
    """Let every broker of this process answer Look and die of Crash, and be restarted as often as it is killed."""
    Actor.test_hooks.update({Crash: _crash, Look: _look})
    actors.broker.CHECKPOINT_EVENTS = CHECKPOINT_EVENTS
    actors.supervision.RestartPolicy = lambda: RestartPolicy(limit=1_000_000, cap_ms=100)


# --- moments ----------------------------------------------------------------------------------------------------------


Moment = tuple[str, int]  # the n-th of a kind


class Moments:
    """Counts the moments at which a desk can be killed and says so when one of them is due.

    Kinds: "mail" before the broker gets a message; "append" before documents are sent to the database, "writing" while
    they are on their way, "stored" when it has answered; "tell" before something is announced.
    """

    def __init__(self, due: Collection[Moment] = (), act: Callable[[str], None] = lambda kind: None) -> None:
        self.reached: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self._due = frozenset(due)
        self._act = act

    def reach(self, kind: str) -> None:
        self.reached[kind] += 1
        if (kind, self.reached[kind]) in self._due:
            self.hit[kind] += 1
            self._act(kind)


class WatchedDirectory(Directory):
    """Hands everything that the broker announces to `hear`."""

    def __init__(self, moments: Moments, hear: Callable[[object], None]) -> None:
        super().__init__()
        self._moments = moments
        self._hear = hear

    def tell(self, name: str, message: object) -> bool:
        if name == "broker" and not isinstance(message, Crash | Look):
            self._moments.reach("mail")
        if name in (OWNER, "hub") and isinstance(message, (*ANNOUNCED, OrderRefused)):
            self._moments.reach("tell")
            self._hear(message)
        return super().tell(name, message)


class WatchedLedger:
    """The ledger's store, with the moments of a write."""

    def __init__(self, store: Any, moments: Moments) -> None:
        self._store = store
        self._moments = moments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, documents: Sequence[JournalDocument]) -> None:
        self._moments.reach("append")
        self._moments.reach("writing")
        self._store.append(documents)
        self._moments.reach("stored")


class HeldUp:
    """Pairs whose market met a resting entry while the ledger was away: it opened nothing, so their trading differs."""

    def __init__(self) -> None:
        self.pairs: set[str] = set()

    def watch(self, monkeypatch: Any) -> None:
        """Look at every market event before the exchange gets it."""
        usual = {name: getattr(Exchange, name) for name in ("on_candle", "on_candle_opened", "on_trade", "on_book")}

        def on_candle(exchange: Exchange, pair: str, candle: Candle, length_ms: int, **rest: Any) -> None:
            self._look(exchange, pair, candle.low, candle.high)
            usual["on_candle"](exchange, pair, candle, length_ms, **rest)

        def on_candle_opened(exchange: Exchange, pair: str, open_ms: int, price: Decimal, now_ms: int) -> None:
            self._look(exchange, pair, price, price)
            usual["on_candle_opened"](exchange, pair, open_ms, price, now_ms)

        def on_trade(exchange: Exchange, pair: str, trade: PublicTrade, **rest: Any) -> None:
            self._look(exchange, pair, trade.price, trade.price)
            usual["on_trade"](exchange, pair, trade, **rest)

        def on_book(exchange: Exchange, pair: str, book: OrderBook, now_ms: int) -> None:
            self._look(exchange, pair, book.bids[0][0], book.asks[0][0])
            usual["on_book"](exchange, pair, book, now_ms)

        for watched in (on_candle, on_candle_opened, on_trade, on_book):
            monkeypatch.setattr(Exchange, watched.__name__, watched)

    def _look(self, exchange: Exchange, pair: str, low: Decimal, high: Decimal) -> None:
        for item in resting_of(exchange.desk, pair):
            held_up = item.order_id and exchange.by_book.is_held_up(exchange.desk.orders[item.order_id].order)
            if held_up and (item.at(low) or item.at(high)):
                self.pairs.add(pair)


# --- the desk ---------------------------------------------------------------------------------------------------------


class ScriptedSource:
    """A market that happens when it is told to. What has happened stays known.

    Args:
        past: what happened before this desk was there.
    """

    kind = Source.RECORDED

    def __init__(self, directory: Directory, *, has_books: bool, past: Sequence[object] = ()) -> None:
        self.has_books = has_books
        self._directory = directory
        self._tape = list(past)

    def start(self) -> None:
        self._tell(RulesReceived(rules=rules()))
        for pair in PAIRS:
            candles = tuple(message.candle for message in self._tape_of(pair, CandleReceived))
            self._tell(HistoryReceived(pair=pair, interval="1m", candles=candles))
            for newest in (self._tape_of(pair, CandleOpenReceived)[-1:], self._tape_of(pair, BookReceived)[-1:]):
                for message in newest:
                    self._tell(message)
        self._tell(SourceStatusChanged(state=MarketState.LIVE, message="", at_ms=START_MS))

    def stop(self) -> None: ...

    def happen(self, events: Sequence[object]) -> None:
        self._tape += events
        for event in events:
            self._tell(event)

    def follow(self, pairs: tuple[str, ...]) -> None: ...

    def fetch_trades(self, pair: str, *, since_ms: int, since_trade_id: int | None, request_id: str) -> None:
        trades: list[PublicTrade] = [message.trade for message in self._tape_of(pair, TradeReceived)]
        candles: list[Candle] = [message.candle for message in self._tape_of(pair, CandleReceived)]
        after = -1 if since_trade_id is None else since_trade_id
        self._tell(
            TradesFetched(
                pair=pair,
                trades=tuple(t for t in trades if t.traded_ms >= since_ms and t.trade_id > after),
                candles=tuple(candle for candle in candles if candle.open_ms + 60_000 > since_ms),
                request_id=request_id,
            )
        )

    def _tape_of(self, pair: str, kind: type[Any]) -> list[Any]:
        return [message for message in self._tape if isinstance(message, kind) and message.pair == pair]

    def _tell(self, message: object) -> None:
        self._directory.tell("market", message)


class ChaosDesk(supervisor.Desk):
    """The desk of supervisor.py; market and clock are the script's, database and everything else are real."""

    def __init__(
        self,
        settings: Settings,
        *,
        path: Path,
        moments: Moments,
        hear: Callable[[object], None],
        has_books: bool,
        past: Sequence[object] = (),
        now_ms: int = START_MS,
    ) -> None:
        super().__init__(settings, path=path)
        self.directory = WatchedDirectory(moments, hear)
        self._real_timers = GeventTimers(peers=self.directory, clock=SystemClock())
        self.clock = VirtualClock(start_ms=now_ms)
        self.source = ScriptedSource(self.directory, has_books=has_books, past=past)
        self._moments = moments

    def _open_stores(self, uri: str) -> None:
        super()._open_stores(uri)
        self.stores.ledger = WatchedLedger(self.stores.ledger, self._moments)

    def _outside(self, source: Source) -> supervisor.Outside:
        return supervisor.Outside(
            source=source,
            settings=self.settings,
            market=self.source,
            news=(),
            mood=None,
            endpoint=None,
            clock=self.clock,
            timers=GeventTimers(peers=self.directory, clock=self.clock),
        )


def chaos_settings(folder: Path, *, database: str = "chaos", uri: str | None = None) -> Settings:
    """Return the settings of a desk that only does what it is told."""
    raw = {
        "server": {"port": 0},
        "market": {"source": "recorded", "recording": str(folder), "stale_after_seconds": 3600},
        "analysis": {"enabled_at_start": False},
        "analysts": {"technical": {"model": "technical"}},
        "bots": {"pairs": {pair: {} for pair in PAIRS}},
        "paper": {"balance_usdt": 10_000_000},
        "storage": {"data_dir": str(folder), "database": database},
        "recorder": {"enabled": False},
    }
    return parse_settings(raw, Secrets(mongodb_uri=None if uri is None else SecretStr(uri)))


# --- playing ----------------------------------------------------------------------------------------------------------


class Player:
    """Steps a desk through a script; commands without a definite answer are sent again, as their owner would.

    Args:
        answered: ids of the commands answered in an earlier life.
    """

    def __init__(self, desk: ChaosDesk, *, answered: Collection[str] = ()) -> None:
        self._desk = desk
        self.answered = set(answered)

    def hear(self, message: object) -> None:
        """Take note of an answer."""
        match message:
            case OrderRefused(order_id=order_id, code=code):
                if code not in AGAIN:
                    self.answered |= {order_id, f"cancel:{order_id}"}
            case OrderAccepted(order=order):
                self.answered.add(order.order_id)
            case OrderCancelled(order=order):
                self.answered.add(f"cancel:{order.order_id}")
            case PositionAmended(amend_id=amend_id):
                self.answered.add(amend_id)
            case ControlChanged(control_id=control_id):
                self.answered.add(control_id)

    def play(self, step: Step) -> None:
        self._desk.clock.move_to(step.at_ms)
        if step.events:
            self._desk.source.happen(step.events)
        self.command(step.commands)

    def command(self, commands: Sequence[Command]) -> None:
        """Send commands until each has its answer."""
        self.settle()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting := [command for command in commands if id_of(command) not in self.answered]:
            assert time.monotonic() < deadline, f"not answered: {waiting}"
            for command in waiting:
                self._desk.directory.tell("broker", command)
            self.settle()

    def settle(self) -> None:
        """Wait until all mail is handled, everything is stored and nothing is being caught up."""
        deadline, quiet = time.monotonic() + PATIENCE_SECONDS, 0
        while quiet < 2:  # what the first look waited for may have caused more
            assert not self._desk.ended.ready(), self._desk.ended.get()
            assert time.monotonic() < deadline, "the desk does not come to rest"
            quiet = quiet + 1 if self._is_quiet() else 0
            if not quiet:
                gevent.sleep(0.005)

    def _is_quiet(self) -> bool:
        try:
            self._desk.directory.ask("market", Ping())
        except Unavailable:
            return False
        look = Look(gevent.event.AsyncResult())
        self._desk.directory.tell("broker", look)
        return bool(look.answer.wait(0.2))  # nobody answers when it dies of the mail before


def id_of(command: Command) -> str:
    """Return the id by which the answer to `command` is known."""
    match command:
        case AmendProtection(amend_id=key) | SetControl(control_id=key):
            return key
        case _ if hasattr(command, "request_id"):
            return f"cancel:{command.order_id}"
    return command.order_id


# --- announcements ----------------------------------------------------------------------------------------------------


def announced(message: object) -> dict[str, Any] | None:
    """Return what an announcement promises of the journal: a document's _id, or what stands at a seq."""
    match message:
        case LedgerAdvanced(available=True, seq=seq, hash=digest) if seq and digest:
            return {"seq": seq, "hash": digest}
        case OrderAccepted(order=order):
            return {"id": f"order:{order.order_id}", "quantity": str(order.quantity)}
        case OrderFilled(trade=trade):
            return {
                "trade_id": trade.trade_id,
                "seq": trade.seq,
                "quantity": str(trade.quantity),
                "price": str(trade.price),
            }
        case OrderCancelled(order=order):
            return {"id": f"cancel:{order.order_id}"}
        case PositionAmended(amend_id=amend_id):
            return {"id": amend_id}
        case ControlChanged(control_id=control_id) if control_id:
            return {"id": f"control:{control_id}"}
    return None


# --- a process of its own ---------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a script from one step on; print announcements, answers and steps done, each as soon as it is known."""
    parser = argparse.ArgumentParser()
    for name in ("--folder", "--uri", "--database"):
        parser.add_argument(name, required=True)
    for name in ("--seed", "--rounds", "--first-step"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--kill", nargs=2, metavar=("KIND", "N"), help="die at the N-th moment of that kind")
    parser.add_argument("--has-books", action="store_true")
    given = parser.parse_args(arguments)
    make_hooks()
    played = script(has_books=given.has_books, seed=given.seed, rounds=given.rounds)
    player: Player

    def hear(message: object) -> None:
        before = set(player.answered)
        player.hear(message)
        _print({"announced": announced(message), "answered": sorted(player.answered - before)})

    moments = Moments({(given.kill[0], int(given.kill[1]))} if given.kill else (), _die)
    answered = json.loads(sys.stdin.read() or "[]")
    step = played.steps[given.first_step]
    past = played.steps[: given.first_step + 1] if given.first_step else ()  # the market did not wait for the desk
    desk = ChaosDesk(
        chaos_settings(Path(given.folder), database=given.database, uri=given.uri),
        path=Path(given.folder) / "settings.yaml",
        moments=moments,
        hear=hear,
        has_books=given.has_books,
        past=[event for before in past for event in before.events],
        now_ms=step.at_ms if past else START_MS,
    )
    player = Player(desk, answered=answered)
    desk.start()
    player.settle()
    for number, step in enumerate(played.steps[given.first_step :], start=given.first_step):
        player.play(replace(step, events=()) if past and number == given.first_step else step)
        _print({"done": number})
    desk.stop()
    return 0


def kill_broker(desk: ChaosDesk, kind: str) -> None:
    """Let the broker fail at a moment of that kind."""
    if kind == "mail":
        desk.directory.tell("broker", Crash())
    elif kind == "writing":
        gevent.spawn_later(0.0005, _kill_inside, desk)
    else:
        raise Killed


def _kill_inside(desk: ChaosDesk) -> None:
    """Kill the broker in the middle of a handler."""
    handle = desk.directory.handle("broker")
    broker = None if handle is None or handle.ref is None else handle.ref._actor_weakref()
    if broker is not None and not broker.actor_inbox.waiting:
        broker.greenlet.kill(Killed, block=False)


def _die(kind: str) -> None:
    if kind == "writing":  # the documents are on their way when it happens
        gevent.spawn_later(0.0005, os.kill, os.getpid(), signal.SIGKILL)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _print(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
