"""A slow, obvious paper account: accounts, positions and fills as plain values, every amount an exact Fraction.

Written from the text of the contract, to be compared with the desk. It shares no rule with `domain/`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

STEP = Fraction(1, 10**8)  # the smallest amount that is posted
BUY, SELL = 1, -1
Levels = list[tuple[Fraction, Fraction]]  # price, quantity


def down(amount):
    return amount // STEP * STEP


def up(amount):
    return -(-amount // STEP) * STEP


def half_even(amount):
    return round(amount / STEP) * STEP


def mean(exact):
    return Fraction(round(exact * 10**12), 10**12)


def quantity_of(levels):
    return sum((quantity for _, quantity in levels), Fraction(0))


def value_of(levels):
    return sum((price * quantity for price, quantity in levels), Fraction(0))


def cut(levels, quantity):
    """Return the levels of the first `quantity` and those of the rest."""
    first, rest = [], []
    for price, size in levels:
        taken = min(size, quantity)
        quantity -= taken
        if taken:
            first.append((price, taken))
        if size > taken:
            rest.append((price, size - taken))
    return first, rest


@dataclass
class Trail:
    trigger: Fraction
    distance: Fraction
    stop: Fraction | None = None


@dataclass
class Reached:
    """A stop that a trade has reached and that waits for its book."""

    reason: str
    price: Fraction
    ts: int
    deadline: int
    walked: bool = False  # a book filled a part
    number: int = 0  # they are filled in the order they were reached


@dataclass
class Holding:
    """The one net position of a pair."""

    sign: int
    quantity: Fraction
    cost: Fraction
    margin: Fraction
    entry_fee: Fraction
    entry: Fraction
    leverage: int
    opened: int
    armed: int  # since when stop and target count
    stop: Fraction | None = None
    target: Fraction | None = None
    trail: Trail | None = None
    trailed: int = 0  # since when the trailing stop is where it is
    reached: Reached | None = None

    def stops(self):
        """Return (level, reason, since) of everything that closes it at a loss, the nearest first."""
        found = []
        if self.stop is not None:
            found.append((self.stop, "stop_loss", self.armed))
        if self.trail is not None and self.trail.stop is not None:
            found.append((self.trail.stop, "trailing_stop", self.trailed))
        if (level := self.liquidation()) is not None:
            found.append((level, "liquidation", self.opened))
        return sorted(found, key=lambda each: -self.sign * each[0])

    def liquidation(self):
        """Return the price where margin + profit = 0.5 % of the notional, None below zero."""
        # margin + sign (price quantity - cost) = 0.005 price quantity
        half_percent = Fraction(5, 1000)
        price = (self.cost - self.sign * self.margin) / (self.quantity * (1 - self.sign * half_percent))
        if price <= 0:
            return None
        return down(price) if self.sign > 0 else up(price)

    def beyond(self, price, level):
        return (price - level) * self.sign <= 0


@dataclass
class PaperAccount:
    """Cash, margins and what was earned. Positive adds to the account named."""

    balances: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    holdings: dict[str, Holding] = field(default_factory=dict)
    fills: list[dict] = field(default_factory=list)

    def deposit(self, amount):
        self.move({"deposits": -amount, "cash": amount})

    def hold(self, amount):
        self.move({"cash": -amount, "held": amount})

    def move(self, legs):
        for account, amount in legs.items():
            self.balances[account] += amount

    def closes(self, pair, side):
        """Return the quantity of the position that an order of `side` reduces."""
        holding = self.holdings.get(pair)
        return holding.quantity if holding is not None and holding.sign != side else Fraction(0)

    def close(self, pair, levels, fee_rate, *, released=Fraction(0), **fill):
        """Close (a part of) the position: released margin, profit and fee go to cash, never more than is there."""
        holding = self.holdings[pair]
        quantity, notional = quantity_of(levels), half_even(value_of(levels))
        fee, whole = up(notional * fee_rate), holding.quantity
        cost, margin, entry_fee = holding.cost, holding.margin, holding.entry_fee
        if quantity < whole:
            cost, margin, entry_fee = (down(amount * quantity / whole) for amount in (cost, margin, entry_fee))
        pnl = (notional - cost) * holding.sign
        gain = max(margin + pnl, 0) - fee
        floor = Fraction(0) if fill["reason"] == "liquidation" else -(self.balances["cash"] + released)
        gain = max(gain, floor)
        self.move({"held": -released, "cash": released + gain, f"margin:{pair}": -margin, f"pnl:{pair}": -pnl})
        self.move({"fees": fee, "insurance": margin + pnl - fee - gain})
        self.move_base(pair, -holding.sign * quantity)
        self.fills.append(fill | self.fill(pair, -holding.sign, levels, notional, fee, pnl))
        holding.quantity -= quantity
        holding.cost -= cost
        holding.margin -= margin
        holding.entry_fee -= entry_fee
        if not holding.quantity:
            del self.holdings[pair]

    def cost_of_opening(self, levels, leverage, fee_rate):
        """Return margin and fee of opening `levels`."""
        notional = half_even(value_of(levels))
        return down(notional / leverage), up(notional * fee_rate)

    def open(self, pair, side, levels, leverage, fee_rate, *, released, protection, **fill):
        """Open a position or add to it. `protection`: stop, target and trail as ordered, None where not."""
        quantity, notional = quantity_of(levels), half_even(value_of(levels))
        margin, fee = self.cost_of_opening(levels, leverage, fee_rate)
        self.move({"held": -released, "cash": released - margin - fee, f"margin:{pair}": margin, "fees": fee})
        self.move_base(pair, side * quantity)
        self.fills.append(fill | self.fill(pair, side, levels, notional, fee, Fraction(0)))
        stop, target, trail = protection
        ts = fill["ts"]
        if (holding := self.holdings.get(pair)) is None:
            entry = mean(value_of(levels) / quantity)
            self.holdings[pair] = Holding(
                *(side, quantity, notional, margin, fee, entry, leverage, ts, ts, stop, target, trail)
            )
            return
        holding.quantity += quantity
        holding.cost += notional
        holding.margin += margin
        holding.entry_fee += fee
        holding.entry = mean(holding.cost / holding.quantity)
        holding.leverage = min(max(round(holding.cost / holding.margin), 1), 20)
        self.protect(holding, holding.stop if stop is None else stop, holding.target if target is None else target, ts)
        holding.trail = holding.trail if trail is None else trail

    def protect(self, holding, stop, target, ts):
        if (stop, target) != (holding.stop, holding.target):
            holding.armed = ts
        holding.stop, holding.target = stop, target

    def move_base(self, pair, signed):
        self.move({f"position:{pair}": signed, f"market:{pair}": -signed})

    def fill(self, pair, side, levels, notional, fee, pnl):
        quantity = quantity_of(levels)
        return {
            "pair": pair,
            "side": side,
            "levels": [tuple(level) for level in levels],
            "quantity": quantity,
            "notional": notional,
            "fee": fee,
            "pnl": pnl,
        }
