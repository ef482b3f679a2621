"""Answers to a command that was done before: what the journal says, told once more."""

from collections.abc import Callable, Mapping
from typing import Any

from domain import documents
from domain.messages import OrderAccepted, OrderCancelled, OrderFilled
from domain.ports import JournalDocument
from domain.trading import Account

Find = Callable[[str], JournalDocument | None]


def order_answers(accepted: JournalDocument, find: Find, account: Account) -> tuple[object, ...]:
    """Return the acceptance, the first execution and the end of an order, as far as they happened.

    Args:
        accepted: the order's own document.
        find: looks a document up by its id.
        account: as it is now.
    """
    body: Mapping[str, Any] = accepted
    order_id = body["order_id"]
    answers: list[object] = [
        OrderAccepted(seq=int(body["seq"]), order=documents.read_order(body["order"]), repeated=True)
    ]
    if (fill := find(f"fill:{order_id}:1")) is not None:
        answers.append(_filled(fill, account))
    if (cancel := find(f"cancel:{order_id}")) is not None:
        ended: Mapping[str, Any] = cancel
        order = documents.read_order(ended["order"])
        answers.append(OrderCancelled(seq=int(ended["seq"]), order=order, message=ended["reason"]))
    return tuple(answers)


def _filled(document: JournalDocument, account: Account) -> OrderFilled:
    body: Mapping[str, Any] = document
    return OrderFilled(
        seq=int(body["seq"]),
        order=documents.read_order(body["order"]),
        trade=documents.read_trade(body),
        closed=documents.read_closed(body),
        position=documents.read_position(body["position"]),
        account=account,
        repeated=True,
    )
