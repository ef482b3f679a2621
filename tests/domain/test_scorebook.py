"""The scorebook: every opinion is settled once at every horizon, whatever restarts do, and only spaced ones count."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.analysis import Action
from domain.market import Candle
from domain.scorebook import Scorebook, shadow_books
from domain.settlement import Call, StoredScores, coin, read_settlement, settlement_document
from domain.shadow_trade import TradeCosts, trade_return

MINUTE = 60_000
START = 1_767_225_600_000
FREE = TradeCosts(fee=0, maker_fee=0, slippage=0)
COSTS = TradeCosts(fee=0.001, maker_fee=0.001, slippage=0.0005)


def call(
    minute: float,
    action: Action = Action.BUY,
    *,
    horizon: int = 15,
    pair: str = "BTCUSDT",
    cost: str = "0",
    levels: tuple[int, ...] = (),
):
    """Return what was said at `minute`; `levels`: its stop and target."""
    formed_ms = START + round(minute * MINUTE)
    stop, target = map(Decimal, levels) if levels else (None, None)
    return Call(
        opinion_id=f"opinion:grok:{pair}:{formed_ms}",
        pair=pair,
        action=action,
        confidence=0.6,
        horizon_minutes=horizon,
        formed_ms=formed_ms,
        cost_usd=Decimal(cost),
        stop_loss=stop,
        take_profit=target,
    )


def candle(minute: int, close: object = None) -> Candle:
    """Return the candle that closes at `minute`, at a price that names it unless given."""
    price = Decimal(str(1000 + minute if close is None else close))
    return Candle(
        open_ms=START + (minute - 1) * MINUTE, open=price, high=price, low=price, close=price, volume=Decimal(1)
    )


def play(book: Scorebook, first: int, last: int, *, pair: str = "BTCUSDT", costs: TradeCosts = FREE):
    """Let the candles of these minutes close, one after the other."""
    return [
        done
        for minute in range(first, last + 1)
        for done in book.settle(pair, (candle(minute),), interval_ms=MINUTE, costs=costs)
    ]


def card(book: Scorebook, costs: TradeCosts = FREE):
    return book.card(balance=Decimal("1000"), amount=Decimal("50"), costs=costs)


def test_an_opinion_is_settled_at_its_own_and_at_every_fixed_horizon():
    book = Scorebook()
    book.note(call(0.5, horizon=30))
    done = play(book, 0, 300)
    assert [(each.label, each.due_ms - START, each.entry, each.exit) for each in done] == [
        ("15m", 16 * MINUTE, 1001, 1016),
        ("own", 31 * MINUTE, 1001, 1031),
        ("1h", 61 * MINUTE, 1001, 1061),
        ("4h", 241 * MINUTE, 1001, 1241),
    ]
    assert book.pairs() == ()


def test_no_candle_from_before_it_was_formed_or_after_its_end_is_used():
    book = Scorebook()
    book.note(call(10.5))
    assert play(book, 1, 10) == []
    done = book.settle("BTCUSDT", tuple(candle(minute) for minute in range(1, 200)), interval_ms=MINUTE, costs=FREE)
    own = next(each for each in done if each.label == "own")
    assert (own.start_ms, own.entry, own.due_ms, own.exit) == (START + 11 * MINUTE, 1011, START + 26 * MINUTE, 1026)


def test_history_settles_what_live_candles_settle():
    calls = [
        call(minute + 0.3, random.Random(minute).choice(list(Action)), levels=(980, 1020 + minute))
        for minute in range(0, 60, 3)
    ]
    live, late = Scorebook(), Scorebook()
    for each in calls:
        late.note(each)
    waiting = list(calls)
    done = []
    for minute in range(0, 310):
        done += play(live, minute, minute)
        while waiting and waiting[0].formed_ms < START + (minute + 1) * MINUTE:
            live.note(waiting.pop(0))
    history = tuple(candle(minute) for minute in range(0, 310))
    assert late.settle("BTCUSDT", history, interval_ms=MINUTE, costs=FREE, history=True) == tuple(done)
    assert card(live) == card(late)


def test_the_same_opinion_and_the_same_candle_again_change_nothing():
    book = Scorebook()
    book.note(call(0.5))
    book.note(call(0.5))
    assert len(play(book, 0, 16)) == 2
    assert play(book, 0, 16) == []
    assert card(book).own.settled == 1


def test_opinions_inside_the_last_counted_horizon_are_settled_but_not_counted():
    book = Scorebook()
    for minute in range(0, 45):
        book.note(call(minute + 0.1))
    done = play(book, 1, 300)
    assert len(done) == 45 * 4
    counted = [each for each in done if each.counted and each.label == "own"]
    assert [each.call.formed_ms - START for each in counted] == [6000, 6000 + 15 * MINUTE, 6000 + 30 * MINUTE]
    assert [score.settled for score in card(book).fixed] == [3, 1, 1]


def test_a_hold_counts_nowhere_and_keeps_no_trade_away():
    book = Scorebook()
    book.note(call(0.1, Action.HOLD))
    book.note(call(1.1, Action.SELL))
    play(book, 1, 30)
    assert (card(book).own.settled, card(book).own.hit_rate) == (1, 0.0)


def test_pairs_are_counted_apart():
    book = Scorebook()
    book.note(call(0.1))
    book.note(call(0.1, pair="ETHUSDT"))
    play(book, 1, 20)
    play(book, 1, 20, pair="ETHUSDT")
    assert card(book).own.settled == 2


def test_what_has_no_candle_in_the_history_long_after_is_void_and_asked_for_before():
    book = Scorebook()
    book.note(call(0.5))
    assert book.overdue("BTCUSDT", START + 2 * MINUTE, MINUTE) is False
    assert book.overdue("BTCUSDT", START + 3 * MINUTE, MINUTE) is True
    early = tuple(candle(minute) for minute in range(30, 60))
    assert book.settle("BTCUSDT", early, interval_ms=MINUTE, costs=FREE, history=True) == ()
    late = tuple(candle(minute) for minute in range(30, 62))
    done = book.settle("BTCUSDT", late, interval_ms=MINUTE, costs=FREE, history=True)
    assert {each.label for each in done if each.void} == {"own", "15m", "1h", "4h"}
    assert (card(book).own.settled, book.pairs()) == (0, ())
    assert read_settlement(settlement_document("grok", done[0])) == done[0]


def test_costs_of_all_opinions_are_borne_by_those_that_count():
    book = Scorebook()
    book.note(call(0.1, Action.HOLD, cost="0.010"))
    book.note(call(1.1, cost="0.020"))
    book.note(call(2.1, cost="0.030"))
    book.note(call(20.1, Action.SELL, cost="0.040"))
    play(book, 1, 60)
    found = card(book)
    assert found.cost_usd == Decimal("0.100")
    gross = 1017 / 1002 - 1 - (1036 / 1021 - 1)
    assert found.mean_net_return == pytest.approx((gross - 0.1 / 50) / 2)


def test_the_shadow_books_stand_beside_their_null_twins():
    book = Scorebook()
    first, second = call(0.1, cost="1"), call(20.1, Action.SELL)
    book.note(first)
    book.note(second)
    done = [each for each in play(book, 1, 60, costs=COSTS) if each.label == "own"]
    books = card(book, COSTS).books
    assert books is not None
    prices = [(1, "1001", "1016"), (-1, "1021", "1036")]
    earned = sum(trade_return(sign, Decimal(entry), Decimal(end), COSTS) for sign, entry, end in prices)
    tossed = sum(
        trade_return(coin(each.opinion_id), Decimal(entry), Decimal(end), COSTS)
        for each, (_, entry, end) in zip((first, second), prices, strict=True)
    )
    assert books.analyst == pytest.approx(Decimal(str(1000 - 1 + 50 * earned)), abs=Decimal("0.01"))
    assert books.random == pytest.approx(Decimal(str(1000 + 50 * tossed)), abs=Decimal("0.01"))
    assert books.hold == 1000
    held = trade_return(1, Decimal("1001"), Decimal("1036"), COSTS)
    assert books.buy_and_hold == pytest.approx(Decimal(str(1000 + 50 * held)), abs=Decimal("0.01"))
    assert shadow_books(done, balance=Decimal("1000"), amount=Decimal("50"), costs=COSTS) == books


def own_of(done):
    (found,) = [each for each in done if each.label == "own"]
    return found


def test_a_stop_or_target_that_is_reached_ends_the_shadow_trade_and_nothing_else():
    book = Scorebook()
    book.note(call(0.1, levels=(900, 1010)))
    own = own_of(play(book, 1, 20))
    assert (own.trade_exit, own.ended_by) == (Decimal(1010), "take_profit")
    assert own.net_return == pytest.approx(1010 / 1001 - 1)
    assert (own.exit, own.hit, own.move) == (Decimal(1016), True, pytest.approx(1016 / 1001 - 1))
    assert read_settlement(settlement_document("grok", own)) == own
    stopped = Scorebook()
    stopped.note(call(0.1, Action.SELL, levels=(1008, 900)))
    own = own_of(play(stopped, 1, 20))
    assert (own.trade_exit, own.ended_by, own.net_return) == (Decimal(1008), "stop_loss", pytest.approx(-7 / 1001))
    assert card(stopped).books.analyst == round(1000 - Decimal(50 * 7) / 1001, 2)


def test_the_random_twin_of_an_opinion_with_levels_has_them_too():
    returns = {}
    for minute in range(0, 40):
        book = Scorebook()
        said = call(minute + 0.1, levels=(900, 1006 + minute))
        book.note(said)
        returns[coin(said.opinion_id)] = own_of(play(book, minute + 1, minute + 20)).coin_return * (1001 + minute)
    assert returns == {1: pytest.approx(5), -1: pytest.approx(-15)}  # a short's stop would be at 1102 + 2 minutes


def test_a_candle_that_was_missed_on_the_way_is_waited_for():
    """Else a stop that it reached would be overlooked."""
    book = Scorebook()
    book.note(call(0.1, levels=(1000, 2000)))
    play(book, 1, 7)
    assert [each.label for each in play(book, 9, 17)] == ["15m"]
    assert book.overdue("BTCUSDT", START + 18 * MINUTE, MINUTE)
    history = [candle(minute) for minute in range(1, 18)]
    history[7] = candle(8, 999)
    own = own_of(book.settle("BTCUSDT", history, interval_ms=MINUTE, costs=FREE, history=True))
    assert (own.trade_exit, own.ended_by, own.exit) == (Decimal(999), "stop_loss", Decimal(1016))


def test_where_the_market_has_no_candle_on_the_way_the_others_are_all_that_is_looked_at():
    book = Scorebook()
    book.note(call(0.1, levels=(1000, 2000)))
    history = [candle(minute) for minute in range(1, 18) if minute != 8]
    own = own_of(book.settle("BTCUSDT", history, interval_ms=MINUTE, costs=FREE, history=True))
    assert (own.ended_by, own.trade_exit) == ("horizon", Decimal(1016))


def test_an_analyst_recalls_its_last_three_settled_opinions_of_the_pair():
    book = Scorebook()
    for minute in range(0, 120, 5):
        book.note(call(minute + 0.1, Action.HOLD if minute % 2 else Action.BUY))
    play(book, 1, 150)
    recalled = book.recalled("BTCUSDT")
    assert [(each.due_ms - START) // MINUTE for each in recalled] == [121, 106, 91]
    assert book.recalled("ETHUSDT") == ()


def test_the_next_that_counts_bears_what_a_void_one_cost_too():
    book = Scorebook()
    book.note(call(0.1, cost="0.010"))
    history = tuple(candle(minute) for minute in range(40, 90))
    book.settle("BTCUSDT", history, interval_ms=MINUTE, costs=FREE, history=True)
    book.note(call(90.1, Action.HOLD, cost="0.002"))
    book.note(call(91.1, cost="0.020"))
    play(book, 90, 120)
    assert card(book).own.settled == 1
    assert card(book).cost_usd == Decimal("0.032")


def test_a_void_opinion_keeps_its_place_over_a_restart():
    """Else the next one would begin to count only because of the restart."""
    store = Store()
    book = store.book()
    for each in (call(0.1, horizon=60), call(30.1, horizon=600)):
        store.calls.append(each)
        book.note(each)
    history = tuple(candle(minute) for minute in range(63, 130))
    for done in book.settle("BTCUSDT", history, interval_ms=MINUTE, costs=FREE, history=True):
        store.keep(done)
    assert {each["label"] for each in store.documents.values() if each.get("void")} >= {"own", "15m", "1h", "4h"}
    store.documents = {
        key: each for key, each in store.documents.items() if each["opinion"] == store.calls[0].opinion_id
    }
    again = store.book()
    again.note(call(61.5))
    assert [each.call.formed_ms - START for each in play(again, 60, 80) if each.counted and each.label == "own"] == [
        round(61.5 * MINUTE)
    ]


# --- restarts -----------------------------------------------------------------------------------------------------


class Store:
    """What outlives a scorebook: the first document of a key stays."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.documents: dict[str, dict[str, object]] = {}

    def keep(self, settlement) -> None:
        document = settlement_document("grok", settlement)
        self.documents.setdefault(str(document["_id"]), document)

    def book(self) -> Scorebook:
        book = Scorebook()
        settlements = tuple(map(read_settlement, self.documents.values()))
        book.restore(StoredScores(calls=tuple(self.calls), settlements=settlements))
        return book


