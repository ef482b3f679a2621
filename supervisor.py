"""The service: builds the desk, starts its actors, keeps them alive, stops them. `python supervisor.py --help`."""

from gevent import monkey

monkey.patch_all()  # before any other import: they must all see patched sockets and locks

import faulthandler
import gc

if __name__ == "__main__":
    gc.disable()  # what a start makes stays; `run` turns it on again
    faulthandler.enable()  # what ends by a signal leaves its stack: a watchdog's SIGABRT, a fault in C

import argparse
import importlib
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
import gevent.event
from pydantic import SecretStr
from pykka import ActorRef

from actors.analyst import AnalystActor
from actors.background_audit import BackgroundAudit
from actors.bot import BotActor
from actors.broker import BrokerActor
from actors.directory import Directory, Handle, PeersOf, Unavailable
from actors.gevent_actor import Inbox
from actors.hub import HubActor
from actors.market import MarketActor
from actors.news import NewsActor
from actors.notifier import NotifierActor
from actors.supervision import (
    ChildSpec,
    DeathReport,
    SendActorStates,
    StartActor,
    StartChildren,
    StartFailed,
    StopChildren,
    SupervisorActor,
)
from actors.timers import GeventTimers, TimersOf, VirtualTimers
from actors.transcribed import plain_arguments, transcribed
from actors.virtual_time import VirtualDriver
from adapters.anchor import AnchorFile
from adapters.binance import BinanceSource
from adapters.binance_rest import probe_binance
from adapters.clock import ScaledClock, SystemClock, VirtualClock
from adapters.cryptopanic import CryptoPanicSource
from adapters.disk import free_bytes
from adapters.feargreed import FearGreedSource
from adapters.logs import RecentLines, set_up_logging
from adapters.loop_watch import LoopWatch
from adapters.mongo import MongoStores
from adapters.mongod import EmbeddedMongod
from adapters.notifications import NotificationChannelsByHttp
from adapters.openrouter_requests import EndpointRules, is_openrouter
from adapters.recorded import RecordedSource
from adapters.recording import Recording
from adapters.redaction import RedactedStream, Redactor
from adapters.rss import RssSource
from adapters.sentiment import LexiconSentiment
from adapters.systemd import Notifier
from adapters.weight_governor import WeightGovernor
from domain.errors import LedgerCorrupt, LedgerUnavailable, QuorumError, SettingsError
from domain.journal import epoch_ms, unknown_version
from domain.market import Source
from domain.messages import (
    ActorStatusChanged,
    Alerted,
    DeskGaveUp,
    RecordSettings,
    ReloadSettings,
    SettingsApplied,
    SettingsReloaded,
)
from domain.pair_names import base_asset
from domain.ports import Clock, Head, MarketSource, MoodSource, NewsSource
from domain.transcript import Transcript
from ledger.background import JournalVerifier
from settings import (
    Settings,
    as_decided,
    as_flat,
    as_recorded,
    diff,
    is_loopback,
    load_settings,
    needs_restart,
    parse_settings,
    settings_hash,
)
from sim.world import World
from web.measures import MeasuresKept
from web.metrics import ActorFigures, DeskFigures
from web.server import WebServer

if TYPE_CHECKING:
    from adapters.openrouter import OpenRouterEndpoint  # a third of all imports: made while the database starts
    from adapters.recorder import Recorder

VERSION = "0.1.0"
SUFFIXES = {Source.BINANCE: "", Source.SIMULATED: "_sim", Source.RECORDED: "_rec"}
BANNERS = {
    Source.BINANCE: None,
    Source.SIMULATED: "Simulated exchange: these are not real prices.",
    Source.RECORDED: "Recorded market data: these prices are from the past.",
}
EXIT_OK, EXIT_FAILED, EXIT_SETTINGS, EXIT_LEDGER = 0, 1, 2, 3
ANCHOR_SECONDS = 60.0
ANCHORS = 1440  # of the newest day: compared beside the running desk; `ledger audit` compares all
ARCHIVE_AHEAD = 2000  # documents that virtual time may be ahead of the database
STOP_SECONDS = 9.0  # of everything
STORES_STOP_SECONDS = 1.5  # of that, kept for what comes after the actors
BLOCKED_SECONDS = 2.0  # computing for longer without a break is named in the log
MOST_AHEAD_MS = 1000  # of the journal before the wall clock, without a warning

NewTranscript = Callable[[object, Mapping[str, object]], Transcript]

log = logging.getLogger("supervisor")


# --- the outside world ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Where prices, news and models come from, and the time they live in."""

    source: Source
    settings: Settings  # with the addresses in force
    market: MarketSource
    news: tuple[NewsSource, ...]
    mood: MoodSource | None
    endpoint: "OpenRouterEndpoint | None"
    clock: Clock
    timers: GeventTimers | VirtualTimers
    governor: WeightGovernor | None = None
    world: World | None = None  # the simulated one
    recorded: RecordedSource | None = None  # stepped by a driver when its time is virtual


