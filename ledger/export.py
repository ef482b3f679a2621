"""The journal as a file: JSON lines that can be verified offline, or CSV for a spreadsheet."""

import csv
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from domain.recorded_settings import settings_in_force
from ledger.audit import written_time
from ledger.canonical import Plain, plain, to_json

EVENT_COLUMNS = ("seq", "_id", "type", "ts", "time", "symbol", "order_id", "trade_id", "reason", "model", "settings")
FILL_COLUMNS = ("side", "quantity", "price", "notional", "fee", "liquidity", "realized_pnl")
LEG_COLUMNS = ("account", "asset", "amount", "balance")
_NUMBERS = frozenset((*FILL_COLUMNS[1:5], "realized_pnl", "amount", "balance"))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_json(documents: Iterable[Mapping[str, object]], file: TextIO) -> int:
    """Write one document a line, in canonical JSON with its hash, and return their number.

    Raises:
        NotCanonical: a document holds what a journal may not hold.
    """
    count = 0
    for document in documents:
        file.write(to_json(plain(document)) + "\n")
        count += 1
    return count


def write_csv(documents: Iterable[Mapping[str, object]], file: TextIO) -> int:
    """Write one posting a line (one line for an event without any) and return the number of events.

    The columns of a fill stand only in the first of its lines, so that a column can be summed. `settings` is the hash
    of the settings that the event was made under.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*EVENT_COLUMNS, *FILL_COLUMNS, *LEG_COLUMNS))
    count = 0
    known, read = itertools.tee(documents)
    for document, settings_hash in zip(known, settings_in_force(read), strict=True):
        writer.writerows(_rows(plain(document), settings_hash))
        count += 1
    return count


@contextmanager
def output(path: str | None) -> Iterator[TextIO]:
    """Yield standard output, or a new file that takes its name only when it is complete."""
    if path is None or path == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(path)
    scratch = target.with_name(target.name + ".part")
    try:
        with scratch.open("w", encoding="utf-8", newline="") as file:
            yield file
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _rows(document: Plain, settings_hash: str) -> Iterator[list[str]]:
    ts = document.get("ts")
    time = written_time(ts if isinstance(ts, int) else None)
    event = document | {"time": time, "settings": settings_hash}
    fill = document.get("fill")
    head = [_cell(name, event.get(name)) for name in EVENT_COLUMNS]
    figures = [_cell(name, fill.get(name) if isinstance(fill, dict) else None) for name in FILL_COLUMNS]
    balances = _balances(document)
    for leg in _legs(document, "postings") or [{}]:
        leg = leg | {"balance": balances.get((leg.get("account"), leg.get("asset")))}
        yield [*head, *figures, *(_cell(name, leg.get(name)) for name in LEG_COLUMNS)]
        figures = [""] * len(FILL_COLUMNS)


def _balances(document: Plain) -> dict[tuple[object, object], object]:
    return {(entry.get("account"), entry.get("asset")): entry.get("balance") for entry in _legs(document, "after")}


def _legs(document: Plain, name: str) -> list[Plain]:
    found = document.get(name)
    return [leg for leg in found if isinstance(leg, dict)] if isinstance(found, list) else []


def _cell(name: str, value: object) -> str:
    """Return the text of one cell; what a client named may not become a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if name not in _NUMBERS and text.startswith(_FORMULA) else text
