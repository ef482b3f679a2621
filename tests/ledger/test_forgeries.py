"""A journal changed by somebody who can recompute its balances and its chain: the audit names the changed document."""

import copy
import random
import re
from decimal import Decimal

import pytest

from ledger.audit import audit
from tests.ledger.forge import change, exported, forged, leaves
from tests.ledger.session import PAIR, START_MS, session
from tests.ledger.world import World, random_steps

D = Decimal


def found(documents):
    report = audit(forged(documents))
    assert not report.clean
    return report.findings


def posts(document, **amounts) -> None:
    """Add to the postings of `document`, to accounts that it may post to already; `_` stands for `:`."""
    legs = {leg["account"]: D(leg["amount"]) for leg in document["postings"]}
    for name, amount in amounts.items():
        account = name.replace("_", ":")
        legs[account] = legs.get(account, D(0)) + D(amount)
    document["postings"] = [
        {
            "account": account,
            "asset": "BTC" if account.startswith(("position", "market")) else "USDT",
            "amount": f"{x:f}",
        }
        for account, x in legs.items()
        if x
    ]


def extra_cash_from_deposits(documents):
    posts(documents[4], cash="1000", deposits="-1000")


def extra_cash_from_insurance(documents):
    posts(documents[4], cash="1000", insurance="-1000")


def settings_that_pay(documents):
    posts(documents[1], cash="500", deposits="-500")


def an_amendment_that_pays(documents):
    posts(documents[9], cash="1", fees="-1")


def a_control_that_pays(documents):
    posts(documents[11], cash="1", fees="-1")


def an_order_that_holds_too_much(documents):
    posts(documents[6], cash="-1", held="1")
    documents[6]["order"]["held"] = "41.04"


def no_fee(documents):
    posts(documents[4], cash="1.0001", fees="-1.0001")
    documents[4]["fill"]["fee"] = documents[4]["position"]["entry_fee"] = "0"


def a_fee_of_another_rate(documents):
    posts(documents[4], cash="0.50005", fees="-0.50005")
    documents[4]["fill"]["fee"] = documents[4]["position"]["entry_fee"] = "0.50005"


def less_margin(documents):
    posts(documents[4], cash="1", **{"margin_BTCUSDT": "-1"})
    documents[4]["position"]["margin"] = "499.05"


def a_loss_that_insurance_pays(documents):
    posts(documents[5], cash="5.025", insurance="-5.025")


def another_asset(documents):
    for leg in documents[4]["postings"]:
        if leg["asset"] == "USDT":
            leg["asset"] = "USDC"


def a_base_asset_in_quote(documents):
    for leg in documents[4]["postings"]:
        if leg["asset"] == "BTC":
            leg["asset"] = "USDT"


def a_leg_in_two_parts(documents):
    first = documents[4]["postings"][0]
    first["amount"] = "-500"
    documents[4]["postings"].append(first | {"amount": "-1.0501"})


def a_second_deposit(documents):
    second = copy.deepcopy(documents[0]) | {key: documents[11][key] for key in ("seq", "ts", "recorded_at")}
    documents[11] = second | {"_id": "deposit:2"}


def a_deposit_that_takes(documents):
    for leg in documents[0]["postings"]:
        leg["amount"] = leg["amount"].removeprefix("-") if leg["account"] == "deposits" else "-1000"


def a_correction(documents):
    documents[11] = {key: documents[11][key] for key in ("seq", "ts", "recorded_at", "epoch", "v", "after")} | {
        "_id": "correction:1",
        "type": "correction",
        "postings": [],
    }
    posts(documents[11], cash="100", deposits="-100")


def an_order_removed(documents):
    del documents[3]
    for seq, document in enumerate(documents, start=1):
        document["seq"] = seq
        if document["type"] in ("checkpoint", "settings"):
            document["_id"] = f"{document['type']}:{seq}"


def a_smaller_order_in_the_fill(documents):
    documents[4]["order"]["quantity"] = "0.03"
    documents[4]["order"]["status"] = "open"


def both_sides_turned(documents):
    documents[4]["fill"]["side"] = "sell"


def the_orders_side_turned(documents):
    documents[4]["order"]["side"] = "sell"


def taker_as_maker(documents):
    documents[4]["fill"]["liquidity"] = "maker"


def a_flipping_exit(documents):
    documents[5]["fill"]["quantity"] = documents[5]["fill"]["levels"][0][1] = "0.03"
    documents[5]["fill"]["notional"] = "1470"


def a_fill_twice(documents):
    again = copy.deepcopy(documents[7]) | {key: documents[8][key] for key in ("seq", "ts", "recorded_at")}
    documents[8] = again


def an_exit_without_a_position(documents):
    documents[11] = copy.deepcopy(documents[10]) | {key: documents[11][key] for key in ("seq", "ts", "recorded_at")}


