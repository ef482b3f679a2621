"""A forger's tools: change an exported journal, then make its balances and its chain of hashes agree again."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ledger.canonical import GENESIS, Plain, chain_hash, decimal_text, plain

Path = tuple[str | int, ...]


def exported(documents: Iterable[dict]) -> list[Plain]:
    """Return the documents as `export` writes them."""
    return [plain(document) for document in documents]


def forged(documents: Iterable[Plain]) -> list[Plain]:
    """Return the documents with the balances that their postings lead to, chained anew."""
    balances: dict[tuple[str, str], Decimal] = {}
    chain: list[Plain] = []
    prev = GENESIS
    for document in documents:
        body = document | {"after": _after(document, balances), "prev": prev}
        chain.append(body | {"hash": chain_hash(body)})
        prev = chain[-1]["hash"]
    return chain


def _after(document: Plain, balances: dict[tuple[str, str], Decimal]) -> list[Plain]:
    touched: dict[tuple[str, str], None] = {}
    for leg in document["postings"]:
        key = leg["account"], leg["asset"]
        balances[key] = balances.get(key, Decimal(0)) + Decimal(leg["amount"])
        touched[key] = None
    return [
        {"account": account, "asset": asset, "balance": decimal_text(balances[account, asset])}
        for account, asset in touched
    ]


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield the place and value of everything within a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def change(document: Plain, path: Path, value: object) -> Plain:
    """Return a copy of `document` with another value at `path`; None takes it out."""
    return _changed(document, path, value)


def _changed(node, path: Path, value: object):
    key, *rest = path
    copy = list(node) if isinstance(node, list) else dict(node)
    if rest:
        copy[key] = _changed(copy[key], tuple(rest), value)
    elif value is None:
        del copy[key]
    else:
        copy[key] = value
    return copy
