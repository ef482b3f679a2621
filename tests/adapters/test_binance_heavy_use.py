"""An hour of heavy use in virtual time: the adapter's weight budget against the simulated exchange's own count."""

import contextlib
from collections import Counter
from random import Random
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from adapters import binance_catch_up as catch_up
from adapters import binance_rest
from adapters.binance_rest import BinanceRest
from adapters.weight_governor import WeightGovernor
from domain.errors import SourceUnavailable
from sim import binance as exchange
from sim.faults import Faults
from sim.http import Answer, Request
from sim.market import SimulatedMarket

NOON_MS = 1_767_268_800_000
PAIRS = tuple(f"P{number}USDT" for number in range(40))


class World(BaseAdapter):
    """The exchange's REST side without a socket, on a clock that only sleeping and asking move."""

    def __init__(self, *, others_per_minute: int = 0, weight_per_minute: int = 6000) -> None:
        super().__init__()
        self.now = 0.0
        self.statuses: Counter[int] = Counter()
        self.random = Random(2)
        self.market = SimulatedMarket(seed=1, pairs=PAIRS, clock=self.now_ms)
        self.rest = exchange.BinanceRest(market=self.market, faults=Faults(), weight_per_minute=weight_per_minute)
        self._others_per_second = others_per_minute / 60
        self._others_at = 0.0

    def now_ms(self) -> int:
        return NOON_MS + int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send(self, request, *_, **__) -> requests.Response:
        self.now += self.random.uniform(0.002, 0.05)
        self._let_others_ask()
        parts = urlsplit(request.url)
        asked = Request(method="GET", path=parts.path, query=tuple(parse_qsl(parts.query)), headers={}, body=b"")
        answer = self.rest.answer(asked)
        self.statuses[answer.status] += 1
        return _response(answer, request)

    def close(self) -> None:
        """Nothing is open."""

    def _let_others_ask(self) -> None:
        """Spend weight as other programs behind the same address do."""
        while self._others_at + 25 / max(self._others_per_second, 1e-9) < self.now:
            self._others_at += 25 / self._others_per_second
            with contextlib.suppress(exchange.ApiError):
                self.rest._weights.spend(25, self.now_ms())


def _response(answer: Answer, request) -> requests.Response:
    made = requests.Response()
    made.status_code, made.request, made.url = answer.status, request, request.url
    made.headers.update(dict(answer.headers))
    chunks = [answer.body, b""]
    made.raw = SimpleNamespace(read=lambda *_, **__: chunks.pop(0) if chunks else b"", close=lambda: None)
    return made


def use(world: World, share: int, seconds: float = 3600.0) -> int:
    """Ask without a pause for `seconds`: history, statistics, repairs; return how many requests were answered."""
    session = requests.Session()
    session.mount("http://", world)
    governor = WeightGovernor(weight_per_minute=share, monotonic=world.monotonic, sleep=world.sleep)
    rest = BinanceRest(
        urls=("http://exchange",), governor=governor, session=session, timeout_seconds=60, monotonic=world.monotonic
    )
    random = Random(3)
    jobs = (
        *[lambda pair: rest.depth(pair, 5000)] * 8,  # the dearest there is
        lambda pair: rest.exchange_info((pair,)),
        lambda pair: rest.newest_klines(pair, "1m", 10),
        lambda pair: catch_up.trades_since(rest, pair, since_ms=world.now_ms() - 60_000),
    )
    while world.now < seconds:
        try:
            random.choice(jobs)(random.choice(PAIRS))
        except SourceUnavailable as error:
            world.sleep(error.retry_after_seconds or 1.0)
    return world.statuses[200]


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance_rest, "PAGE", 10)  # a page weighs the same however short it is


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("share", "others"), [(3000, 0), (6000, 2000)], ids=["alone", "beside others at the address"])
def test_an_hour_of_heavy_use_is_never_refused(share: int, others: int):
    world = World(others_per_minute=others)
    answered = use(world, share)
    assert answered > 500
    assert set(world.statuses) == {200}


def test_who_shares_an_address_with_a_glutton_is_never_banned():
    world = World(others_per_minute=5950)
    use(world, share=6000, seconds=600)
    assert world.statuses[418] == 0


def test_a_limit_that_the_exchange_lowers_is_kept_to():
    world = World(weight_per_minute=1200)
    use(world, share=6000, seconds=600)
    assert world.statuses[418] == 0