def spoken(seed: int) -> list[Call]:
    rng = random.Random(seed)
    return [
        call(
            minute + rng.choice((0.1, 0.5, 1.0)),
            rng.choice(list(Action)),
            horizon=rng.choice((5, 15, 30, 90, 300)),
            pair=rng.choice(("BTCUSDT", "ETHUSDT")),
            cost="0.001",
            levels=rng.choice(((), (), (970, 1020), (990, 1003), (1010, 995))),
        )
        for minute in range(0, 200, 2)
    ]


def price(pair: str, minute: int) -> int:
    return 1000 + random.Random(f"{pair}{minute}").randrange(-50, 50)


@pytest.mark.parametrize("seed", range(8))
def test_restarts_in_the_middle_of_a_settlement_lead_to_the_same_documents_and_scores(seed):
    """Some of a candle's settlements are stored, the rest is lost with the process, and candles go by meanwhile."""
    rng = random.Random(seed)
    undisturbed, store, plain = Scorebook(), Store(), Store()
    book = store.book()
    waiting = spoken(seed)
    history: dict[str, list[Candle]] = {"BTCUSDT": [], "ETHUSDT": []}
    away_until = 0
    for minute in range(0, 560):
        while waiting and waiting[0].formed_ms <= START + minute * MINUTE:
            said = waiting.pop(0)
            undisturbed.note(said)
            store.calls.append(said)
            if minute >= away_until:
                book.note(said)
        for pair, candles in history.items():
            candles.append(candle(minute, price(pair, minute)))
            for done in undisturbed.settle(pair, candles[-1:], interval_ms=MINUTE, costs=COSTS):
                plain.keep(done)
            if minute < away_until:
                continue
            done_now = book.settle(pair, candles[-1:], interval_ms=MINUTE, costs=COSTS)
            lost = rng.random() < 0.1
            for done in done_now[: rng.randrange(len(done_now) + 1)] if lost else done_now:
                store.keep(done)
            if lost:
                away_until = minute + rng.randrange(1, 40)
                book = Scorebook()
        if minute == away_until - 1:
            book = store.book()
            for pair, candles in history.items():
                for done in book.settle(pair, tuple(candles), interval_ms=MINUTE, costs=COSTS, history=True):
                    store.keep(done)
    assert store.documents == plain.documents
    assert len(plain.documents) > 300
    assert card(store.book(), COSTS) == card(undisturbed, COSTS)