def choose_source(settings: Settings) -> Source:
    """Return where prices come from; `auto` asks Binance once, for 5 s at most."""
    if settings.market.source != "auto":
        return Source(settings.market.source)
    if probe_binance(settings.market.rest_urls):
        return Source.BINANCE
    log.warning("Binance cannot be reached: the SIMULATED exchange is used, in a database of its own")
    return Source.SIMULATED


def live_outside(settings: Settings, directory: Directory, source: Source, *, recorded_ms: int) -> Outside:
    """Build the connections to Binance, or to a simulated world that is started here.

    Args:
        recorded_ms: when the newest journal document was written: time begins no earlier.
    """
    clock = SystemClock(not_before_ms=recorded_ms)
    if (ahead_ms := clock.now_ms() - SystemClock().now_ms()) > MOST_AHEAD_MS:
        log.warning("The clock must be after the newest journal document, is %.0f s before it", ahead_ms / 1000)
    timers = GeventTimers(peers=directory, clock=clock)
    world = None
    if source is Source.SIMULATED:
        world = World(pairs=tuple(settings.bots.pairs))
        world.start()
        settings = _inside(world, settings)
    governor = WeightGovernor(weight_per_minute=settings.market.weight_per_minute)
    market = BinanceSource(
        pairs=tuple(settings.bots.pairs),
        intervals=settings.market.intervals,
        rest_urls=settings.market.rest_urls,
        stream_urls=settings.market.stream_urls,
        governor=governor,
        peers=directory,
        clock=clock,
        stale_after_seconds=settings.market.stale_after_seconds,
        history=settings.market.history,
        kind=source,
    )
    return Outside(
        source=source,
        settings=settings,
        market=market,
        news=_news_sources(settings, world),
        mood=FearGreedSource(settings.news.fear_greed_url),
        endpoint=_endpoint(settings, world),
        clock=clock,
        timers=timers,
        governor=governor,
        world=world,
    )


def _inside(world: World, settings: Settings) -> Settings:
    """Return the settings with the addresses of the simulated world; models on this machine are asked themselves."""
    own_models = is_loopback(urlsplit(settings.llm.base_url).hostname or "")
    market = {"rest_urls": (world.rest_url,), "stream_urls": (world.stream_url,)}
    news = {"rss": world.rss_urls, "cryptopanic_url": world.cryptopanic_url, "fear_greed_url": world.fear_greed_url}
    return settings.model_copy(
        update={
            "market": settings.market.model_copy(update=market),
            "news": settings.news.model_copy(update=news),
            "llm": settings.llm if own_models else settings.llm.model_copy(update={"base_url": world.openrouter_url}),
        }
    )


def _news_sources(settings: Settings, world: World | None) -> tuple[NewsSource, ...]:
    sources: list[NewsSource] = [RssSource(url) for url in settings.news.rss]
    key = settings.secrets.cryptopanic_api_key
    if key is not None and world is None:
        currencies = tuple(base_asset(pair) for pair in settings.bots.pairs)
        sources.append(CryptoPanicSource(url=settings.news.cryptopanic_url, key=key, currencies=currencies))
    return tuple(sources)


def _unused_sources(outside: Outside) -> dict[str, str]:
    """Return the news sources that this desk could have and has not, with the reason for people."""
    if any(source.name == CryptoPanicSource.name for source in outside.news):
        return {}
    reason = "no key" if outside.source in (Source.BINANCE, Source.SIMULATED) else "a recording has no news"
    return {CryptoPanicSource.name: reason}


def _endpoint(settings: Settings, world: World | None) -> "OpenRouterEndpoint | None":
    """Return the way to the models; None where OpenRouter is to be asked without a key."""
    key = settings.secrets.openrouter_api_key
    rules = _endpoint_rules(settings, world)
    scripted = _is_scripted(settings, world)
    if key is None and not scripted and rules.openrouter:
        return None
    from adapters.openrouter import OpenRouterEndpoint

    return OpenRouterEndpoint(
        base_url=settings.llm.base_url,
        api_key="simulated" if scripted else _revealed(key),
        max_cost_usd_per_call=settings.llm.max_cost_usd_per_call,
        rules=rules,
    )


def _is_scripted(settings: Settings, world: World | None) -> bool:
    return world is not None and settings.llm.base_url == world.openrouter_url


def _endpoint_rules(settings: Settings, world: World | None) -> EndpointRules:
    """Any other endpoint than OpenRouter, and what simulates it, is asked in the words all servers know."""
    llm = settings.llm
    return EndpointRules(
        openrouter=_is_scripted(settings, world) or is_openrouter(llm.base_url),
        answer_format=llm.answer_format,
        max_concurrent_calls=llm.max_concurrent_calls,
        provider_order=llm.provider_order,
        provider_only=llm.provider_only,
        provider_ignore=llm.provider_ignore,
        provider_fallbacks=llm.provider_fallbacks,
    )


