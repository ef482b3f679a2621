"""What the exchange knows of the moment beside the desk. Lost on restart: catch-up finds it again."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.trading import MarketEvent, Reason, Trailing


@dataclass(frozen=True, slots=True)
class Trigger:
    """A stop that was reached and waits for its book."""

    reason: Reason
    price: Decimal  # of the trade that reached it; once books filled a part, the worst price they gave
    event: MarketEvent  # that trade, or that book
    deadline_ms: int
    opened_seq: int = 0  # of the position it closes; 0 for a stop order
    walked: bool = False  # a book filled a part


@dataclass(frozen=True, slots=True)
class Trail:
    """A trailing stop that moved and that no document tells yet. It counts all the same."""

    trailing: Trailing
    event: MarketEvent  # what moved it
    ts_ms: int
    opened_seq: int  # of its position


@dataclass(slots=True)
class Waiting:
    """Stops that were reached, limits that met a book, candles that were opened."""

    triggers: dict[str, Trigger] = field(default_factory=dict)  # pair -> the position's stop
    triggered: dict[str, Trigger] = field(default_factory=dict)  # order id -> a stop order
    arrived: set[str] = field(default_factory=set)  # limits that met a book: from then on they are makers
    opened: dict[str, int] = field(default_factory=dict)  # pair -> open time of the candle whose open was handled

    def forget(self, order_id: str) -> None:
        """Forget an order that is no longer open."""
        self.triggered.pop(order_id, None)
        self.arrived.discard(order_id)
