from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.journal import seal
from ledger.audit import Witness, audit
from tests.ledger.forge import leaves
from tests.ledger.session import FINAL_BALANCES, sealed, session, switches

D = Decimal


def first(documents, **options):
    report = audit(documents, **options)
    assert not report.clean
    return report.findings[0]


def test_the_worked_session_is_clean_to_the_last_decimal():
    report = audit(session())
    assert [str(finding) for finding in report.findings] == []
    assert report.documents == report.seq == 12
    assert report.balances == FINAL_BALANCES
    assert (report.open_positions, report.open_orders) == (0, 0)


def test_open_positions_and_orders_are_counted():
    report = audit(session()[:7])
    assert report.clean
    assert (report.open_positions, report.open_orders) == (1, 1)


ALL_LEAVES = [(n, path) for n, document in enumerate(session()) for path, _ in leaves(document)]


def _change(document, path, value):
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


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
    documents[7]["fill"]["fee"] = D("0.017")
    finding = first(documents)
    assert (finding.seq, finding.document_id, finding.rule) == (8, "fill:manual:2:1", "hash")
    assert documents[7]["hash"] in finding.message


def test_unbalanced_postings_are_found():
    documents = session()
    documents[0]["postings"][1]["amount"] = D("1000.00000001")
    documents[0]["after"][1]["balance"] = D("1000.00000001")
    rules = [finding.rule for finding in audit(documents).findings if finding.seq == 1]
    assert rules == ["hash", "balance", "postings"]


def test_assets_are_balanced_one_by_one():
    documents = session()
    documents[4]["postings"][3]["amount"] += D("0.001")
    documents[4]["postings"][2]["amount"] -= D("0.001")
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


def _unsealed(document):
    return {key: value for key, value in document.items() if key not in ("prev", "hash")}


def test_a_missing_document_is_a_gap():
    documents = session()
    del documents[6]
    finding = first(documents)
    assert (finding.seq, finding.rule) == (8, "gap")
    assert finding.message.endswith("missing: 7")


def test_a_document_twice_is_found():
    documents = switches(3)
    finding = first([documents[0], documents[1], documents[1], documents[2]])
    assert (finding.seq, finding.rule, finding.message) == (2, "duplicate", "control:2 must occur once")


def test_a_document_of_another_chain_is_found():
    documents = switches(3)
    documents[2] = seal(_unsealed(documents[2]), "f" * 64)
    finding = first(documents)
    assert (finding.seq, finding.rule) == (3, "chain")
    assert finding.message.startswith(f"prev must be {documents[1]['hash']}")


def test_swapped_documents_are_found():
    documents = switches(3)
    assert first([documents[0], documents[2], documents[1]]).rule == "gap"


@pytest.mark.parametrize("value", [0.5, None])
def test_floats_and_nulls_are_found(value):
    documents = session()
    documents[5]["fill"]["fee"] = value
    finding = first(documents)
    assert (finding.seq, finding.rule) == (6, "format")
    assert finding.message.startswith("fill.fee must be")


def test_a_journal_cut_short_looks_whole_without_a_witness():
    assert audit(session()[:7]).clean


def test_a_journal_cut_short_is_found_through_its_witness():
    documents = session()
    witness = Witness(seq=12, hash=documents[11]["hash"], source="the anchor file")
    assert audit(documents, witnesses=[witness]).clean
    finding = first(documents[:7], witnesses=[witness])
    assert (finding.seq, finding.rule) == (12, "anchor")
    assert finding.message == ("the journal must reach seq 12, which the anchor file remembers; it ends with seq 7")


def test_a_journal_rewritten_as_a_whole_is_found_through_its_witness():
    witness = Witness(seq=2, hash="e" * 64, source="the anchor file")
    finding = first(switches(3), witnesses=[witness])
    assert (finding.seq, finding.rule) == (2, "anchor")


def test_a_long_list_of_findings_is_bounded():
    documents = switches(300)
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