def recorded_outside(settings: Settings, directory: Directory, *, speed: float, resume_ms: int | None) -> Outside:
    """Build a player of `market.recording`: `speed` times real time, or virtual time for 0.

    News feeds are left out: what they say today was not known then.
    """
    recording = Recording(
        settings.market.recording or "", pairs=tuple(settings.bots.pairs), intervals=settings.market.intervals
    )
    start_ms = max(recording.first_ms, resume_ms or 0)
    clock: VirtualClock | ScaledClock
    timers: GeventTimers | VirtualTimers
    if speed:
        clock = ScaledClock(start_ms=start_ms, speed=speed)
        timers = GeventTimers(peers=directory, clock=clock, speed=speed)
    else:
        clock = VirtualClock(start_ms=start_ms)
        timers = VirtualTimers(peers=directory, clock=clock, resolution_seconds=1.0 if recording.has_books else 60.0)
    player = RecordedSource(
        recording=recording,
        peers=directory,
        clock=clock,
        speed=speed,
        history=settings.market.history,
        resume_ms=resume_ms,
    )
    return Outside(
        source=Source.RECORDED,
        settings=settings,
        market=player,
        news=(),
        mood=None,
        endpoint=_endpoint(settings, None),
        clock=clock,
        timers=timers,
        recorded=player,
    )


# --- the desk ---------------------------------------------------------------------------------------------------------


