"""Whether the values of a command can be worked with at all, before anything is computed, hashed or stored of them."""

from decimal import Decimal

from domain import filters
from domain.fills import LARGEST_LEVERAGE
from domain.filters import Refused
from domain.messages import AmendProtection, CancelOrder, ClosePosition, SetControl, SubmitOrder
from domain.trading import Control, OrderType, Reason, Refusal

Command = SubmitOrder | ClosePosition | AmendProtection | CancelOrder | SetControl

LONGEST_ID = 200
LONGEST_TEXT = 1000
LARGEST_WHOLE = 2**63 - 1  # of a BSON int64
OWN_ORDERS = tuple(
    f"{reason.value}:" for reason in (Reason.STOP_LOSS, Reason.TAKE_PROFIT, Reason.TRAILING_STOP, Reason.LIQUIDATION)
)


def check(command: Command) -> Refused | None:
    """Refuse what no journal document could hold, by the first field that is wrong."""
    pair = getattr(command, "pair", "")
    if pair and not _is_text(pair, LONGEST_ID):
        return Refused(Refusal.UNKNOWN_SYMBOL, "symbol must be a pair of this desk")
    match command:
        case SubmitOrder():
            return check_order(command)
        case ClosePosition():
            return check_close(command)
        case AmendProtection():
            return check_amend(command)
        case CancelOrder(order_id=order_id):
            return None if _is_text(order_id, LONGEST_ID) else bad(f"order_id must have 1 to {LONGEST_ID} characters")
        case SetControl():
            return check_control(command)


def check_id(order_id: str) -> Refused | None:
    """Refuse ids that are the exchange's own, empty, too long or no text."""
    if not _is_text(order_id, LONGEST_ID) or order_id.startswith(OWN_ORDERS):
        return bad(f"the order's id must have 1 to {LONGEST_ID} characters and not be one of the exchange's own")
    return None


def check_order(command: SubmitOrder) -> Refused | None:
    """Refuse numbers that are no numbers or out of range."""
    trailing = command.trailing
    return (
        check_id(command.order_id)
        or _first_positive(
            ("amount", command.quantity),
            ("value_usdt", command.notional),
            ("price", command.price),
            ("stop_loss", command.stop_loss),
            ("take_profit", command.take_profit),
            ("trailing distance", None if trailing is None else trailing.distance),
        )
        or _first_not_negative(
            ("trailing trigger", None if trailing is None else trailing.trigger),
            ("max_slippage_bps", command.max_slippage_bps),
            ("max_spread_bps", command.max_spread_bps),
            ("confidence", command.confidence),
        )
        or _check_terms(command)
    )


def check_close(command: ClosePosition) -> Refused | None:
    """Refuse a fraction that is none."""
    if refused := check_id(command.order_id):
        return refused
    fraction = command.fraction
    if not filters.is_short(fraction) or not 0 < fraction <= 1:
        return bad(f"fraction must be > 0 and <= 1 {filters.LENGTH}, was {str(fraction)[:40]}")
    return _check_decision(command.decision_id)


def check_amend(command: AmendProtection) -> Refused | None:
    """Refuse levels that are no prices."""
    if not _is_text(command.amend_id, LONGEST_ID):
        return bad(f"the change's id must have 1 to {LONGEST_ID} characters")
    return _first_positive(("stop_loss", command.stop_loss), ("take_profit", command.take_profit))


def check_control(command: SetControl) -> Refused | None:
    """Refuse texts and whole numbers that are too long for the journal."""
    if not _is_text(command.control_id, LONGEST_ID):
        return bad(f"the change's id must have 1 to {LONGEST_ID} characters")
    for value in (command.kind, command.actor, *_values(command.control)):
        if isinstance(value, str) and not (value == "" or _is_text(value, LONGEST_TEXT)):
            return bad(f"a text of the configuration must have at most {LONGEST_TEXT} characters")
        if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            return bad(f"a whole number of the configuration must be at most {LARGEST_WHOLE}")
    return None


def bad(message: str) -> Refused:
    return Refused(Refusal.BAD_MESSAGE, message)


def _check_terms(command: SubmitOrder) -> Refused | None:
    if (command.quantity is None) == (command.notional is None):
        return bad("exactly one of amount and value_usdt must be given")
    if not 1 <= command.leverage <= LARGEST_LEVERAGE:
        return bad(f"leverage must be 1 to {LARGEST_LEVERAGE}, was {command.leverage}")
    if command.order_type is not OrderType.MARKET and command.price is None:
        return bad(f"price must be given for a {command.order_type} order")
    return _check_decision(command.decision_id)


def _check_decision(decision_id: str | None) -> Refused | None:
    if decision_id is None or _is_text(decision_id, LONGEST_ID):
        return None
    return bad(f"decision_id must have 1 to {LONGEST_ID} characters")


def _first_positive(*named: tuple[str, Decimal | None]) -> Refused | None:
    for name, value in named:
        if refused := filters.positive(name, value):
            return refused
    return None


def _first_not_negative(*named: tuple[str, Decimal | None]) -> Refused | None:
    for name, value in named:
        if value is None:
            continue
        if not value.is_finite() or value < 0 or len(value.as_tuple().digits) > filters.MAX_DIGITS:
            return bad(f"{name} must be >= 0 and have at most {filters.MAX_DIGITS} digits, was {str(value)[:40]}")
        if value and abs(value.adjusted()) > filters.MAX_DIGITS:
            return bad(f"{name} must be 0 or within 1e-30 and 1e30, was {str(value)[:40]}")
    return None


def _values(control: Control) -> tuple[object, ...]:
    """Return all texts and numbers of a control, with the keys of its changes."""
    changes = (*control.defaults, *(change for _, changed in control.pairs for change in changed))
    return (
        *(part for change in changes for part in change),
        *(pair for pair, _ in control.pairs),
        *(control.enabled_pairs or ()),
        *(control.signal_sources or ()),
        control.trading_since_ms,
        control.analysis_since_ms,
    )


def _is_text(value: str, longest: int) -> bool:
    """Return whether `value` has 1 to `longest` characters, each of which UTF-8 can write."""
    if not 0 < len(value) <= longest:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
