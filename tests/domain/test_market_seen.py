"""Records of how far the market was gone through count only for the journal they were made of."""

from domain import market_seen
from domain.market_seen import SeenRecords, newest
from domain.trading import MarketEvent

PAIR, OTHER = "BTCUSDT", "ETHUSDT"


def seen_at(number, ts_ms, kind="trade"):
    return MarketEvent(kind=kind, id=number, ts_ms=ts_ms)


def stored(seen, seq, head):
    return [{**value, "_id": key, "seq": at} for key, at, value in market_seen.records(seen, seq=seq, head=head)]


def test_what_is_kept_comes_back_when_the_journal_has_its_document():
    kept = {PAIR: seen_at(7, 100), OTHER: seen_at(60, 99, "candle")}
    records = SeenRecords(stored(kept, 5, "hash 5"))
    records.at(4, "hash 4")
    assert records.seen == {}
    records.at(5, "hash 5")
    assert records.seen == kept


def test_of_another_journal_nothing_holds():
    records = SeenRecords(stored({PAIR: seen_at(7, 100)}, 5, "hash 5"))
    records.at(5, "another")
    records.at(6, "hash 5")
    assert records.seen == {}


def test_a_record_of_nonsense_is_left_out():
    good = stored({PAIR: seen_at(7, 100)}, 5, "h")[0]
    bad = [{"_id": "A", "seq": 5, "hash": "h"}, {**good, "_id": "B", "id": "x"}, {}]
    records = SeenRecords([*bad, good])
    records.at(5, "h")
    assert records.seen == {PAIR: seen_at(7, 100)}


def test_the_later_of_both_counts():
    told = {PAIR: seen_at(7, 100), OTHER: seen_at(60, 99, "candle")}
    assert newest(told, {PAIR: seen_at(8, 100), OTHER: seen_at(61, 100)}) == {
        PAIR: seen_at(8, 100),
        OTHER: seen_at(61, 100),
    }
    assert newest(told, {PAIR: seen_at(6, 100), OTHER: seen_at(61, 99)}) == told
    assert newest({}, told) == told