def test_a_long_horizon_survives_a_restart_after_its_entry_has_left_the_history():
    store = Store()
    said = call(0.5, horizon=1440)
    store.calls.append(said)
    book = store.book()
    for done in play(book, 0, 300):
        store.keep(done)
    entries = [document for document in store.documents.values() if document["label"] == "entry"]
    assert len(entries) == 1
    store.documents = {str(each["_id"]): each for each in entries}  # all that is read of so long ago
    again = store.book()
    late = tuple(candle(minute) for minute in range(1000, 1445))
    (own,) = [
        each
        for each in again.settle("BTCUSDT", late, interval_ms=MINUTE, costs=FREE, history=True)
        if each.label == "own"
    ]
    assert (own.entry, own.exit, own.counted, own.void) == (1001, 2441, True, "")


def test_the_newest_settlements_make_the_card():
    book = Scorebook()
    old = [replace(call(0.5), opinion_id=str(number)) for number in range(3)]
    for each in old:
        book.note(each)
    play(book, 0, 20)
    assert card(book).own.settled == 1  # all of the same moment: one counts


def test_what_cost_money_long_ago_is_borne_after_a_restart():
    """Of old opinions only their costs are read back: those that no counted one of the pair has borne."""
    borne, hold, other = (
        call(0.1, cost="0.01"),
        call(40.1, Action.HOLD, cost="0.02"),
        call(41.1, pair="ETHUSDT", cost="0.04"),
    )
    first = Scorebook()
    first.note(borne)
    settlements = tuple(play(first, 0, 300))
    later = call(3000.1, cost="0.08")
    book = Scorebook()
    since_ms = START + 2000 * MINUTE
    spent = (borne, hold, other)
    book.restore(StoredScores(calls=(later,), settlements=settlements, spent=spent, since_ms=since_ms))
    play(book, 3000, 3020)
    assert card(book).cost_usd == Decimal("0.11")
    assert book.pairs() == ("BTCUSDT",)  # the old ones are not opened again


