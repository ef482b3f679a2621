import copy
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit import Witness, audit
from tests.journal_documents import deposits
from tests.ledger.session import FINAL_BALANCES, sealed, session

D = Decimal


def first(documents, **options):
    report = audit(documents, **options)
    assert not report.clean
    return report.findings[0]


def test_the_worked_session_is_clean_to_the_last_decimal():
    report = audit(session())
    assert [str(finding) for finding in report.findings] == []
    assert report.documents == report.seq == 11
    assert report.balances == FINAL_BALANCES
    assert (report.open_positions, report.open_orders) == (0, 0)


def test_open_positions_and_orders_are_counted():
    report = audit(session()[:5])
    assert report.clean
    assert (report.open_positions, report.open_orders) == (1, 1)


def _leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path


def _change(document, path, value):
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


ALL_LEAVES = [(n, path) for n, document in enumerate(session()) for path in _leaves(document)]


@given(st.sampled_from(ALL_LEAVES))
def test_any_single_changed_value_is_found_at_its_document(place):
    number, path = place
    documents = session()
    old = documents[number]
    for step in path:
        old = old[step]
    changed = f"{old}x" if isinstance(old, str) else old + D("0.00000001") if isinstance(old, Decimal) else "changed"
    _change(documents[number], path, changed)
    finding = first(documents)
    if path != ("seq",):
        assert finding.seq == number + 1
    if path != ("_id",):
        assert finding.document_id == session()[number]["_id"]


def test_a_changed_amount_names_the_document_and_both_hashes():
    documents = session()
    documents[5]["fill"]["fee"] = D("0.017")
    finding = first(documents)
    assert (finding.seq, finding.document_id, finding.rule) == (6, "fill:manual:2:1", "hash")
    assert documents[5]["hash"] in finding.message


@pytest.mark.parametrize(
    ("number", "path", "value", "rule", "message"),
    [
        (3, ("after", 0, "balance"), D("498.95"), "after", "cash in USDT must be 498.9499, stated is 498.95"),
        (3, ("fill", "notional"), D("1000.2"), "fill", "notional must be 1000.10000000, was 1000.2"),
        (3, ("fill", "price"), D("50006"), "fill", "price must be the mean of the levels, 50005"),
        (3, ("fill", "quantity"), D("0.03"), "order", "must fill at most 0.02, filled 0.03"),
        (3, ("fill", "fee"), D("1"), "fill", "1 must be posted to fees, posted is 1.0001"),
        (3, ("fill", "levels"), [], "fill", "levels must be a list"),
        (3, ("order", "leverage"), 1, "fill", r"1000.10000000 must be posted to margin:BTCUSDT, posted is 500.05"),
        (4, ("fill", "realized_pnl"), D("-5"), "fill", "realized_pnl must be -5.025"),
        (4, ("position", "margin"), D("375"), "position", "margin of BTCUSDT must be 375.0375"),
        (4, ("position", "direction"), "short", "position", "must be long BTCUSDT, stated is short BTCUSDT"),
        (5, ("order", "held"), D("40"), "order", "order.held must be 40.04, stated is 40"),
        (6, ("order", "filled"), D("0.0005"), "order", "order.filled must be 0.0004"),
        (8, ("position", "quantity"), D("0.0155"), "position", "quantity of BTCUSDT must be 0.0154"),
        (2, ("type",), "refund", "format", "type must be one of"),
        (1, ("postings", 0, "account"), "vault", "format", "account must be an account of the ledger"),
        (4, ("postings", 1, "account"), "margin:ETHUSDT", "format", "of the document's symbol, was 'margin:ETHUSDT'"),
        (10, ("state", "orders"), [{"order_id": "x"}], "checkpoint", r"open orders must be \[\], stated are \['x'\]"),
        (10, ("state", "holdings"), [{"position": {"symbol": "X"}}], "checkpoint", r"open positions must be \[\]"),
    ],
)
def test_a_lie_with_a_valid_hash_is_found_by_recomputing(number, path, value, rule, message):
    documents = copy.deepcopy(session())
    _change(documents[number - 1], path, value)
    finding = first(sealed(documents))
    assert (finding.seq, finding.rule) == (number, rule)
    assert re.search(message, finding.message), finding.message


