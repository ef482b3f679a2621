"""A recorded session with other settings: what is taken from the recording, and what is said of the difference."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.message_codec import MessageCodec
from adapters.recorder_files import recordings
from domain.messages import BookChanged, FormOpinion, OpinionFormed, Ping, RulesChanged, SubmitOrder
from domain.trading import OrderSource
from replay.command import main
from replay.mail import outside_mail
from replay.recording import Session
from replay.what_if import Outcome, RecordedAnalyst, play, recorded_settings
from replay.what_if_report import report
from settings import as_recorded, parse_settings
from tests.bots import features, opinion
from tests.domain.paper import T0, close
from tests.replay.recorded_broker import RecordedDesk


@pytest.fixture
def desk(tmp_path, peers, clock, timers):
    desk = RecordedDesk(tmp_path, peers, clock, timers)
    yield desk
    desk.recorder.close()


def mail(desk: RecordedDesk):
    codec = MessageCodec(plain=as_recorded, settings=parse_settings)
    return list(outside_mail(Session(recordings(desk.folder)[-1]), codec, frozenset({"grok"})))


def test_the_market_and_the_operators_come_from_the_recording_the_bots_orders_do_not(desk):
    desk.open_long(reply_to="hub")
    desk.tell(close("bot:BTCUSDT:1", reply_to="bot-BTCUSDT", source=OrderSource.BOT, submitted_ms=T0 + 500), at_ms=500)
    desk.end()
    events = mail(desk)
    assert [type(event.message[1]) for event in events if event.message[0] == "broker"].count(BookChanged) == 2
    assert any(isinstance(event.message[1], RulesChanged) for event in events)
    orders = [event.message[1] for event in events if isinstance(event.message[1], SubmitOrder)]
    assert [order.reply_to for order in orders] == ["hub"]
    times = [event.time_ms for event in events]
    assert times == sorted(times)


def test_an_operators_order_is_filled_at_the_same_price_with_the_fee_of_the_other_settings(desk):
    desk.open_long()
    desk.end()
    path = recordings(desk.folder)[-1]
    own = recorded_settings(path)
    dear = own.model_copy(update={"paper": own.paper.model_copy(update={"taker_fee": Decimal("0.002")})})
    again, other = play(path, own, "played again"), play(path, dear, "dear")
    [filled], [costly] = again.trades.values(), other.trades.values()
    assert (filled.price, filled.fee) == (Decimal("100.01"), Decimal("0.10001"))
    assert (costly.price, costly.fee) == (Decimal("100.01"), Decimal("0.20002"))
    lines = list(report(Outcome("recorded"), again, other))
    assert "difference of dear to played again: +0 trades" in lines[4]
    assert "fees +0.10 USDT" in lines[4]
    assert lines[5] == "1 trades are the same in both"


def test_the_command_prints_the_difference(desk, tmp_path, capsys):
    desk.open_long()
    desk.end()
    (tmp_path / "other.yaml").write_text("paper: {taker_fee: 0.002}")
    assert main([str(desk.folder), "--settings", str(tmp_path / "other.yaml")]) == 0
    assert "other.yaml" in capsys.readouterr().out
    (tmp_path / "bad.yaml").write_text("paper: {taker_fee: many}")
    assert main([str(desk.folder), "--settings", str(tmp_path / "bad.yaml")]) == 2
    assert "paper.taker_fee" in capsys.readouterr().out


def test_a_model_answers_a_question_once_with_what_it_said_next(peers):
    asked = FormOpinion(
        round_id="BTCUSDT:2", features=features(), reply_to="bot-BTCUSDT", deadline_ms=T0 + 9000, settings_hash="h"
    )
    pair = asked.features.pair
    said = [opinion(analyst="grok", pair=pair, round_id=f"{pair}:{number}") for number in (1, 7)]
    analyst = RecordedAnalyst.start(name="analyst-grok", tell=peers.tell)
    for message in (
        OpinionFormed(opinion=said[0]),
        asked,
        OpinionFormed(opinion=said[1]),
        OpinionFormed(opinion=said[1]),
    ):
        analyst.tell(message)
    assert analyst.ask(Ping(), timeout=30)
    assert peers.sent == [("bot-BTCUSDT", OpinionFormed(opinion=replace(said[1], round_id="BTCUSDT:2")))]
