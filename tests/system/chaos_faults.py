"""What is done to a desk: each fault is a function that does it, ends it, and returns when the desk is well again."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import gevent

from sim.faults import Fault as WorldFault
from sim.scripts import GOOD, Step
from tests.system.chaos_patient import Gone
from tests.system.chaos_theatre import ACTORS, WELL_SECONDS, Theatre

DEATHS = ("error", "exit", "timeout", "memory", "greenlet")
INTENSITY, WINDOW_SECONDS = 4, 65.0  # restarts of one actor that its supervisor bears, less one
SLOWING = ("mongod killed", "mongod frozen", "disk slow", "desk frozen", "loop stalled", "memory used up")
REOPENING = ("descriptors used up", "desk killed", "desk restarted", "broker hangs")  # the market is started anew
NEXT_TRADE_MS = 3000  # a pair of the simulated world is traded each second or so
STREAM_KINDS = ("drop", "silence", "malformed", "reorder", "duplicate", "delay", "shutdown", "refuse")
REST_KINDS = ("status", "hang", "drop", "malformed")
MODEL_STEPS = {
    "drips": Step(content=GOOD, drip_seconds=0.3),
    "hangs": Step(content=GOOD, delay_seconds=30.0),
    "cuts": Step(content=GOOD, cut=True),
    "babbles": Step(content="As a language model I like the weather."),
    "fails": Step(status=500),
}
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault and how likely it is against the others."""

    name: str
    weight: int
    run: Callable[[Theatre, Random], Record]