class Desk:
    """Everything of one running service. `start`, `wait`, `stop`; used by `main` and by system tests."""

    def __init__(
        self,
        settings: Settings,
        *,
        path: Path,
        speed: float = 1.0,
        market: str | None = None,
        logs: RecentLines | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.settings = self._in_force = settings
        self._logs = logs
        self._redactor = Redactor() if redactor is None else redactor
        self.directory = Directory()
        self.ended: gevent.event.AsyncResult[tuple[int, str]] = gevent.event.AsyncResult()  # (exit code, reason)
        self._path = path
        self._speed = speed
        self._market = market
        self._real_timers = GeventTimers(peers=self.directory, clock=SystemClock())  # whatever time the desk lives in
        self._mongod: EmbeddedMongod | None = None
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self._notifier = Notifier.from_environment()
        self._supervisor: ActorRef[Any] | None = None
        self._web: WebServer | None = None
        self._recorder: Recorder | None = None
        self._measures = MeasuresKept()
        self._channels = NotificationChannelsByHttp()
        self._loop_watch = LoopWatch(limit_seconds=BLOCKED_SECONDS)

    @property
    def address(self) -> str:
        """Where the dashboard is."""
        assert self._web is not None
        return self._web.address

    @property
    def recorded_bytes(self) -> int:
        """How much the recorder has written."""
        return 0 if self._recorder is None else self._recorder.bytes

    def start(self) -> None:
        """Start everything, in order.

        Raises:
            QuorumError: one sentence that says what is missing.
        """
        self._name_channels(self.settings)
        probing = gevent.spawn(choose_source, self.settings)
        uri = self._database_uri()
        source = probing.get()
        self.database = self.settings.storage.database + SUFFIXES[source]
        self._open_stores(uri)
        self.outside = self._outside(source)
        self._running = self.outside.settings  # as the actors have them
        self._in_force = self.settings  # the same without the addresses of a simulated world: what the journal names
        if self.outside.endpoint is not None:
            self.outside.endpoint.on_called = self._measures.model_called
        self._start_web()
        self._start_recorder()
        self._start_actors()
        self._spawn(self._anchor)
        self._spawn(self._audit.run)
        if isinstance(self.outside.timers, VirtualTimers):
            self._spawn(self._drive)
        self._loop_watch.start()
        self._notifier.ready()

    def wait(self) -> tuple[int, str]:
        """Return the exit code and the reason, once there is one to stop."""
        ended = self.ended.get()
        assert ended is not None
        return ended

    def stop(self) -> None:
        """Stop everything, in reverse, within STOP_SECONDS even when the database hangs."""
        end = time.monotonic() + STOP_SECONDS
        self._notifier.stopping()
        self._loop_watch.stop()
        if self._web is not None:
            self._web.stop()
        gevent.killall(self._greenlets)
        if self._supervisor is not None:
            within = end - STORES_STOP_SECONDS - time.monotonic()
            self._ask_supervisor(StopChildren(within_seconds=within), within + 0.5)
            self._supervisor.stop(block=False)
        if self._recorder is not None:
            self._recorder.close()
        if outside := getattr(self, "outside", None):
            _stop_outside(outside)
        if stores := getattr(self, "stores", None):
            gevent.with_timeout(_share(end), self._last_anchor, timeout_value=None)
            stores.close(timeout_seconds=_share(end))
        if self._mongod is not None:
            self._mongod.stop(grace_seconds=_share(end))

    # --- recording

    def _start_recorder(self) -> None:
        """Record what bots, broker and analysts handle; a recording that is played needs no second one."""
        settings, outside = self.settings, self.outside
        if not settings.recorder.enabled or outside.source is Source.RECORDED:
            return
        from adapters.message_codec import MessageCodec
        from adapters.recorder import Recorder, sources_hash

        header = {
            "version": VERSION,
            "sources": sources_hash(Path(__file__).parent),
            "source": outside.source,
            "database": self.database,
            "settings_hash": settings_hash(settings),
        }
        self._recorder = Recorder(
            folder=Path(settings.storage.data_dir).expanduser() / "recordings",
            codec=MessageCodec(plain=as_recorded, settings=parse_settings),
            header=header,
            max_bytes=int(settings.recorder.max_gib * 2**30),
            started_ms=outside.clock.now_ms(),
            on_off=self._recorder_off,
            spare_bytes=settings.storage.min_free_mib << 20,
        )
        self._spawn(self._recorder.run)

    def _recorder_off(self, sentence: str) -> None:
        alert = Alerted(level="error", code="recorder_off", message=sentence, at_ms=self.outside.clock.now_ms())
        self.directory.tell("hub", alert)

    # --- database

    def _database_uri(self) -> str:
        given = self.settings.secrets.mongodb_uri
        if given is not None:
            return given.get_secret_value()
        self._mongod = EmbeddedMongod(data_dir=self.settings.storage.data_dir, on_gave_up=self._database_gave_up)
        self._spawn(self._import_meanwhile)
        uri = self._mongod.start()
        self._redactor.hide([uri])
        return uri

    def _import_meanwhile(self) -> None:
        """Import what only models need while the database's process starts: it has a core of its own."""
        while self._mongod is None or self._mongod.pid is None:
            gevent.sleep(0.005)
        if self.settings.secrets.openrouter_api_key is not None or self.settings.market.source != "binance":
            importlib.import_module("adapters.openrouter")

    def _database_gave_up(self, sentence: str) -> None:
        log.error("The embedded database gave up: %s", sentence)
        sentence = f"The embedded database gave up: {sentence}"
        now_ms = SystemClock().now_ms()
        self.directory.tell("hub", Alerted(level="error", code="database", message=sentence, at_ms=now_ms))

    def _open_stores(self, uri: str) -> None:
        self.stores = MongoStores(uri=uri, database=self.database)
        self._anchors = AnchorFile(data_dir=self.settings.storage.data_dir, database=self.database)
        self._audit = BackgroundAudit(
            store=self.stores.ledger,
            archive=self.stores.archive,
            peers=self.directory,
            clock=SystemClock(),
            verifier=lambda: JournalVerifier(self._anchors.newest(ANCHORS)),
        )
        self.stores.prepare()
        self._check_version()
        self._check_anchor()

    def _check_version(self) -> None:
        """Leave alone what a newer program has written."""
        if (head := self.stores.ledger.head()) is None:
            return
        newest = next(self.stores.ledger.read(after_seq=head.seq - 1), None)
        if newest is not None and (sentence := unknown_version(newest)):
            raise SettingsError(sentence)

    def _check_anchor(self) -> None:
        """A cut-off tail leaves a chain that looks whole: only the anchor outside the database shows it.

        The desk then starts all the same, to be looked at: the broker asks the audit and writes nothing.
        """
        anchor, head = self._anchors.last(), self.stores.ledger.head()
        if anchor is None:
            return
        found = head if head is None or head.seq <= anchor.seq else self._head_at(anchor.seq)
        if found is None or found.seq != anchor.seq:
            end = 0 if head is None else head.seq
            self._audit.found(
                f"the journal of {self.database} must reach seq {anchor.seq} without a gap, ends at {end}"
            )
        elif found.hash != anchor.hash:
            self._audit.found(f"the journal of {self.database} has another document at seq {anchor.seq} than before")

    def _head_at(self, seq: int) -> Head | None:
        document = next(self.stores.ledger.read(after_seq=seq - 1), None)
        return None if document is None else Head(seq=int(str(document["seq"])), hash=str(document["hash"]))

    def _anchor(self) -> None:
        while True:
            gevent.sleep(ANCHOR_SECONDS)
            self._last_anchor()

    def _last_anchor(self) -> None:
        if self._audit.finding:
            return  # a head that contradicts the file must not become what the file remembers
        try:
            if (head := self.stores.ledger.head()) is not None:
                self._anchors.append(head, ts_ms=SystemClock().now_ms())
        except (OSError, LedgerUnavailable) as error:
            log.warning("The journal's head was not anchored: %s", error)

    # --- outside

    def _outside(self, source: Source) -> Outside:
        recorded_ms = self._recorded_ms()
        if source is not Source.RECORDED:
            return live_outside(self.settings, self.directory, source, recorded_ms=recorded_ms or 0)
        # An earlier run of this recording goes on where it was.
        return recorded_outside(self.settings, self.directory, speed=self._speed, resume_ms=recorded_ms)

    def _recorded_ms(self) -> int | None:
        """Return when the newest journal document was written, None before the first."""
        head = self.stores.ledger.head()
        document = None if head is None else next(self.stores.ledger.read(after_seq=head.seq - 1), None)
        recorded_at = None if document is None else document.get("recorded_at")
        return epoch_ms(recorded_at) if isinstance(recorded_at, datetime) else None

    def _drive(self) -> None:
        """Step a recording in virtual time."""
        recorded, timers, clock = self.outside.recorded, self.outside.timers, self.outside.clock
        assert recorded is not None and isinstance(timers, VirtualTimers) and isinstance(clock, VirtualClock)
        VirtualDriver(
            clock=clock,
            timers=timers,
            events=recorded.events(),
            deliver=partial(self.directory.tell, "market"),
            quiet=self._quiet,
        ).run()
        if (head := self.stores.ledger.head()) is not None:
            log.info("Journal head: seq %d, hash %s", head.seq, head.hash)

    def _quiet(self) -> bool:
        endpoint = self.outside.endpoint
        calls = 0 if endpoint is None else endpoint.pending
        return calls == 0 and self.stores.archive.pending < ARCHIVE_AHEAD and self.directory.quiet()

    # --- actors

    def _start_actors(self) -> None:
        self._supervisor = SupervisorActor.start(
            specs=self._specs(),
            directory=self.directory,
            timers=self._real_timers,
            give_up=self._give_up,
            reload_settings=self._reload,
            specs_of=self._bot_specs,
            on_sweep=self._on_sweep,
        )
        self._supervisor.ask(StartChildren())
        self.directory.tell("broker", self._record_settings(self.settings, ()))

    def _specs(self) -> tuple[ChildSpec, ...]:
        outside, settings = self.outside, self.outside.settings
        assert self._web is not None
        bots = tuple(f"bot-{pair}" for pair in settings.bots.pairs)
        common = {"settings": settings, "clock": outside.clock, "timers": outside.timers}
        archive, analysts = self.stores.archive, tuple(settings.analysts)
        return (
            ChildSpec(
                name="notifier",  # first: it stops last, and tells why
                start=_starter(
                    NotifierActor,
                    settings=settings,
                    clock=SystemClock(),  # people wait in real time
                    timers=self._real_timers,
                    channels=self._channels,
                    measures=self._measures,
                    source=outside.source,
                ),
                shutdown_seconds=2.5,  # longer than its last messages may take
            ),
            _child("market", MarketActor, **common, source=outside.market, bots=bots),
            _child(
                "news",
                NewsActor,
                **common,
                sources=outside.news,
                mood=outside.mood,
                sentiment=LexiconSentiment(),
                disabled=_unused_sources(outside),
                archive=archive,
                bots=bots,
            ),
            ChildSpec(
                name="broker",
                start=_starter(
                    BrokerActor,
                    **common,
                    transcripts=self._transcripts("broker"),
                    real_timers=self._real_timers,  # the database does not live in the desk's time
                    store=self.stores.ledger,
                    archive=archive,
                    has_books=outside.market.has_books,
                    source=outside.source,
                    measures=self._measures,
                    audit=self._audit,
                    free_bytes=self._free_bytes if self._looks_for_room(outside.source) else None,
                ),
                start_seconds=300.0,  # recovery reads the journal
                hang_seconds=30.0,  # longer than any write may take
                shutdown_seconds=5.0,
                critical=True,
                followed_by=bots,
            ),
            *(
                _child(
                    f"analyst-{name}",
                    AnalystActor,
                    **common,
                    transcripts=self._transcripts(f"analyst-{name}"),
                    name_in_settings=name,
                    endpoint=outside.endpoint,
                    archive=archive,
                    budget=self.stores.budget,
                )
                for name in analysts
            ),
            *self._bot_specs(SettingsApplied(settings=settings, settings_hash=settings_hash(self.settings))),
            _child(
                "hub",
                HubActor,
                **{**common, "timers": self._real_timers},  # clients wait in real time
                notices=self._web.notices,
                archive=archive,
                source=outside.source,
                banner=BANNERS[outside.source],
                version=VERSION,
                settings_hash=settings_hash(self.settings),
                last_audit=lambda: self._audit.last,
                logs=self._logs,
            ),
        )

    def _bot_specs(self, applied: SettingsApplied) -> tuple[ChildSpec, ...]:
        outside, settings = self.outside, applied.settings
        assert isinstance(settings, Settings)
        return tuple(
            _child(
                f"bot-{pair}",
                BotActor,
                transcripts=self._transcripts(f"bot-{pair}"),
                settings=settings,
                clock=outside.clock,
                timers=outside.timers,
                pair=pair,
                analysts=tuple(outside.settings.analysts),
                source=outside.source,
                settings_hash=applied.settings_hash,
                archive=self.stores.archive,
            )
            for pair in settings.bots.pairs
        )

    def _transcripts(self, name: str) -> NewTranscript | None:
        """Return what begins the transcript of each generation of an actor, None where nothing is recorded."""
        return None if self._recorder is None else partial(self._recorder.transcript, name)

    # --- web

    def _start_web(self) -> None:
        secrets, settings = self.settings.secrets, self.outside.settings
        self._web = WebServer(
            settings=settings.server,
            clock=self.outside.clock,
            tell=self.directory.tell,
            health=self._health,
            figures=self._figures,
            measures=self._measures,
            pairs=tuple(settings.bots.pairs),
            dist=Path(__file__).parent / "frontend" / "dist",
            operator_token=_revealed(secrets.hub_operator_token),
            viewer_token=_revealed(secrets.hub_viewer_token),
        )
        try:
            self._web.start()
        except OSError as error:
            where = f"{settings.server.host}:{settings.server.port}"
            raise StartFailed(f"server.port: must be free, {where} is not ({error.strerror})") from None

    def _health(self) -> dict[str, dict[str, object]]:
        states: tuple[ActorStatusChanged, ...] = self._ask_supervisor(SendActorStates(), 1.0) or ()
        actors: dict[str, dict[str, object]] = {
            status.name: {"state": status.state, "restarts": status.restarts, "mailbox": status.mailbox}
            | ({"last_error": status.error} if status.error else {})
            for status in states
        }
        actors["supervisor"] = {"state": "running" if states else "not answering"}
        return actors

    def _figures(self) -> DeskFigures:
        """What /metrics shows. Collected at each scrape; what does not answer is left out."""
        states = {status.name: status for status in self._ask_supervisor(SendActorStates(), 1.0) or ()}
        audited = self._audit.last
        handles = [handle for name in self.directory.names() if (handle := self.directory.handle(name)) is not None]
        return DeskFigures(
            actors=tuple(_actor_figures(handle, states.get(handle.name)) for handle in handles),
            market_weight_used=self.outside.governor.used() if self.outside.governor else None,
            disk_free_bytes=self._free_bytes(),
            last_audit_ms=audited.at_ms if audited else None,
            last_audit_clean=not self._audit.finding,
            loop_blocked=self._loop_watch.count,
        )

    def _free_bytes(self) -> int | None:
        return free_bytes(self.settings.storage.data_dir)

    def _looks_for_room(self, source: Source) -> bool:
        """A database elsewhere has a disk of its own; a recording gives the same journal whatever the disk."""
        return self._mongod is not None and source is not Source.RECORDED

    # --- supervision

    def _give_up(self, code: int, reason: str) -> None:
        if not self.ended.ready():
            self.directory.tell("notifier", DeskGaveUp(reason=reason))
            self.ended.set((code, reason))

    def _on_sweep(self, healthy: bool, down: tuple[str, ...]) -> None:
        if healthy:
            self._notifier.watchdog()
        self._notifier.status(f"degraded: {', '.join(down)}" if down else f"all actors run; {self.address}")

    def _ask_supervisor(self, message: object, timeout: float) -> Any:
        try:
            return self.directory.ask("supervisor", message, timeout=timeout)
        except Unavailable as error:
            log.warning("%s", error)
            return None

    def _spawn(self, function: Callable[[], None]) -> None:
        self._greenlets.append(gevent.spawn(function))

    # --- settings

    def _record_settings(self, settings: Settings, changed: tuple[str, ...]) -> RecordSettings:
        return RecordSettings(
            settings_hash=settings_hash(settings),
            changed=changed,
            values=as_flat(as_decided(settings)),
            submitted_ms=self.outside.clock.now_ms(),
        )

    def _reload(self, message: ReloadSettings) -> SettingsApplied | None:
        """Read the file again. An invalid one changes nothing; what needs a restart is named and kept as it is."""
        old = self.settings
        try:
            new = load_settings(self._path, market=self._market)
        except SettingsError as error:
            log.error("Settings not reloaded:\n%s", error)
            self._answer_reload(message, error=str(error).replace(str(self._path), self._path.name))
            return None
        changed = diff(old, new)
        self.settings = new
        joining = () if self.outside.source is Source.RECORDED else _added(self._running, new)
        self._in_force = _applied(self._in_force, new, joining)
        self._answer_reload(message, changed=changed, live=tuple(f"bots.pairs.{pair}" for pair in joining))
        if not changed:
            return None
        log.info("Settings reloaded: %s", ", ".join(changed))
        self.directory.tell("broker", self._record_settings(self._in_force, changed))
        logging.getLogger().setLevel(new.logging.level)
        self._running = applied = _applied(self._running, new, joining)
        _retune(self.outside, applied)
        self._name_channels(applied)
        if self._web is not None:
            self._web.apply(applied.server)
        return SettingsApplied(settings=applied, settings_hash=settings_hash(self._in_force))

    def _name_channels(self, settings: Settings) -> None:
        told, token = settings.notifications, settings.secrets.telegram_bot_token
        if told.telegram_chat_id is not None and token is None:
            log.warning("notifications.telegram_chat_id is set, but TELEGRAM_BOT_TOKEN is not: Telegram is not used")
        self._redactor.hide(_secret_texts(settings))
        self._channels.configure(
            webhook_url=told.webhook_url, telegram_chat_id=told.telegram_chat_id, telegram_token=_revealed(token)
        )

    def _answer_reload(
        self,
        message: ReloadSettings,
        *,
        changed: tuple[str, ...] = (),
        live: tuple[str, ...] = (),
        error: str | None = None,
    ) -> None:
        answer = SettingsReloaded(
            changed=changed,
            restart=tuple(path for path in needs_restart(changed) if path not in live),
            settings_hash=settings_hash(self._in_force),
            error=error,
            request_id=message.request_id,
        )
        self.directory.tell(message.reply_to, answer)


def _added(running: Settings, new: Settings) -> tuple[str, ...]:
    """Return the pairs that `new` has and the running desk has not."""
    return tuple(pair for pair in new.bots.pairs if pair not in running.bots.pairs)


def _applied(running: Settings, new: Settings, joining: tuple[str, ...]) -> Settings:
    """Return `new` with what decides but needs a restart as it is running: analysts, pairs but those that join, …"""
    pairs = {pair: new.bots.pairs.get(pair, own) for pair, own in running.bots.pairs.items()}
    pairs |= {pair: new.bots.pairs[pair] for pair in joining}
    analysts = {
        name: new.analysts[name].model_copy(update={"model": own.model, "role": own.role})
        if name in new.analysts
        else own
        for name, own in running.analysts.items()
    }
    kept_market = ("source", "rest_urls", "stream_urls", "intervals", "history", "recording")
    kept_news = ("cryptopanic_url", "rss", "fear_greed_url")
    return new.model_copy(
        update={
            "bots": new.bots.model_copy(update={"pairs": pairs, "enabled_at_start": running.bots.enabled_at_start}),
            "analysis": new.analysis.model_copy(update={"enabled_at_start": running.analysis.enabled_at_start}),
            "paper": new.paper.model_copy(update={"balance_usdt": running.paper.balance_usdt}),
            "analysts": analysts,
            "market": new.market.model_copy(update={key: getattr(running.market, key) for key in kept_market}),
            "news": new.news.model_copy(update={key: getattr(running.news, key) for key in kept_news}),
            "llm": new.llm.model_copy(update={"base_url": running.llm.base_url}),
            "storage": running.storage,
        }
    )


def _retune(outside: Outside, settings: Settings) -> None:
    """Bring what no actor owns up to date with reloaded settings."""
    if outside.governor is not None:
        outside.governor.limit_share(settings.market.weight_per_minute)
    if outside.world is not None:
        outside.world.list_pairs(tuple(settings.bots.pairs))
    if isinstance(outside.market, BinanceSource):
        outside.market.stale_after_seconds = settings.market.stale_after_seconds
    if outside.endpoint is not None:
        outside.endpoint.max_cost_usd_per_call = settings.llm.max_cost_usd_per_call
        outside.endpoint.rules = _endpoint_rules(settings, outside.world)


def _actor_figures(handle: Handle, status: ActorStatusChanged | None) -> ActorFigures:
    inbox = handle.ref.actor_inbox if handle.ref is not None else None
    ours = inbox if isinstance(inbox, Inbox) else Inbox()
    return ActorFigures(
        name=handle.name,
        state=status.state if status is not None else "running" if handle.ref is not None else "stopped",
        restarts=status.restarts if status is not None else 0,
        mailbox=len(ours),
        oldest_seconds=ours.oldest_age_seconds(),
        conflated=ours.conflated,
        dropped=ours.dropped,
        handled=ours.handled,
        undeliverable=handle.undeliverable,
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _starter(actor: type[Any], *, transcripts: NewTranscript | None = None, **arguments: Any) -> StartActor:
    def start(*, peers: PeersOf, on_death: DeathReport) -> ActorRef[Any]:
        ports: dict[str, Any] = {**arguments, "peers": peers}
        ports |= {key: TimersOf(arguments[key], peers) for key in ("timers", "real_timers") if key in arguments}
        if transcripts is not None:
            transcript = transcripts(arguments["settings"], plain_arguments(arguments))
            ports = transcribed(ports, transcript)
        started: ActorRef[Any] = actor.start(on_death=on_death, **ports)
        return started

    return start


def _child(name: str, actor: type[Any], **arguments: Any) -> ChildSpec:
    return ChildSpec(name=name, start=_starter(actor, **arguments))


def _share(end: float) -> float:
    """Return the seconds that one of the last steps of a stop may take."""
    return max(0.3, (end - time.monotonic()) / 4)


def _stop_outside(outside: Outside) -> None:
    outside.market.stop()
    if isinstance(outside.timers, GeventTimers):
        outside.timers.cancel_all()
    if outside.world is not None:
        outside.world.stop()


# --- the command ------------------------------------------------------------------------------------------------------


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="supervisor.py", description="Quorum: the paper-trading desk.")
    parser.add_argument("--settings", type=Path, default=Path("settings.yaml"), metavar="FILE")
    sources = ["auto", "binance", "simulated", "recorded"]
    parser.add_argument("--market", choices=sources, help="where prices come from; wins over market.source")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="for recordings: N times real time; 0 = as fast as possible, in virtual time",
    )
    parser.add_argument("--check", action="store_true", help="check settings and connections, then exit")
    return parser.parse_args(arguments)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 100_000:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 100000, was {text}")
    return speed


