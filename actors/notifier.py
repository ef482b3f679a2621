"""Tells people who do not look at the dashboard: by webhook, by Telegram, without anybody waiting for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent

from actors.base import Actor
from domain.errors import PermanentError, SourceUnavailable
from domain.market import Source
from domain.messages import (
    AccountChanged,
    ActorStarted,
    ActorStatusChanged,
    Alerted,
    ControlChanged,
    DeskGaveUp,
    OrderFilled,
    RecentTrades,
    SendAccount,
    SettingsApplied,
    StatisticsChanged,
    TimerFired,
)
from domain.notifications import ALERT, GAVE_UP, Notice, NotificationText, Outbox, closed_by, of_trade
from domain.ports import Clock, Measures, NotificationChannels, Peers, Timers
from settings import Settings

BROKER = "broker"
SEND = "send"  # key of the timer of a channel: "send webhook"
LAST_SECONDS = 2.0  # for what still waits at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSent:
    """Sending greenlet -> notifier. `error` None when the message was taken."""

    channel: str
    error: str | None = None
    again: bool = False  # the same may be taken later
    retry_after_seconds: float | None = None


class NotifierActor(Actor):
    """Tells fills, exits, alerts and who gave up, over all channels that the settings name.

    Handles: OrderFilled, RecentTrades, Alerted, ActorStatusChanged, DeskGaveUp, NotificationSent, TimerFired,
        SettingsApplied, ActorStarted.
    Tells: broker SendAccount (for its recent executions).
    State: what waits, the newest execution it has seen. Lost on restart, and so is what was executed meanwhile: what
        the broker shows a newcomer is taken as known, so that no start repeats what was told before.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        channels: NotificationChannels,
        measures: Measures,
        source: Source,
        on_death: Callable[[str, str, str], None] | None = None,
    ) -> None:
        super().__init__(name="notifier", on_death=on_death)
        self._settings = settings.notifications
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._channels = channels
        self._measures = measures
        self._source = source
        self._boxes: dict[str, Outbox] = {}
        self._sending: dict[str, gevent.Greenlet[..., None]] = {}  # channel -> its newest message on its way
        self._failing: dict[str, str] = {}  # channel -> what was said about it last
        self._seq: int | None = None  # of the newest execution seen; None before the broker spoke

    def on_start(self) -> None:
        self._peers.tell(BROKER, SendAccount(reply_to=self.name))

    def on_receive(self, message: object) -> object:
        match message:
            case OrderFilled():
                self._on_order_filled(message)
            case RecentTrades():
                self._on_recent_trades(message)
            case Alerted():
                self._add(Notice(kind=ALERT, text=f"{message.level}: {message.message}", at_ms=message.at_ms))
            case ActorStatusChanged(state="gave_up"):
                self._add(self._gave_up(f"{message.name} gave up: {message.error}"))
            case DeskGaveUp():
                self._add(self._gave_up(f"the desk ends: {message.reason}"))
            case NotificationSent():
                self._on_sent(message)
            case TimerFired():
                self._flush()
            case SettingsApplied(settings=Settings() as settings):
                self._on_settings(settings)
            case ActorStarted(name="broker"):
                self._peers.tell(BROKER, SendAccount(reply_to=self.name))
            case AccountChanged() | ControlChanged() | StatisticsChanged() | ActorStatusChanged():
                pass  # comes with what was asked for
            case _:
                return super().on_receive(message)
        return None

    # --- what is told

    def _on_order_filled(self, message: OrderFilled) -> None:
        if message.repeated or (self._seq is not None and message.seq <= self._seq):
            return
        self._seq = message.seq
        self._add(of_trade(message.trade, message.closed))

    def _on_recent_trades(self, message: RecentTrades) -> None:
        """Tell what was stored while the broker could not say so; nothing at this actor's own start."""
        newest = max((trade.seq for trade in message.trades), default=0)
        known, self._seq = self._seq, max(newest, self._seq or 0)
        if known is not None:
            for trade in sorted(message.trades, key=lambda trade: trade.seq):
                if trade.seq > known:
                    self._add(of_trade(trade, closed_by(trade, message.closed)))

    def _gave_up(self, sentence: str) -> Notice:
        return Notice(kind=GAVE_UP, text=sentence, at_ms=self._clock.now_ms())

    def _on_settings(self, settings: Settings) -> None:
        self._settings = settings.notifications
        for box in self._boxes.values():
            box.per_minute = self._settings.per_minute
        self._flush()

    # --- sending

    def _add(self, notice: Notice) -> None:
        if notice.kind not in self._settings.events:
            return
        for channel in self._channels.names():
            box = self._boxes.setdefault(channel, Outbox(self._settings.per_minute))
            self._dropped(channel, box.add(notice))
        self._flush()

    def _flush(self) -> None:
        now_ms, channels = self._clock.now_ms(), self._channels.names()
        for channel, box in list(self._boxes.items()):
            if channel not in channels:
                if box.due_ms(now_ms) is not None:  # none on its way: nobody is to be told there any more
                    self._dropped(channel, len(box))
                    del self._boxes[channel]
                continue
            self._dropped(channel, box.expire(now_ms))
            if (message := box.take(now_ms, self._source)) is not None:
                self._sending[channel] = gevent.spawn(self._send, channel, message)
            elif (due_ms := box.due_ms(now_ms)) is not None:
                self._timers.after((due_ms - now_ms) / 1000, self.name, f"{SEND} {channel}")

    def _send(self, channel: str, message: NotificationText) -> None:
        """Runs in a greenlet of its own; its answer comes as mail."""
        self._peers.tell(self.name, self._try(channel, message))

    def _try(self, channel: str, message: NotificationText) -> NotificationSent:
        try:
            self._channels.send(channel, message)
        except SourceUnavailable as error:
            return NotificationSent(
                channel=channel, error=str(error), again=True, retry_after_seconds=error.retry_after_seconds
            )
        except PermanentError as error:
            return NotificationSent(channel=channel, error=str(error))
        except Exception as error:  # the edge of the greenlet: without an answer the channel would be mute for ever
            self.log.exception("A message by %s failed", channel)
            return NotificationSent(channel=channel, error=type(error).__name__, again=True)
        return NotificationSent(channel=channel)

    def _on_sent(self, message: NotificationSent) -> None:
        box = self._boxes.get(message.channel)
        if box is None:
            return
        self._measures.notified(message.channel, "sent" if message.error is None else "failed", 1)
        self._note(message.channel, message.error)
        if message.again:
            after = message.retry_after_seconds
            wait_ms = None if after is None else int(after * 1000)
            self._dropped(message.channel, box.put_off(self._clock.now_ms(), wait_ms))
        else:
            box.settled()
        self._flush()

    def _note(self, channel: str, error: str | None) -> None:
        """Log what is new about a channel; it is no alert, which would be told over the channel itself."""
        if error is not None and self._failing.get(channel) != error:
            self.log.warning("Notifications by %s fail: %s", channel, error)
        if error is None and channel in self._failing:
            self.log.info("Notifications by %s work again", channel)
        self._failing.pop(channel, None)
        if error is not None:
            self._failing[channel] = error

    def _dropped(self, channel: str, count: int) -> None:
        if count:
            self._measures.notified(channel, "dropped", count)

    def on_stop(self) -> None:
        """Let what is on its way arrive; send what waits once more, whatever the limit says: after this nobody does."""
        now_ms = self._clock.now_ms()
        last: list[gevent.Greenlet[..., Any]] = [*self._sending.values()]
        for channel in self._channels.names():
            box = self._boxes.get(channel)
            if box is not None and (message := box.last(now_ms, self._source)) is not None:
                last.append(gevent.spawn(self._try, channel, message))
        gevent.joinall(last, timeout=LAST_SECONDS)
        gevent.killall(last, block=False)
