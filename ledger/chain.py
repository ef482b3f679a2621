"""The journal as a chain of balanced events: numbering, hashes, zero sums and running balances."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from ledger.canonical import GENESIS, Plain, chain_hash
from ledger.shapes import faults

QUOTE_ACCOUNTS = frozenset(("deposits", "cash", "held", "fees", "insurance"))
PAIR_ACCOUNTS = {"margin": "quote", "pnl": "quote", "position": "base", "market": "base"}
NEVER_NEGATIVE = ("cash", "held", "margin")
STEP = Decimal("0.00000001")
LARGEST_EXPONENT = 40  # of a number that is reckoned with; the desk's have at most 34 digits

Complaint = tuple[str, str]  # rule, message
Account = tuple[str, str]  # account, asset


class ChainCheck:
    """Takes plain documents in the order of their seq and says what is wrong with each."""

    def __init__(self, *, unique_ids: bool = True) -> None:
        """Args:
        unique_ids: whether ids are compared with all before; a database's own index does it as well.
        """
        self.seq = 0
        self.hash = GENESIS
        self.count = 0
        self.balances: dict[Account, Decimal] = {}
        self._ids: set[str] | None = set() if unique_ids else None
        self._before: dict[Account, Decimal] = {}  # the newest document's touched accounts, before it

    def check(self, document: Plain) -> Iterator[Complaint]:
        """Yield what is wrong with the next document; later ones are compared with what this one states."""
        self.count += 1
        yield from _check_fields(document)
        yield from self._check_id(document)
        yield from self._check_place(document)
        yield from self._check_postings(document)

    def before(self, name: str) -> Decimal:
        """Return the balance of an account before the newest document, over all its assets."""
        earlier = self.balances | self._before
        return sum((balance for (account, _), balance in earlier.items() if account == name), Decimal(0))

    def posted(self, document: Plain) -> list[tuple[Account, Decimal]]:
        """Return the legs of the document's postings.

        Raises:
            ValueError: says which is malformed.
        """
        return legs(document, "postings", "amount")

    def sums(self) -> Iterator[Complaint]:
        """Yield the assets whose accounts do not sum to zero."""
        totals: dict[str, Decimal] = {}
        for (_, asset), balance in self.balances.items():
            totals[asset] = totals.get(asset, Decimal(0)) + balance
        for asset, total in sorted(totals.items()):
            if total:
                yield "balance", f"all accounts in {asset} must sum to 0, the sum is {total}"

    def _check_id(self, document: Plain) -> Iterator[Complaint]:
        name = document.get("_id")
        if isinstance(name, str) and self._ids is not None:
            if name in self._ids:
                yield "duplicate", f"{name} must occur once"
            self._ids.add(name)

    def _check_place(self, document: Plain) -> Iterator[Complaint]:
        seq, expected = document.get("seq"), self.seq + 1
        if isinstance(seq, int):
            if seq > expected:
                missing = f"{expected}" if seq == expected + 1 else f"{expected} to {seq - 1}"
                yield "gap", f"the document before must have seq {seq - 1}, missing: {missing}"
            elif seq < expected:
                yield "gap", f"seq must be {expected}, was {seq}"
            self.seq = seq
        if document.get("prev") != self.hash:
            yield "chain", f"prev must be {self.hash}, the hash of the document before, was {document.get('prev')}"
        computed = chain_hash(document)
        if document.get("hash") != computed:
            yield "hash", f"the content's hash is {computed}, stored is {document.get('hash')}: it was changed"
        self.hash = str(document.get("hash"))

    def _check_postings(self, document: Plain) -> Iterator[Complaint]:
        self._before = {}
        try:
            postings, after = legs(document, "postings", "amount"), legs(document, "after", "balance")
        except ValueError as error:
            yield "format", str(error)
            return
        yield from _check_sums(postings)
        expected: dict[Account, Decimal] = {}
        for account, amount in postings:
            before = expected.get(account, self.balances.get(account, Decimal(0)))
            expected[account] = before + amount
        stated = dict(after)
        if len(stated) != len(after):
            yield "after", "each touched account must be named once"
        yield from _compare(expected, stated)
        self._before = {account: self.balances.get(account, Decimal(0)) for account in expected | stated}
        self.balances.update(expected | stated)  # go on from what is stated: one wrong balance is told once
        for (name, asset), balance in stated.items():
            if balance < 0 and name.split(":")[0] in NEVER_NEGATIVE:
                yield "balance", f"{name} must not be negative, is {balance} {asset}"


def legs(document: Plain, field: str, amount: str) -> list[tuple[Account, Decimal]]:
    """Return ((account, asset), amount) of each leg in `postings` or `after`; none where the field is absent.

    Raises:
        ValueError: says which leg is malformed.
    """
    found = document.get(field, [])
    if not isinstance(found, list):
        raise ValueError(f"{field} must be a list")
    result: list[tuple[Account, Decimal]] = []
    for number, leg in enumerate(found):
        place = f"{field}[{number}]"
        if not isinstance(leg, dict) or set(leg) != {"account", "asset", amount}:
            raise ValueError(f"{place} must have account, asset and {amount}")
        value = number_of(leg[amount], f"{place}.{amount}")
        if value % STEP:
            raise ValueError(f"{place}.{amount} must have at most 8 decimals, was {value}")
        result.append(((_account(leg["account"], document, place), str(leg["asset"])), value))
    return result


def number_of(value: object, place: str) -> Decimal:
    """Return the decimal that a plain document holds as text.

    Raises:
        ValueError: it is none, or not finite.
    """
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number.adjusted() > LARGEST_EXPONENT:
        raise ValueError(f"{place} must be a decimal, was {value!r}")
    return number


def _account(name: object, document: Plain, place: str) -> str:
    if isinstance(name, str):
        kind, _, pair = name.partition(":")
        if name in QUOTE_ACCOUNTS or (kind in PAIR_ACCOUNTS and pair and pair == document.get("symbol", pair)):
            return name
    raise ValueError(f"{place}.account must be an account of the ledger and of the document's symbol, was {name!r}")


def _check_fields(document: Plain) -> Iterator[Complaint]:
    yield from (("format", fault) for fault in faults(document))


def _check_sums(postings: list[tuple[Account, Decimal]]) -> Iterator[Complaint]:
    sums: dict[str, Decimal] = {}
    for (_, asset), amount in postings:
        sums[asset] = sums.get(asset, Decimal(0)) + amount
    for asset, total in sums.items():
        if total:
            yield "balance", f"postings in {asset} must sum to 0, the sum is {total}"


def _compare(expected: dict[Account, Decimal], stated: dict[Account, Decimal]) -> Iterator[Complaint]:
    for account in sorted(expected.keys() | stated.keys()):
        name = f"{account[0]} in {account[1]}"
        if account not in stated:
            yield "after", f"the balance of {name} must be stated, it was touched"
        elif account not in expected:
            yield "after", f"the balance of {name} must not be stated, it was not touched"
        elif expected[account] != stated[account]:
            yield "after", f"the balance of {name} must be {expected[account]}, stated is {stated[account]}"