def check(settings: Settings) -> int:
    """Print what works and what does not; return 0 when the desk could start."""
    print("settings: valid")  # noqa: T201 - the command's answer
    lines = [_check_market(settings), _check_database(settings)]
    if settings.secrets.openrouter_api_key:
        models = "OPENROUTER_API_KEY is set"
    else:
        models = "disabled: no key" if is_openrouter(settings.llm.base_url) else "asked without a key"
    lines.append((True, f"models: {models}"))
    for _, line in lines:
        print(line)  # noqa: T201 - the command's answer
    return EXIT_OK if all(good for good, _ in lines) else EXIT_FAILED


def _check_market(settings: Settings) -> tuple[bool, str]:
    source = settings.market.source
    if source == "recorded":
        try:
            recording = Recording(
                settings.market.recording or "",
                pairs=tuple(settings.bots.pairs),
                intervals=settings.market.intervals,
            )
        except SettingsError as error:
            return False, f"market: {error}"
        return True, f"market: recording {recording.path.name} can be played"
    if source == "simulated":
        return True, "market: simulated exchange"
    if probe_binance(settings.market.rest_urls):
        return True, "market: Binance answers"
    if source == "auto":
        return True, "market: Binance cannot be reached, the simulated exchange would be used"
    return False, "market: Binance cannot be reached"


