"""Each actor of a running desk is killed from inside: it is back at once, the others never stopped, trading goes on."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import pytest
from pydantic import SecretStr

from actors.base import Actor
from actors.supervision import ChildSpec, SendActorStates
from settings import Secrets, parse_settings
from supervisor import Desk
from tests.system.desk_process import Session, run_tool, until
from tests.system.journal import fills, read_journal
from tests.system.worlds import PAIRS, simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

BACK_SECONDS = 1.0
HANG_SECONDS = 1.0  # instead of 10: the test does not wait so long
BOTS = tuple(f"bot-{pair}" for pair in PAIRS)
ACTORS = ("market", "news", "broker", "analyst-technical", "analyst-grok", *BOTS, "hub")


class Crash(Exception):
    """What a killed actor dies of."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Test -> any actor: raise this inside the handler."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Hang:
    """Test -> any actor: do not come back from the handler before `over` is set, then speak once more."""

    over: gevent.event.Event
    heard: list[bool]


def _fail(actor: Actor, message: Fail) -> None:
    raise message.error


def _hang(actor: Any, message: Hang) -> None:
    message.over.wait()
    message.heard.append(actor._peers.tell("hub", "from the past"))


class ImpatientDesk(Desk):
    """A desk that takes an actor for hung after HANG_SECONDS."""

    def _specs(self) -> tuple[ChildSpec, ...]:
        return tuple(spec if spec.critical else replace(spec, hang_seconds=HANG_SECONDS) for spec in super()._specs())


class MostImpatientDesk(Desk):
    """A desk that takes even the broker for hung after HANG_SECONDS."""

    def _specs(self) -> tuple[ChildSpec, ...]:
        return tuple(replace(spec, hang_seconds=HANG_SECONDS) for spec in super()._specs())


@pytest.fixture(scope="module", autouse=True)
def _hooks() -> Iterator[None]:
    Actor.test_hooks.update({Fail: _fail, Hang: _hang})
    yield
    Actor.test_hooks.clear()


@pytest.fixture
def desk(tmp_path: Path, mongodb_uri: str, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A running desk; `request.param`, if given, is its class."""
    raw = simulated() | {
        "server": {"port": 0},
        "storage": {"data_dir": str(tmp_path), "database": tmp_path.name[:40]},
    }
    settings = parse_settings(raw, Secrets(mongodb_uri=SecretStr(mongodb_uri)))
    desk = getattr(request, "param", ImpatientDesk)(settings, path=tmp_path / "settings.yaml")
    desk.start()
    yield desk
    desk.stop()


def urns(desk: Desk) -> dict[str, str]:
    """Return which generation of each actor is at work; none where nobody is."""
    handles = {name: desk.directory.handle(name) for name in ACTORS}
    return {name: handle.ref.actor_urn for name, handle in handles.items() if handle and handle.ref}


def states(desk: Desk) -> dict[str, str]:
    return {status.name: status.state for status in desk.directory.ask("supervisor", SendActorStates())}


def replaced(desk: Desk, names: set[str], before: dict[str, str]) -> bool:
    now = urns(desk)
    return all(now.get(name) not in (None, before[name]) for name in names) and set(states(desk).values()) == {
        "running"
    }


def seconds_until_back(desk: Desk, name: str, message: object, *, after: set[str] = frozenset()) -> float:
    """Kill an actor; return how long it took until it and those restarted after it were at work again."""
    before = urns(desk)
    killed = {name} | after
    began = time.monotonic()
    assert desk.directory.tell(name, message)
    until(lambda: replaced(desk, killed, before), what=f"{name} is back")
    took = time.monotonic() - began
    now = urns(desk)
    assert {other: now[other] for other in ACTORS if other not in killed} == {
        other: before[other] for other in ACTORS if other not in killed
    }
    return took


def trades(desk: Desk) -> int:
    return len(fills(read_journal(str(desk.settings.secrets.mongodb_uri.get_secret_value()), desk.database)))


def check_trading_goes_on(desk: Desk) -> None:
    so_far = trades(desk)
    until(lambda: trades(desk) > so_far + 1, seconds=60, what="new trades")


def check_audit(desk: Desk, tmp_path: Path) -> None:
    uri = desk.settings.secrets.mongodb_uri.get_secret_value()
    (tmp_path / "settings.yaml").write_text(f"storage: {{data_dir: {tmp_path}}}")
    audit = run_tool(
        *("-m", "ledger", "audit", "--settings", str(tmp_path / "settings.yaml"), "--database", desk.database),
        folder=tmp_path,
        MONGODB_URI=uri,
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_every_actor_that_dies_is_back_within_a_second_and_no_other_stops(desk: Desk, tmp_path: Path) -> None:
    check_trading_goes_on(desk)
    took: dict[tuple[str, str], float] = {}
    for error in (Crash("killed by a test"), gevent.Timeout(1)):
        for name in ACTORS:
            followers = set(BOTS) if name == "broker" else set()
            took[name, type(error).__name__] = seconds_until_back(desk, name, Fail(error), after=followers)
        check_trading_goes_on(desk)
    assert max(took.values()) < BACK_SECONDS, took

    session = Session(desk.address.rstrip("/"))
    opened = session.wait("bot_trade_executed", seconds=60)
    assert opened["ledger_seq"] > session.initial["ledger"]["seq"] - 1
    health = session.ask("get_health")["data"]["actors"]
    assert {name: health[name]["restarts"] for name in ACTORS} == dict.fromkeys(ACTORS, 2)
    session.close()
    desk.stop()
    check_audit(desk, tmp_path)


def test_a_hung_actor_is_replaced_and_what_it_says_later_is_not_heard(desk: Desk, tmp_path: Path) -> None:
    check_trading_goes_on(desk)
    for name in ("bot-BTCUSDT", "market"):
        hang = Hang(gevent.event.Event(), [])
        assert seconds_until_back(desk, name, hang) < HANG_SECONDS + BACK_SECONDS + 0.5  # looked at every 0.25 s
        hang.over.set()
        until(lambda hang=hang: hang.heard, what="the abandoned one speaks")
        assert hang.heard == [False]
        check_trading_goes_on(desk)
    desk.stop()
    check_audit(desk, tmp_path)


@pytest.mark.parametrize("desk", [MostImpatientDesk], indirect=True)
def test_a_hung_broker_ends_the_process_instead_of_being_replaced(desk: Desk) -> None:
    hang, before = Hang(gevent.event.Event(), []), urns(desk)
    desk.directory.tell("broker", hang)
    code, reason = desk.ended.get(timeout=10)
    hang.over.set()
    assert (code, urns(desk)["broker"]) == (1, before["broker"])
    assert reason.startswith("broker hangs")
