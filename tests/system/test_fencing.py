"""Two brokers on one database: the older one fences itself, nothing is doubled, the newer one goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pykka
import pytest

from actors.broker import BrokerActor
from actors.timers import VirtualTimers
from adapters.clock import VirtualClock
from adapters.mongo import MongoStores
from domain.market import MarketState, Source
from domain.messages import (
    BookChanged,
    LedgerFailed,
    MarketStatusChanged,
    MissedTrades,
    OrderAccepted,
    OrderFilled,
    OrderRefused,
    Ping,
    RulesChanged,
    SendTrades,
)
from domain.trading import Refusal
from settings import Settings
from supervisor import EXIT_LEDGER
from tests.conftest import RecordingPeers
from tests.domain.paper import PAIR, RULES, T0, book, order
from tests.system.chaos_compare import check_once
from tests.system.desk_process import DeskProcess
from tests.system.journal import Document, fills, read_journal
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


class Broker:
    """One broker with a connection of its own. `start` may be called again after it failed."""

    def __init__(self, uri: str, database: str, clock: VirtualClock) -> None:
        self.peers = RecordingPeers()
        self._clock = clock
        self._timers = VirtualTimers(peers=self.peers, clock=clock)
        self._stores = MongoStores(uri=uri, database=database)
        self._stores.prepare()
        self._answered = 0  # of what was asked of the market

    def before_its_next_write(self, act: Callable[[], None]) -> None:
        """Let `act` happen when this broker is about to write."""
        ledger = self._stores.ledger
        append = ledger.append

        def late(documents: list[dict[str, object]]) -> None:
            ledger.append = append
            act()
            append(documents)

        ledger.append = late

    def start(self) -> "Broker":
        self.ref = BrokerActor.start(
            settings=Settings(),
            peers=self.peers,
            clock=self._clock,
            timers=self._timers,
            store=self._stores.ledger,
            archive=self._stores.archive,
            has_books=True,
            source=Source.BINANCE,
        )
        self.tell()
        now_ms = self._clock.now_ms()
        live = MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=now_ms)
        newest = book(now_ms - T0, update_id=(now_ms - T0) // 1000 + 1)
        self.tell(RulesChanged(rules=(RULES,)), live, BookChanged(pair=PAIR, book=newest))
        return self

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        self._settle()
        for asked in self.peers.to("market", SendTrades)[self._answered :]:  # nothing was missed
            self._answered += 1
            self.ref.tell(MissedTrades(pair=asked.pair, trades=(), candles=(), request_id=asked.request_id))
            self._settle()

    def _settle(self) -> None:
        for _ in range(2):  # the first lets it store what waited for an empty mailbox
            self.ref.ask(Ping(), timeout=30)

    def trade(self, order_id: str, number: int) -> None:
        """Order, and let the next book come."""
        self.tell(order(order_id, submitted_ms=self._clock.now_ms()))
        self._clock.move_to(T0 + number * 1000)
        self.tell(BookChanged(pair=PAIR, book=book(number * 1000, update_id=number + 1)))

    def told(self, kind: type) -> list[str]:
        """Return the ids of the orders that the hub was told so of."""
        found = self.peers.to("hub", kind)
        return [getattr(message, "order_id", "") or message.order.order_id for message in found]

    def failures(self) -> list[LedgerFailed]:
        return self.peers.to("supervisor", LedgerFailed)

    def close(self) -> None:
        pykka.ActorRegistry.stop_all(timeout=30)
        self._stores.close()


@pytest.fixture
def brokers(mongodb_uri: str, tmp_path: Path) -> Iterator[tuple[Callable[[], Broker], Callable[[], list[Document]]]]:
    """Return what makes a broker on the test's database, and what reads its journal."""
    database, made, clock = tmp_path.name[-30:], [], VirtualClock(start_ms=T0)

    def broker() -> Broker:
        made.append(Broker(mongodb_uri, database, clock))
        return made[-1]

    yield broker, lambda: read_journal(mongodb_uri, database)
    for broker in made:
        broker.close()


def test_the_older_broker_fences_itself_and_the_newer_one_goes_on(brokers) -> None:
    broker, journal = brokers
    older = broker().start()
    older.trade("o1", 1)
    newer = broker().start()
    newer.trade("n1", 2)
    older.trade("o2", 3)
    older.trade("o3", 4)
    newer.trade("n2", 5)

    check_fenced(older)
    assert (older.told(OrderAccepted), older.told(OrderFilled)) == (["o1"], ["o1"])
    assert (newer.failures(), newer.told(OrderFilled)) == ([], ["n1", "n2"])
    check_once(journal())
    assert traded(journal()) == [("o1", 1), ("n1", 2), ("n2", 2)]


def test_an_older_broker_that_wins_one_place_is_fenced_at_the_next(brokers) -> None:
    broker, journal = brokers
    older = broker().start()
    older.trade("o1", 1)
    newer = broker()
    newer.before_its_next_write(lambda: older.trade("o2", 2))
    with pytest.raises(pykka.ActorDeadError):  # it has read a journal that went on
        newer.start()
    newer.start()
    older.trade("o3", 3)
    newer.trade("n1", 4)

    check_fenced(older)
    assert older.told(OrderFilled) == ["o1", "o2"]
    assert (newer.failures(), newer.told(OrderFilled)) == ([], ["n1"])
    check_once(journal())
    assert traded(journal()) == [("o1", 1), ("o2", 1), ("n1", 2)]


def check_fenced(broker: Broker) -> None:
    [failed] = broker.failures()
    assert failed.fatal and "another writer" in failed.message
    broker.trade("late", 9)
    assert broker.peers.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE


def traded(journal: list[Document]) -> list[tuple[str, int]]:
    return [(fill["order_id"], fill["epoch"]) for fill in fills(journal)]


def test_two_desks_on_one_database(desks: Callable[..., DeskProcess], mongodb_uri: str, tmp_path: Path) -> None:
    settings = simulated()
    settings["storage"] = {"data_dir": str(tmp_path / "older"), "database": tmp_path.name[-30:]}
    database = settings["storage"]["database"] + "_sim"
    older = desks(settings, MONGODB_URI=mongodb_uri).start()
    with_older = older.session()
    with_older.wait("bot_trade_executed", seconds=60)
    settings["storage"]["data_dir"] = str(tmp_path / "newer")
    newer = desks(settings, MONGODB_URI=mongodb_uri).start()

    assert older.wait(60) == EXIT_LEDGER
    assert "another writer" in older.log
    with_newer = newer.session()
    with_newer.wait("bot_trade_executed", seconds=60)
    assert newer.is_running()
    assert newer.ready()[0] == 200
    assert newer.terminate()[0] == 0

    journal = read_journal(mongodb_uri, database)
    check_once(journal)
    epochs = [document["epoch"] for document in journal]
    assert epochs == sorted(epochs) and len(set(epochs)) > 1
    known = {fill["trade_id"] for fill in fills(journal)}
    for session in (with_older, with_newer):
        assert {frame["data"]["trade"]["trade_id"] for frame in session.frames if "trade" in frame["data"]} <= known
    audit = newer.ledger("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
