"""The opinions of one analyst from their forming to their scores: what waits to be settled, what is, and the card.

Every opinion is settled at every horizon. The scores count only some of them, and so do the shadow books: a BUY or
SELL that was formed when the last counted one of the same pair and horizon had ended. Opinions of the minutes between
look at nearly the same stretch of prices; counting them would make a little luck look like a lot of skill.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from domain import scores
from domain.analysis import Action, Scorecard, ShadowBooks
from domain.errors import InvariantError
from domain.market import Candle
from domain.open_call import OpenCall
from domain.settlement import (
    ENTRY,
    FIXED,
    LABELS,
    MINUTE_MS,
    OWN,
    Call,
    Settlement,
    StoredScores,
)
from domain.shadow_trade import TradeCosts, trade_return

KEPT = 2000  # newest counted settlements of each horizon that make the card
RECALLED = 3  # newest settled opinions of a pair that its analyst can be reminded of
VOID_AFTER_MS = 60 * MINUTE_MS  # a candle that is missing in the market's history this long after, never comes
LONGEST_FIXED = max(FIXED.values())


class Scorebook:
    """Takes opinions in the order they are formed and closed candles of any age; tells what is settled by them."""

    def __init__(self) -> None:
        self._open: defaultdict[str, dict[tuple[str, str], OpenCall]] = defaultdict(dict)  # by pair
        self._counted: dict[str, deque[Settlement]] = {label: deque(maxlen=KEPT) for label in LABELS}
        self._free_ms: dict[tuple[str, str], int] = {}  # (pair, label): from when the next one counts
        self._costs: defaultdict[str, list[tuple[int, Decimal]]] = defaultdict(list)  # (formed, USD) nobody bears yet
        self._parted: set[str] = set()  # pairs whose costs from here on are not the last counted opinion's
        self._last: defaultdict[str, deque[Settlement]] = defaultdict(lambda: deque(maxlen=RECALLED))

    def restore(self, stored: StoredScores) -> None:
        """Take over what was stored before this start: call it first, with all that may still be open.

        What is settled already stays as it is stored; the rest waits for its candles again.
        """
        known = {each.key: each for each in stored.settlements}
        here = {call.opinion_id for call in stored.calls}
        borne_ms: dict[str, int] = {}
        for each in sorted(known.values(), key=_in_order):
            self._keep(each)
            if each.counted and each.call.opinion_id not in here:
                self._occupy(each.call, each.label)
            if each.bears:
                borne_ms[each.call.pair] = max(each.call.formed_ms, borne_ms.get(each.call.pair, 0))
        for call in sorted(stored.spent, key=_as_formed):
            if call.opinion_id not in here and call.formed_ms > borne_ms.get(call.pair, 0):
                self._spend(call)
        for call in sorted(stored.calls, key=_as_formed):
            if call.formed_ms > borne_ms.get(call.pair, 0):
                self._spend(call)
            self._track(call, known, _labels(call) if call.formed_ms >= stored.since_ms else (OWN,))

    def note(self, call: Call) -> None:
        """Take a new opinion; the same one again changes nothing."""
        if not any((call.opinion_id, label) in self._open[call.pair] for label in LABELS):
            self._spend(call)
            self._track(call, {}, _labels(call))

    def settle(
        self, pair: str, candles: Sequence[Candle], *, interval_ms: int, costs: TradeCosts, history: bool = False
    ) -> tuple[Settlement, ...]:
        """Return what closed candles of `pair`, oldest first, settle; it is settled then, and not again.

        With `history` they are all that the market has: what has no candle among them long after, is void.
        """
        waiting = self._open.get(pair)
        if not waiting or not candles:
            return ()
        closed = {candle.open_ms + interval_ms: candle for candle in candles}
        lost_ms = max(closed) - VOID_AFTER_MS
        done: list[Settlement] = []
        for each in waiting.values():
            if (settlement := each.look(closed, interval_ms, costs, history=history)) is not None:
                done.append(settlement)
            elif history and each.awaited_ms(interval_ms) <= lost_ms:
                done.append(each.void(interval_ms))
        done.sort(key=_in_order)
        for place, settlement in enumerate(done):
            del waiting[settlement.key]
            if settlement.bears:
                done[place] = replace(settlement, cost_usd=self._borne(settlement.call))
            self._keep(done[place])
        return tuple(done)

    def pairs(self) -> tuple[str, ...]:
        """Return the pairs of which anything waits."""
        return tuple(pair for pair, waiting in self._open.items() if waiting)

    def overdue(self, pair: str, now_ms: int, interval_ms: int) -> bool:
        """Return whether a candle is still waited for that should have closed two candles ago."""
        late_ms = now_ms - 2 * interval_ms
        return any(each.awaited_ms(interval_ms) <= late_ms for each in self._open.get(pair, {}).values())

    def recalled(self, pair: str) -> tuple[Settlement, ...]:
        """Return the newest settled opinions on `pair` at their own horizons, newest first, ended apart."""
        return tuple(reversed(self._last.get(pair, ())))

    def card(self, *, balance: Decimal, amount: Decimal, costs: TradeCosts) -> Scorecard:
        """Return the scores as they stand.

        Args:
            balance: with which the shadow books begin, quote.
            amount: notional of each of their trades, quote, > 0.
            costs: of one side of a trade, for buying and holding.
        """
        own = tuple(self._counted[OWN])
        score = scores.horizon_score(OWN, own)
        fixed = tuple(scores.horizon_score(label, tuple(self._counted[label])) for label in FIXED)
        if not own:
            return Scorecard(own=score, fixed=fixed, verdict=scores.verdict(score), skill=Decimal("1.00"))
        spent = sum((each.cost_usd for each in own), Decimal(0))
        earned = sum(each.net_return or 0.0 for each in own)
        return Scorecard(
            own=score,
            fixed=fixed,
            verdict=scores.verdict(score),
            skill=scores.skill(score, sum(each.call.confidence for each in own) / len(own)),
            brier=scores.brier_score(own),
            log_score=scores.log_score(own),
            calibration=scores.calibration(own),
            mean_net_return=(earned - float(spent / amount)) / len(own),
            cost_usd=spent,
            books=shadow_books(own, balance=balance, amount=amount, costs=costs),
        )

    def _track(self, call: Call, known: Mapping[tuple[str, str], Settlement], labels: Iterable[str]) -> None:
        stored = [known[call.opinion_id, label] for label in (*LABELS, ENTRY) if (call.opinion_id, label) in known]
        started = next((each for each in stored if each.entry is not None), None)
        for label in labels:
            key = call.opinion_id, label
            settlement = known.get(key)
            counted = self._counts(call, label) if settlement is None else settlement.counted
            if counted:
                self._occupy(call, label)
            if counted and label == OWN:
                self._parted.add(call.pair)
            if settlement is None:
                self._open[call.pair][key] = OpenCall(
                    call=call,
                    label=label,
                    counted=counted,
                    start_ms=started.start_ms if started else None,
                    entry=started.entry if started else None,
                )

    def _spend(self, call: Call) -> None:
        costs = self._costs[call.pair]
        if not call.cost_usd:
            return
        if costs and call.pair not in self._parted:
            call_ms, usd = costs.pop()
            costs.append((max(call_ms, call.formed_ms), usd + call.cost_usd))
        else:
            costs.append((call.formed_ms, call.cost_usd))
        self._parted.discard(call.pair)

    def _borne(self, call: Call) -> Decimal:
        """Take the costs of the pair's opinions up to this one that nobody bears yet."""
        waiting = self._costs[call.pair]
        self._costs[call.pair] = [each for each in waiting if each[0] > call.formed_ms]
        return sum((usd for formed_ms, usd in waiting if formed_ms <= call.formed_ms), Decimal(0))

    def _counts(self, call: Call, label: str) -> bool:
        if call.action is Action.HOLD or label == ENTRY:
            return False
        return call.formed_ms >= self._free_ms.get((call.pair, label), 0)

    def _occupy(self, call: Call, label: str) -> None:
        ends_ms = call.formed_ms + call.minutes(label) * MINUTE_MS
        self._free_ms[call.pair, label] = max(ends_ms, self._free_ms.get((call.pair, label), 0))

    def _keep(self, settlement: Settlement) -> None:
        if settlement.counted and not settlement.void:
            self._counted[settlement.label].append(settlement)
        if settlement.label == OWN and not settlement.void:
            last, minutes = self._last[settlement.call.pair], min(settlement.call.horizon_minutes, LONGEST_FIXED)
            if not last or settlement.due_ms >= last[-1].due_ms + minutes * MINUTE_MS:
                last.append(settlement)