def test_unbalanced_postings_are_found():
    documents = session()
    documents[0]["postings"][1]["amount"] = D("1000.00000001")
    documents[0]["after"][1]["balance"] = D("1000.00000001")
    rules = [finding.rule for finding in audit(documents).findings if finding.seq == 1]
    assert rules == ["hash", "balance"]


def test_assets_are_balanced_one_by_one():
    documents = session()
    documents[2]["postings"][3]["amount"] += D("0.001")
    documents[2]["postings"][2]["amount"] -= D("0.001")
    messages = [finding.message for finding in audit(documents).findings if finding.rule == "balance"]
    assert messages[0] == "postings in USDT must sum to 0, the sum is -0.0010"
    assert messages[1] == "postings in BTC must sum to 0, the sum is 0.001"


def test_negative_cash_is_found():
    documents = session()[:1]
    documents[0]["postings"] = [
        {"account": "deposits", "asset": "USDT", "amount": D(5)},
        {"account": "cash", "asset": "USDT", "amount": D(-5)},
    ]
    documents[0]["after"] = [
        {"account": "deposits", "asset": "USDT", "balance": D(5)},
        {"account": "cash", "asset": "USDT", "balance": D(-5)},
    ]
    assert first(sealed(documents)).message == "cash must not be negative, is -5 USDT"


def test_a_missing_document_is_a_gap():
    documents = session()
    del documents[6]
    finding = first(documents)
    assert (finding.seq, finding.rule) == (8, "gap")
    assert finding.message.endswith("missing: 7")


def test_a_document_twice_is_found():
    documents = deposits(3)
    finding = first([documents[0], documents[1], documents[1], documents[2]])
    assert (finding.seq, finding.rule, finding.message) == (2, "duplicate", "deposit:2 must occur once")


def test_a_document_of_another_chain_is_found():
    documents = deposits(3)
    documents[2] = deposits(1, first=3, prev="f" * 64)[0]
    finding = first(documents)
    assert (finding.seq, finding.rule) == (3, "chain")
    assert finding.message.startswith(f"prev must be {documents[1]['hash']}")


def test_swapped_documents_are_found():
    documents = deposits(3)
    assert first([documents[0], documents[2], documents[1]]).rule == "gap"


@pytest.mark.parametrize("value", [0.5, None])
def test_floats_and_nulls_are_found(value):
    documents = session()
    documents[3]["fill"]["fee"] = value
    finding = first(documents)
    assert (finding.seq, finding.rule) == (4, "format")
    assert finding.message.startswith("fill.fee must be")


def test_a_journal_cut_short_looks_whole_without_a_witness():
    assert audit(session()[:7]).clean


def test_a_journal_cut_short_is_found_through_its_witness():
    documents = session()
    witness = Witness(seq=11, hash=documents[10]["hash"], source="the anchor file")
    assert audit(documents, witnesses=[witness]).clean
    finding = first(documents[:7], witnesses=[witness])
    assert (finding.seq, finding.rule) == (11, "anchor")
    assert finding.message == ("the journal must reach seq 11, which the anchor file remembers; it ends with seq 7")


def test_a_journal_rewritten_as_a_whole_is_found_through_its_witness():
    witness = Witness(seq=2, hash=deposits(2)[1]["hash"], source="the anchor file")
    finding = first(deposits(3, prefix="other"), witnesses=[witness])
    assert (finding.seq, finding.rule) == (2, "anchor")


def test_a_long_list_of_findings_is_bounded():
    documents = deposits(300)
    for document in documents:
        document["epoch"] = "x"
    report = audit(documents)
    assert len(report.findings) == 100
    assert report.more == 500  # format and hash of each


def test_malformed_documents_are_findings_not_crashes():
    documents = [{"_id": 7}, {"seq": "x", "postings": 5}, {"seq": 3, "postings": [1], "after": {}, "order_id": "a"}]
    report = audit(documents)
    assert report.documents == 3
    assert not report.clean


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["_id", "seq", "type", "postings", "after", "order", "fill", "position", "order_id", "state"]
            ),
            st.recursive(
                st.none() | st.integers(-5, 5) | st.sampled_from(["fill", "order", "checkpoint", "cash", "1"]),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["account", "asset", "amount", "quantity", "holdings"]), inner)
                ),
            ),
        ),
        max_size=4,
    )
)
def test_no_rubbish_stops_the_audit(documents):
    assert audit(documents).documents == len(documents)