@pytest.mark.parametrize("seed", range(8))
def test_every_cent_is_borne_once_whatever_is_void_and_however_often_it_starts_anew(seed):
    rng = random.Random(seed)
    store = Store()
    book = store.book()
    calls = [replace(each, cost_usd=Decimal(rng.randrange(1, 99)) / 1000) for each in spoken(seed)]
    waiting, history = list(calls), {"BTCUSDT": [], "ETHUSDT": []}
    for minute in range(0, 900):
        while waiting and waiting[0].formed_ms <= START + minute * MINUTE:
            store.calls.append(waiting[0])
            book.note(waiting.pop(0))
        for pair, candles in history.items():
            if not 60 <= minute < 80:  # the market was away, and never learns what happened
                candles.append(candle(minute, price(pair, minute)))
            for done in book.settle(pair, candles, interval_ms=MINUTE, costs=COSTS, history=True):
                store.keep(done)
        if rng.random() < 0.02:
            book = store.book()
    assert any(each.get("void") for each in store.documents.values())
    borne = [each for each in store.documents.values() if each["label"] == "own" and each["cost_usd"]]
    assert all(each["counted"] and not each.get("void") for each in borne)
    for pair in history:
        last = max(each["formed_ms"] for each in borne if each["symbol"] == pair)
        said = [each.cost_usd for each in calls if each.pair == pair and each.formed_ms <= last]
        assert sum(each["cost_usd"] for each in borne if each["symbol"] == pair) == sum(said)
    assert card(store.book(), COSTS) == card(book, COSTS)