def _check_database(settings: Settings) -> tuple[bool, str]:
    mongod = None
    try:
        if settings.secrets.mongodb_uri is not None:
            uri = settings.secrets.mongodb_uri.get_secret_value()
        else:
            mongod = EmbeddedMongod(data_dir=settings.storage.data_dir)
            uri = mongod.start(watch=False)
        stores = MongoStores(uri=uri, database=settings.storage.database)
        up = stores.is_up()
        stores.close()
        return up, "database: answers" if up else "database: does not answer"
    except QuorumError as error:
        return False, f"database: {error}"
    finally:
        if mongod is not None:
            mongod.stop()


def run(settings: Settings, arguments: argparse.Namespace, logs: RecentLines, redactor: Redactor) -> int:
    """Run the desk until it is told to stop; return the exit code."""
    desk = Desk(
        settings,
        path=arguments.settings,
        speed=arguments.speed,
        market=arguments.market,
        logs=logs,
        redactor=redactor,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, desk.ended.set, (EXIT_OK, "stopped by a signal"))
    gevent.signal_handler(
        signal.SIGHUP, desk.directory.tell, "supervisor", ReloadSettings(reply_to="hub", request_id="")
    )
    code = EXIT_OK
    try:
        _start_unless_stopped(desk)
        gc.freeze()  # else each full collection goes through all modules too, and everything waits for it
        gc.enable()
        if not desk.ended.ready():
            print(f"Quorum {VERSION} is running: {desk.address}", flush=True)  # noqa: T201 - the last line of `make run`
        code, reason = desk.wait()
        log.info("Stopping: %s", reason)
    except LedgerCorrupt as error:
        log.critical("%s", error)
        code = EXIT_LEDGER
    except QuorumError as error:
        log.critical("%s", error)
        code = EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_FAILED
    finally:
        desk.stop()
    return code