def an_exit_without_a_stop(documents):
    for document in documents[3:6]:
        document["order"].pop("stop_loss", None)
        document.get("position", {}).pop("stop_loss", None)


def an_epoch_that_rises_and_falls(documents):
    documents[6]["epoch"] = 2


def a_run_in_between(documents):
    for document in documents[6:]:
        document["epoch"] = 3


@pytest.mark.parametrize(
    ("forge", "seq", "rule", "message"),
    [
        (extra_cash_from_deposits, 5, "postings", "-501.0501 must be posted to cash, posted is 498.9499"),
        (extra_cash_from_insurance, 5, "postings", "-501.0501 must be posted to cash, posted is 498.9499"),
        (settings_that_pay, 2, "postings", "nothing must be posted to cash, posted is 500"),
        (an_amendment_that_pays, 10, "postings", "nothing must be posted to cash"),
        (a_control_that_pays, 12, "postings", "nothing must be posted to cash"),
        (an_order_that_holds_too_much, 7, "order", "order.held must be 40.04, stated is 41.04"),
        (no_fee, 5, "fee", "fill.fee must be 1.0001, 0.001 of the notional, was 0"),
        (a_fee_of_another_rate, 5, "fee", "fill.fee must be 1.0001, 0.001 of the notional, was 0.50005"),
        (less_margin, 5, "position", "position.margin must be 500.05, stated is 499.05"),
        (a_loss_that_insurance_pays, 6, "postings", "119.7425 must be posted to cash, posted is 124.7675"),
        (another_asset, 5, "postings", "cash must be in USDT, was in USDC"),
        (a_base_asset_in_quote, 5, "postings", "must be in the pair's base asset, was in USDT"),
        (a_leg_in_two_parts, 5, "postings", "each account must be posted to once"),
        (a_second_deposit, 12, "deposit", "the deposit must be seq 1 and the only one, this is seq 12"),
        (a_deposit_that_takes, 1, "deposit", "more than 0 must be paid in, was -1000"),
        (a_correction, 12, "type", "the desk must write no correction"),
        (an_order_removed, 4, "order", "order manual:1 must be taken before it fills"),
        (a_smaller_order_in_the_fill, 5, "order", "order.quantity must be 0.02, stated is 0.03"),
        (both_sides_turned, 5, "fill", "fill.side must be the order's, buy, was sell"),
        (the_orders_side_turned, 5, "order", "order.side must be buy, stated is sell"),
        (taker_as_maker, 5, "fill", "fill.liquidity of a market order must be taker, was maker"),
        (a_flipping_exit, 6, "fill", "at most 0.02 of its order, was 0.03"),
        (a_fill_twice, 9, "order", "order.fills must be 2, stated is 1"),
        (an_exit_without_a_position, 12, "order", "an exit must have a position"),
        (an_exit_without_a_stop, 6, "order", "an exit must have a position with a level for it"),
        (an_epoch_that_rises_and_falls, 8, "time", "epoch must be 2 or 3, was 1"),
        (a_run_in_between, 7, "time", "epoch must be 1 or 2, was 3"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_forged_journal_is_found_at_the_forged_document(forge, seq, rule, message):
    documents = copy.deepcopy(exported(session()))
    forge(documents)
    report = [finding for finding in found(documents) if finding.rule == rule]
    assert report, [str(finding) for finding in found(documents)]
    assert (found(documents)[0].seq, found(documents)[0].document_id) == (seq, documents[seq - 1]["_id"])
    assert any(message in finding.message for finding in report), [str(finding) for finding in report]


@pytest.mark.parametrize(
    ("seq", "path", "value", "rule", "message"),
    [
        (1, ("_id",), "deposit:0", "id", "_id must be deposit, was deposit:0"),
        (1, ("recorded_at",), 0, "time", r"ts must be that of recorded_at, 0, was"),
        (2, ("v",), 2, "version", "v must be a known version, 1 is the newest, was 2"),
        (2, ("type",), "refund", "format", "type must be one of"),
        (2, ("note",), "x", "format", "note must not be there, no such field is known"),
        (2, ("_id",), "settings:3", "id", "_id must be settings:2"),
        (2, ("recorded_at",), START_MS, "time", "recorded_at must not fall"),
        (3, ("state", "balances", 0, "balance"), "1500", "checkpoint", r"state.balances\[0\].balance must be 1000, st"),
        (3, ("state", "settings_seq"), 1, "checkpoint", "state.settings_seq must be 2, stated is 1"),
        (3, ("state", "tally", "total_profit"), "9", "checkpoint", "state.tally.total_profit must be 0, stated is 9"),
        (3, ("state", "more"), 1, "checkpoint", "state.more must be nothing, stated is 1"),
        (3, ("state", "orders"), [{"order_id": "x"}], "checkpoint", "state.orders must have 0 entries, stated are 1"),
        (4, ("order", "filled"), "0.01", "order", "order.filled of a new order must be 0"),
        (4, ("order", "side"), "hold", "format", "order.side must be one of buy, sell"),
        (4, ("order", "limit_price"), "50000", "order", "order.limit_price must not be there for a market order"),
        (4, ("order", "created"), START_MS + 9000, "order", "order.created must not be after"),
        (4, ("order", "source"), "exchange", "order", "an order of the exchange itself must not be taken"),
        (4, ("order", "reduce_only"), True, "order", "at most what there is to reduce, 0"),
        (4, ("order", "held"), "5", "order", "order.held must be 0 where nothing waits at a price"),
        (4, ("order", "leverage"), 21, "format", "order.leverage must be a whole number from 1 to 20"),
        (4, ("reason",), "entry", "order", "order.reason must be entry, stated is manual"),
        (4, ("symbol",), "ETHUSDT", "order", "order.symbol must be ETHUSDT, stated is BTCUSDT"),
        (5, ("ts",), 0, "time", "ts must be the market event's"),
        (5, ("market_event",), None, "format", "market_event must be there"),
        (5, ("market_event", "kind"), "trade", "fill", "market_event of model book20 must be book, was trade"),
        (5, ("model",), "guess", "format", "model must be one of"),
        (5, ("model",), "trade", "fill", "market_event of model trade must be trade, was book"),
        (
            5,
            ("market_event", "kind"),
            "candle",
            "fill",
            "market_event of model book20 must be book, was candle",
        ),
        (5, ("fill", "catch_up"), True, "fill", "fill.catch_up does not fit model book20, was true"),
        (5, ("fill", "notional"), "1000.2", "fill", "fill.notional must be 1000.1, was 1000.2"),
        (5, ("fill", "price"), "50006", "fill", "fill.price must be the mean of the levels, 50005"),
        (5, ("fill", "levels"), [], "format", "fill.levels must be a list of at least 1"),
        (5, ("fill", "quantity"), "0.03", "fill", "the levels' quantities must sum to 0.03, their sum is 0.02"),
        (5, ("fill", "maker"), True, "format", "fill.maker must not be there"),
        (5, ("order", "leverage"), 1, "order", "order.leverage must be 2, stated is 1"),
        (5, ("order", "quantity"), "0.03", "order", "order.quantity must be 0.02, stated is 0.03"),
        (5, ("order", "fills"), 2, "order", "order.fills must be 1, stated is 2"),
        (5, ("trade_id",), "manual:1:2", "fill", "it.trade_id must be manual:1, stated is manual:1:2"),
        (5, ("_id",), "fill:manual:1:2", "id", "_id must be fill:manual:1:1"),
        (5, ("position", "entry_price"), "50000", "position", "position.entry_price must be 50005"),
        (5, ("position", "stop_loss"), "48000", "position", "position.stop_loss must be 49100, stated is 48000"),
        (5, ("position", "stop_loss"), None, "position", "position.stop_loss must be 49100, stated is nothing"),
        (5, ("position", "take_profit"), "60000", "position", "position.take_profit must be nothing"),
        (5, ("position", "opened"), START_MS, "position", "position.opened must be"),
        (5, ("position", "trade_id"), "manual:9", "position", "position.trade_id must be manual:1"),
        (5, ("position", "entry_fee"), "0", "position", "position.entry_fee must be 1.0001"),
        (5, ("closed",), {}, "format", "closed.trade_id must be there"),
        (6, ("fill", "realized_pnl"), "-5", "fill", "fill.realized_pnl must be -5.025"),
        (6, ("position", "margin"), "375", "position", "position.margin must be 375.0375"),
        (6, ("position", "direction"), "short", "position", "position.direction must be long, stated is short"),
        (6, ("order", "trigger_price"), "49000", "order", "order.trigger_price must be 49100, stated is 49000"),
        (6, ("closed", "entry_fee"), "0.25", "position", "closed.entry_fee must be 0.250025"),
        (6, ("closed",), None, "position", "closed.trade_id must be manual:1, stated is nothing"),
        (6, ("reason",), "take_profit", "order", "an exit must have a position with a level for it"),
        (8, ("fill", "liquidity"), "taker", "", ""),  # a limit may cross on arrival: at one rate nobody can tell
        (8, ("fill", "levels", 0, 0), "40001", "fill", "a buy limited to 40000 must not fill at 40001"),
        (8, ("order", "held"), "24", "order", "order.held must be 24.024, stated is 24"),
        (9, ("order", "filled"), "0.0005", "order", "order.filled must be 0.0004"),
        (9, ("order", "status"), "filled", "order", "order.status must be cancelled or expired"),
        (9, ("_id",), "cancel:manual:1", "id", "_id must be cancel:manual:2"),
        (10, ("position", "quantity"), "0.0155", "position", "position.quantity must be 0.0154"),
        (10, ("position", "entry_price"), "49000", "position", "position.entry_price must be 49745.12987012987"),
        (10, ("reason",), "liked", "position", "reason must be requested or trailing_stop, was liked"),
        (10, ("symbol",), "ETHUSDT", "position", "a position in ETHUSDT must be open to be amended, none is"),
        (11, ("type",), "fill", "fill", "it.type must be liquidation, stated is fill"),
        (11, ("order", "trigger_price"), "24475", "order", "order.trigger_price must be 24475.4617242"),
        (12, ("control", "trading"), "yes", "format", "control.trading must be true or false"),
        (12, ("_id",), "start", "id", "_id must begin with control:"),
    ],
)
def test_a_changed_value_is_found_at_its_document(seq, path, value, rule, message):
    documents = exported(session())
    documents[seq - 1] = change(documents[seq - 1], path, value)
    report = audit(forged(documents))
    if not rule:
        assert report.clean
        return
    assert report.findings[0].seq == seq
    sentences = [finding.message for finding in report.findings if finding.rule == rule]
    assert any(re.search(re.escape(message) if "\\" not in message else message, each) for each in sentences), [
        str(finding) for finding in report.findings
    ]


# What only the outside world could witness: nothing else in the journal depends on it.
ALONE = {
    ("order", "content"),
    ("cancel", "reason"),
    ("fill", "fill.catch_up"),  # of a candle
    ("fill", "model"),  # book20 or top
    ("liquidation", "model"),
    ("amend", "_id"),
    ("control", "_id"),
    ("control", "reason"),
    ("control", "actor"),
    ("settings", "settings.changed.#"),
}
ALONE_BELOW = ("seen.", "market_event.", "markets.", "control.", "settings.", "recorded_at", "ts")
LATER = ("epoch", "seq", "order.", "position.", "settings.")  # found where something depends on it


def other_than(value: object, numbers: random.Random) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + numbers.choice([-1, 1])
    text = str(value)
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return f"{D(text) + numbers.choice([D(1), D('0.01')]):f}"
    swap = {"buy": "sell", "sell": "buy", "maker": "taker", "taker": "maker", "bot": "manual", "manual": "bot"}
    return swap.get(text, text + "x")


@pytest.mark.parametrize("has_books", [True, False])
def test_hardly_a_value_can_be_changed_unseen(has_books):
    documents = exported(World(has_books=has_books).run(random_steps(11, 250, has_books=has_books)))
    assert audit(forged(documents)).clean
    numbers = random.Random(3)
    for number, path, value in numbers.sample(_places(documents), 150):
        name = ".".join("#" if isinstance(step, int) else step for step in path)
        forgery = change(documents[number], path, other_than(value, numbers))
        after = documents[number + 1 : number + 40]
        report = audit(forged([*documents[:number], forgery, *after]))
        kind = documents[number]["type"]
        if report.clean:
            assert (kind, name) in ALONE or name.startswith((*ALONE_BELOW, *LATER)), (kind, name, value)
        elif report.findings[0].seq != number + 1:
            late = (kind, name) in ALONE or name.startswith((*LATER, *ALONE_BELOW))
            assert late, (kind, name, value, str(report.findings[0]))


def _places(documents):
    skipped = ("prev", "hash", "after", "state")
    return [
        (number, path, value)
        for number, document in enumerate(documents)
        for path, value in leaves(document)
        if path[0] not in skipped
    ]


def test_fees_before_the_first_settings_document_must_be_of_one_rate():
    documents = [document for document in exported(session()) if document["type"] not in ("settings", "checkpoint")]
    for seq, document in enumerate(documents, start=1):
        document["seq"] = seq
        for name in ("_id", "order_id", "trade_id"):
            if name in document:
                document[name] = document[name].replace(f"{PAIR}:5", f"{PAIR}:3")
        if "order" in document:
            document["order"]["order_id"] = document["order_id"]
    report = audit(forged(documents))
    assert [str(finding) for finding in report.findings] == []
    assert report.remarks == [
        "4 taker fees stand before the first settings document: they were checked against one rate inferred from them, "
        "0.001000",
        "1 maker fees stand before the first settings document: they were checked against one rate inferred from them, "
        "0.001000",
    ]
    posts(documents[3], cash="0.1", fees="-0.1")
    documents[3]["fill"]["fee"] = "0.145"
    finding = found(documents)[0]
    assert (finding.seq, finding.rule) == (4, "fee")
    assert finding.message.startswith("taker fees must be of one rate, up to here about 0.001000, this is 0.000592")
