"""Mail about a pair waits until its missed market has come."""

from dataclasses import replace

from actors import catch_up
from actors.catch_up import CatchUp, slices
from domain.messages import BookChanged, MissedTrades, QuoteChanged, TradePrinted
from tests.domain.paper import PAIR, T0, book, bought, exchange, limit, trade


def printed(n):
    return TradePrinted(pair=PAIR, trade=trade(n, "100", n), catch_up=False)


def changed(n):
    return BookChanged(pair=PAIR, book=book(n))


def asked():
    made, ex = CatchUp(), exchange()
    bought(ex)
    return made, ex, made.ask(PAIR, ex, T0 + 1000)


def test_without_anything_seen_the_question_begins_where_our_own_began():
    _, _, question = asked()
    assert (question.since_ms, question.since_trade_id) == (T0 + 100, None)


def test_a_repeated_question_keeps_its_id():
    made, ex, question = asked()
    assert made.ask(PAIR, ex, T0 + 9000) == question


def test_mail_waits_in_order_and_of_books_in_a_row_the_newest():
    made, ex, question = asked()
    order = limit("l1", "buy", "1", "90")
    for message in (printed(1), changed(2), changed(3), order, changed(4)):
        assert made.keeps(message, ex.desk)
    answer = MissedTrades(pair=PAIR, trades=(), candles=(), request_id=question.request_id)
    assert not made.keeps(answer, ex.desk)
    assert not made.keeps(replace(printed(5), pair="ETHUSDT"), ex.desk)
    assert not made.keeps(QuoteChanged(quote=None), ex.desk)
    assert made.is_answer(answer) and not made.is_answer(replace(answer, request_id="other"))
    waiting, some_lost = made.done(PAIR)
    assert (list(waiting), some_lost) == ([printed(1), changed(3), order, changed(4)], False)
    assert not made


def test_commands_are_never_let_go(monkeypatch):
    monkeypatch.setattr(catch_up, "WAITING_BOUND", 2)
    made, ex, _ = asked()
    order = limit("l1", "buy", "1", "90")
    for message in (printed(1), printed(2), printed(3), order):
        made.keeps(message, ex.desk)
    waiting, some_lost = made.done(PAIR)
    assert (list(waiting), some_lost) == ([printed(1), printed(2), order], True)


def test_a_long_answer_is_handled_in_slices():
    missed = MissedTrades(pair=PAIR, trades=tuple(trade(n, "100", n) for n in range(1201)), candles=(), request_id="r")
    assert [len(part.trades) for part in slices(missed)] == [500, 500, 201]