def _start_unless_stopped(desk: Desk) -> None:
    """Start the desk; return at once, with a part of it started, when it is told to stop meanwhile."""
    outcome: gevent.event.AsyncResult[None] = gevent.event.AsyncResult()

    def start() -> None:
        try:
            desk.start()
            outcome.set()
        except Exception as error:  # noqa: BLE001 - raised again below
            outcome.set_exception(error)

    starting = gevent.spawn(start)
    awaited: list[gevent.event.AsyncResult[Any]] = [outcome, desk.ended]
    gevent.wait(awaited, count=1)
    if outcome.ready():
        outcome.get()
    else:
        starting.kill(timeout=1)


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parse_arguments(arguments)
    try:
        settings = load_settings(parsed.settings, market=parsed.market)
    except SettingsError as error:
        print(f"The settings are not valid:\n{error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return EXIT_SETTINGS
    data_dir = Path(settings.storage.data_dir).expanduser()
    if problem := _not_writable(data_dir):
        print(f"storage.data_dir: must be a folder that can be written, {data_dir} {problem}", file=sys.stderr)  # noqa: T201
        return EXIT_SETTINGS
    redactor = Redactor(_secret_texts(settings))
    sys.stdout, sys.stderr = RedactedStream(sys.stdout, redactor), RedactedStream(sys.stderr, redactor)
    logs = set_up_logging(
        level=settings.logging.level,
        emoji=settings.logging.emoji,
        json_file=data_dir / "logs" / "quorum.jsonl" if settings.logging.json_file and not parsed.check else None,
        max_mib=settings.logging.max_mib,
        keep=settings.logging.keep,
        redactor=redactor,
    )
    return check(settings) if parsed.check else run(settings, parsed, logs, redactor)


def _not_writable(folder: Path) -> str | None:
    """Return why nothing can be kept in `folder`, None when it can; makes it where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"is not ({error.strerror})"


def _secret_texts(settings: Settings) -> list[str]:
    given = [_revealed(getattr(settings.secrets, name)) for name in type(settings.secrets).model_fields]
    return [secret for secret in (*given, settings.notifications.webhook_url) if secret is not None]


if __name__ == "__main__":
    sys.exit(main())