def play(theatre: Theatre, fault: Fault, chance: Random) -> Record:
    """Do it and wait until the desk is well; return what was done and how long the recovery took."""
    record: Record = {"at": round(time.monotonic() - theatre.began, 2), "fault": fault.name, "outcome": "recovered"}
    life, error, began_ms = theatre.lives, "", time.time_ns() // 1_000_000
    try:
        record |= fault.run(theatre, chance)
    except Gone as gone:
        error = str(gone)
    waited = theatre.wait_well()
    if fault.name in (*SLOWING, *REOPENING) or record.get("target") == "market":
        theatre.slow.append((began_ms - 1000, time.time_ns() // 1_000_000 + NEXT_TRADE_MS))
    if error and theatre.lives > life:
        record["outcome"] = "overtaken"  # another fault ended the process meanwhile
    elif error:
        theatre.violate(f"{fault.name}: {error}")
    if waited is None:
        theatre.violate(f"not well again after {record}")
        record["outcome"] = "not recovered"
    elif record["outcome"] == "recovered":
        record.setdefault("seconds", round(waited, 3))
    return record


# --- actors -----------------------------------------------------------------------------------------------------------


def kill_actor(theatre: Theatre, chance: Random, *, name: str = "") -> Record:
    name = name or _chosen(theatre, chance, ACTORS)
    how = chance.choice(DEATHS)
    return {"target": name, "how": how, **_hurt(theatre, name, "kill", how=how)}


def hang_actor(theatre: Theatre, chance: Random, *, name: str = "") -> Record:
    name = name or _chosen(theatre, chance, [actor for actor in ACTORS if actor != "broker"])
    return {"target": name, **_hurt(theatre, name, "hang")}


def hang_broker(theatre: Theatre, chance: Random) -> Record:
    """Two brokers must not be: the process ends, and is started again."""
    life, began = theatre.lives, time.monotonic()
    with theatre.may_end(), theatre.excused():
        try:
            theatre.desk.command("hang", actor="broker")
            theatre.violate("a hung broker was replaced inside the process")
        except Gone:
            pass
        _wait_for_next_life(theatre, life)
    return {"target": "broker", "seconds": round(time.monotonic() - began, 3)}


def _chosen(theatre: Theatre, chance: Random, names: Any) -> str:
    """Return one that is not hurt so often that its supervisor gives it up."""
    now = time.monotonic()
    recent = {name: sum(now - moment < WINDOW_SECONDS for moment in theatre.hits[name]) for name in names}
    return str(chance.choice([name for name in names if recent[name] < INTENSITY] or names))


def _hurt(theatre: Theatre, name: str, do: str, **fields: Any) -> Record:
    theatre.hits[name].append(time.monotonic())
    theatre.expected[name] += 1
    answer = theatre.desk.command(do, actor=name, **fields)
    if "error" in answer and "seconds" not in answer:
        theatre.violate(answer["error"])
        return {"outcome": "not recovered"}
    return {"seconds": round(answer["seconds"], 3), "generation": answer["generation"]}


# --- the process ------------------------------------------------------------------------------------------------------


def kill_desk(theatre: Theatre, chance: Random) -> Record:
    return _end(theatre, signal.SIGKILL)


def restart_desk(theatre: Theatre, chance: Random) -> Record:
    return _end(theatre, signal.SIGTERM)


def _end(theatre: Theatre, number: signal.Signals) -> Record:
    life, began = theatre.lives, time.monotonic()
    with theatre.may_end(), theatre.excused():
        theatre.desk.send_signal(number)
        _wait_for_next_life(theatre, life)
    return {"how": number.name, "seconds": round(time.monotonic() - began, 3)}


def _wait_for_next_life(theatre: Theatre, life: int) -> None:
    """Wait until the process that comes after is well."""
    deadline = time.monotonic() + 60
    while theatre.lives == life and time.monotonic() < deadline:
        gevent.sleep(0.05)
    theatre.wait_well()


def freeze_desk(theatre: Theatre, chance: Random) -> Record:
    """The machine sleeps, or has no time for us."""
    seconds = chance.choice([0.5, 2.0, 5.0])
    with theatre.excused():
        theatre.desk.send_signal(signal.SIGSTOP)
        gevent.sleep(seconds)
        theatre.desk.send_signal(signal.SIGCONT)
        waited = theatre.wait_well()
    return {"for": seconds, "seconds": waited}


def stall_loop(theatre: Theatre, chance: Random) -> Record:
    """Something computes and lets nobody else run."""
    seconds = chance.choice([0.2, 0.8])
    with theatre.excused():
        theatre.desk.command("stall", for_seconds=seconds)
    return {"for": seconds}


def jump_clock(theatre: Theatre, chance: Random) -> Record:
    """The wall clock is set to somewhere else, and back."""
    ahead, seconds = chance.choice([-3600.0, -5.0, 3.0, 10.0]), chance.choice([1.0, 4.0])
    theatre.desk.command("clock", ahead_seconds=ahead)
    theatre.clock_set(ahead)
    gevent.sleep(seconds)
    theatre.desk.command("clock", ahead_seconds=0.0)
    theatre.clock_set(0.0)
    return {"ahead": ahead, "for": seconds}


def exhaust_descriptors(theatre: Theatre, chance: Random) -> Record:
    return _starve(theatre, "descriptors", chance.choice([0, 2]), chance.choice([1.0, 3.0]))


def exhaust_memory(theatre: Theatre, chance: Random) -> Record:
    """Hardly any address space is left: anything may fail, even the process may end."""
    with theatre.may_end():
        return _starve(theatre, "memory", chance.choice([0, 1 << 20]), chance.choice([0.5, 2.0]))


def _starve(theatre: Theatre, what: str, left: int, seconds: float) -> Record:
    """Take something away that any actor may need at any time; whoever fails of it comes back."""
    record: Record = {"left": left, "for": seconds}
    with theatre.excused():
        try:
            theatre.desk.command(what, left=left, for_seconds=seconds)
        except Gone:
            record["outcome"] = "the process ended"
        record["seconds"] = theatre.wait_well()
        before = sum(theatre.expected.values())
        theatre.check_restarts(strict=False)
    return record | {"also_restarted": sum(theatre.expected.values()) - before}


# --- the database -----------------------------------------------------------------------------------------------------


def kill_mongod(theatre: Theatre, chance: Random) -> Record:
    pid, began = theatre.desk.mongod_pid(), time.monotonic()
    theatre.mongod(signal.SIGKILL)
    while theatre.desk.mongod_pid() in (None, pid) and time.monotonic() < began + WELL_SECONDS:
        gevent.sleep(0.02)
    return {**_until_ledger_is_back(theatre), "seconds": round(time.monotonic() - began, 3)}


def freeze_mongod(theatre: Theatre, chance: Random) -> Record:
    seconds = chance.choice([0.5, 3.0, 8.0])
    _freeze(theatre, seconds)
    return {"for": seconds, **_until_ledger_is_back(theatre)}


def slow_disk(theatre: Theatre, chance: Random) -> Record:
    """The database stands still most of the time, as one does that waits for its disk."""
    seconds = chance.choice([2.0, 5.0])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _freeze(theatre, chance.uniform(0.05, 0.4))
        gevent.sleep(chance.uniform(0.005, 0.05))
    return {"for": seconds, **_until_ledger_is_back(theatre)}


def _freeze(theatre: Theatre, seconds: float) -> None:
    if theatre.mongod(signal.SIGSTOP):
        gevent.sleep(seconds)
        theatre.mongod(signal.SIGCONT)


def _until_ledger_is_back(theatre: Theatre) -> Record:
    """Wait until the journal grows again; how long that took is the recovery."""
    began, seq = time.monotonic(), None
    while time.monotonic() < began + WELL_SECONDS:
        now_seq = theatre.ledger_seq()
        if seq is not None and now_seq is not None and now_seq > seq and theatre.well():
            return {"seconds": round(time.monotonic() - began, 3)}
        seq = now_seq if seq is None else min(seq, now_seq or seq)
        gevent.sleep(0.05)
    theatre.violate("the journal does not grow any more")
    return {}


# --- the world --------------------------------------------------------------------------------------------------------


def break_streams(theatre: Theatre, chance: Random) -> Record:
    kind, seconds = chance.choice(STREAM_KINDS), chance.choice([1.0, 4.0])
    where = chance.choice(["", "@trade", "@depth", "btcusdt"])
    fault = WorldFault(kind=kind, on="stream", where=where, for_seconds=seconds, status=503, seconds=0.3)
    theatre.world.faults.add(fault)
    gevent.sleep(seconds)
    return {"kind": kind, "where": where, "for": seconds}


def break_rest(theatre: Theatre, chance: Random) -> Record:
    """REST fails while the streams are made anew: what is missing cannot be fetched at once."""
    kind, seconds = chance.choice(REST_KINDS), chance.choice([2.0, 5.0])
    status = chance.choice([429, 500, 503])
    rest = WorldFault(kind=kind, where="/api/v3", for_seconds=seconds, status=status, retry_after=1, seconds=1.0)
    theatre.world.faults.add(rest)
    theatre.world.faults.add(WorldFault(kind="drop", on="stream", for_seconds=0.1))
    gevent.sleep(seconds)
    return {"kind": kind, "for": seconds}


def lose_exchange(theatre: Theatre, chance: Random) -> Record:
    """Nothing of the outside world can be reached."""
    seconds = chance.choice([1.0, 6.0])
    theatre.world.stop()
    gevent.sleep(seconds)
    theatre.world.start()
    return {"for": seconds}


def break_models(theatre: Theatre, chance: Random) -> Record:
    how, kind, seconds = chance.choice(list(MODEL_STEPS)), chance.choice(REST_KINDS), chance.choice([2.0, 6.0])
    with ExitStack() as undone:
        theatre.world.openrouter.scripts.set("chaos", [MODEL_STEPS[how]])
        undone.callback(theatre.world.openrouter.scripts.set, "chaos", [Step(content=GOOD)])
        fault = WorldFault(kind=kind, where="chat/completions", for_seconds=seconds, status=502, seconds=2.0)
        theatre.world.faults.add(fault)
        gevent.sleep(seconds)
    return {"kind": kind, "how": how, "for": seconds}


def break_news(theatre: Theatre, chance: Random) -> Record:
    kind, seconds = chance.choice(REST_KINDS), chance.choice([2.0, 5.0])
    theatre.world.faults.add(WorldFault(kind=kind, where="/rss", for_seconds=seconds, seconds=2.0))
    gevent.sleep(seconds)
    return {"kind": kind, "for": seconds}


FAULTS = (
    Fault("actor killed", 30, kill_actor),
    Fault("actor hangs", 10, hang_actor),
    Fault("broker hangs", 2, hang_broker),
    Fault("desk killed", 3, kill_desk),
    Fault("desk restarted", 2, restart_desk),
    Fault("desk frozen", 3, freeze_desk),
    Fault("loop stalled", 3, stall_loop),
    Fault("clock set", 4, jump_clock),
    Fault("descriptors used up", 3, exhaust_descriptors),
    Fault("memory used up", 3, exhaust_memory),
    Fault("mongod killed", 6, kill_mongod),
    Fault("mongod frozen", 5, freeze_mongod),
    Fault("disk slow", 5, slow_disk),
    Fault("streams broken", 8, break_streams),
    Fault("REST broken", 4, break_rest),
    Fault("exchange away", 3, lose_exchange),
    Fault("models broken", 5, break_models),
    Fault("news broken", 2, break_news),
)
