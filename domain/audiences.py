"""Who is told what the broker made: who asked, the pair's bot, all bots, the hub, the notifier, the supervisor."""

from collections.abc import Mapping, Sequence

from domain.messages import (
    AccountChanged,
    ControlChanged,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PositionAmended,
    SettingsRecorded,
    StatisticsChanged,
)

HUB, NOTIFIER, SUPERVISOR = "hub", "notifier", "supervisor"


def bot_of(pair: str) -> str:
    return f"bot-{pair}"


def audience(message: object, *, asked: Mapping[str, str], pairs: Sequence[str]) -> tuple[str, ...]:
    """Return the names to tell, each once.

    Args:
        asked: who sent the command of an order id or amend id.
        pairs: the desk's pairs: each has a bot.
    """
    match message:
        case OrderAccepted(order=order) | OrderCancelled(order=order):
            names = [asked.get(f"cancel:{order.order_id}", ""), asked.get(order.order_id, ""), HUB]
        case OrderRefused(order_id=order_id):
            names = [asked.get(f"cancel:{order_id}", ""), asked.get(order_id, ""), HUB]
        case OrderFilled(order=order):
            names = [asked.get(order.order_id, ""), bot_of(order.pair), HUB, NOTIFIER]
        case PositionAmended(amend_id=amend_id, position=position):
            names = [asked.get(amend_id, ""), bot_of(position.pair), HUB]
        case ControlChanged() | AccountChanged() | StatisticsChanged():
            names = [*map(bot_of, pairs), HUB]
        case SettingsRecorded():
            names = [HUB, SUPERVISOR]
        case _:
            names = [HUB]
    return tuple(dict.fromkeys(name for name in names if name))