def shadow_books(
    settlements: Sequence[Settlement], *, balance: Decimal, amount: Decimal, costs: TradeCosts
) -> ShadowBooks:
    """Return what the analyst and its null twins would have, quote: `balance` and the trades of `amount` each.

    The analyst pays for its calls. The random twin trades at the same moments and horizons in the direction of a coin;
    the one that holds never trades; the last buys at the first trade of each pair and sells at the end of the last.
    """
    spent = sum((each.cost_usd for each in settlements), Decimal(0))
    first: dict[str, Settlement] = {}
    last: dict[str, Settlement] = {}
    for each in settlements:
        pair = each.call.pair
        first[pair] = min(first.get(pair, each), each, key=lambda one: (one.call.formed_ms, one.key))
        last[pair] = max(last.get(pair, each), each, key=lambda one: (one.due_ms, one.key))
    held = (trade_return(1, _price(first[pair].entry), _price(last[pair].exit), costs) for pair in first)
    return ShadowBooks(
        analyst=_equity(balance - spent, amount, (each.net_return or 0.0 for each in settlements)),
        random=_equity(balance, amount, (each.coin_return or 0.0 for each in settlements)),
        hold=balance,
        buy_and_hold=_equity(balance, amount, held),
    )


def _equity(balance: Decimal, amount: Decimal, returns: Iterable[float]) -> Decimal:
    return round(balance + amount * Decimal(repr(sum(returns))), 2)


def _price(price: Decimal | None) -> Decimal:
    if price is None:
        raise InvariantError("a counted settlement must have both prices, had one only")
    return price


def _labels(call: Call) -> tuple[str, ...]:
    return (*LABELS, ENTRY) if call.horizon_minutes > LONGEST_FIXED else LABELS


def _as_formed(call: Call) -> tuple[int, str]:
    return call.formed_ms, call.opinion_id


def _in_order(settlement: Settlement) -> tuple[int, int, tuple[str, str]]:
    return settlement.due_ms, settlement.call.formed_ms, settlement.key
