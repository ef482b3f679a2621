"""The whole simulated world on one loopback port: exchange, models, news."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from gevent import socket
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from sim.binance import WEIGHT_PER_MINUTE, BinanceRest
from sim.faults import Faults
from sim.http import Site, StartResponse
from sim.market import SimulatedMarket, wall_ms
from sim.news import FEEDS, News
from sim.openrouter import OpenRouter
from sim.sockets import SimHandler
from sim.stories import Newsroom
from sim.stream_server import MAX_AGE_SECONDS, PING_SECONDS, PONG_SECONDS, StreamServer

DEFAULT_PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT")
MAX_CONNECTIONS = 1000
logger = logging.getLogger("sim.world")


class World:
    """All that the desk talks to, served by the calling process's gevent loop. Prices depend on (seed, time) only.

    Args:
        seed: of prices, trades, books and news.
        pairs: what news are about; listed besides the exchange's usual pairs.
        volatility: factor on all price moves (> 0); 1 is about what these pairs do.
        host, port: where to listen; port 0 takes a free one.
        recording: file or folder of 1 m kline CSVs to take the prices from instead of the seed.
        think_seconds: how long a rule-following model takes.
        weight_per_minute: the exchange's request limit.
        ping_seconds, pong_seconds, max_age_seconds: the streams' keep-alive, as Binance has it.
        control: serves `/_sim/fault` and `/_sim/script/<name>`.
        clock: epoch ms, UTC.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        pairs: Iterable[str] = DEFAULT_PAIRS,
        volatility: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        recording: Path | None = None,
        think_seconds: float = 0.3,
        weight_per_minute: int = WEIGHT_PER_MINUTE,
        ping_seconds: float = PING_SECONDS,
        pong_seconds: float = PONG_SECONDS,
        max_age_seconds: float = MAX_AGE_SECONDS,
        control: bool = False,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        if not volatility > 0:
            raise ValueError(f"volatility must be > 0, was {volatility}")
        self._pairs = tuple(pairs) or DEFAULT_PAIRS
        self._host = host
        self._port = port
        self._server: WSGIServer | None = None
        self.faults = Faults()
        self.market = SimulatedMarket(
            seed=seed, pairs=self._pairs, volatility=volatility, recording=recording, clock=clock
        )
        self.newsroom = Newsroom(market=self.market, pairs=self._pairs, seed=seed)
        self.openrouter = OpenRouter(think_seconds=think_seconds, control=control)
        self.rest = BinanceRest(market=self.market, faults=self.faults, weight_per_minute=weight_per_minute)
        self.streams = StreamServer(
            market=self.market,
            faults=self.faults,
            ping_seconds=ping_seconds,
            pong_seconds=pong_seconds,
            max_age_seconds=max_age_seconds,
        )
        news = News(newsroom=self.newsroom, market=self.market)
        self._site = Site(services=(self.rest, self.openrouter, news), faults=self.faults, control=control)

    def list_pairs(self, pairs: Iterable[str]) -> None:
        """List further pairs from now on; those that are listed stay as they are."""
        self.market.list_pairs(pairs)

    def start(self) -> None:
        """Listen and serve; returns at once.

        Raises:
            OSError: the port is taken.
        """
        if self._server is not None:
            return
        server = WSGIServer(
            _listener(self._host, self._port),
            self._serve,
            handler_class=SimHandler,
            log=None,
            error_log=logger,
            spawn=Pool(MAX_CONNECTIONS),
        )
        server.pre_start_hook = self.streams.refuses  # type: ignore[attr-defined]  # read by the WebSocket handler
        self._port = server.socket.getsockname()[1]  # kept, so that a stopped world comes back at the same place
        server.start()
        self._server = server
        self.streams.start()

    def stop(self) -> None:
        """Cut all connections and stop listening. A stopped world can be started again, at the same port."""
        if self._server is None:
            return
        self.streams.stop()
        self._server.stop(timeout=0.1)
        self._server = None

    def __enter__(self) -> "World":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start where a free one was asked for."""
        return self._port

    @property
    def rest_url(self) -> str:
        """For market.rest_urls."""
        return self._http()

    @property
    def stream_url(self) -> str:
        """For market.stream_urls."""
        return f"ws://{self._host}:{self._port}"

    @property
    def openrouter_url(self) -> str:
        """For llm.base_url."""
        return f"{self._http()}/api/v1"

    @property
    def rss_urls(self) -> tuple[str, ...]:
        """For news.rss."""
        return tuple(f"{self._http()}/rss/{feed}" for feed in FEEDS)

    @property
    def cryptopanic_url(self) -> str:
        """For news.cryptopanic_url; any non-empty token is taken."""
        return f"{self._http()}/api/developer/v2"

    @property
    def fear_greed_url(self) -> str:
        """For news.fear_greed_url."""
        return f"{self._http()}/fng/"

    def _http(self) -> str:
        return f"http://{self._host}:{self._port}"

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        socket = environ.get("wsgi.websocket")
        refused = environ.get("sim.refused")
        if refused is not None:
            return self._site.send(self.rest.refusal(refused), environ, start_response)
        if socket is None:
            return self._site(environ, start_response)
        self.streams.serve(socket, environ)
        return []


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def addresses(world: World) -> Sequence[tuple[str, str]]:
    """Return (what, address) of each part of `world`, for people."""
    return (
        ("exchange, REST", world.rest_url),
        ("exchange, streams", world.stream_url),
        ("models", world.openrouter_url),
        *(("RSS", url) for url in world.rss_urls),
        ("CryptoPanic", world.cryptopanic_url),
        ("Fear & Greed", world.fear_greed_url),
    )
