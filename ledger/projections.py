"""Projections against the journal: each value must be what the journal said at the seq it carries."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from ledger.canonical import NotCanonical, Plain, plain
from ledger.chain import ChainCheck, Complaint
from ledger.findings import Finding
from ledger.trading import Holding, TradingCheck

COLLECTIONS = ("positions", "balances", "orders", "trades", "bot_state")
_Named = tuple[str, Plain]  # collection, document


class ProjectionCheck:
    """Compares projected values while the journal is read, at the document whose seq they carry."""

    def __init__(
        self, projected: Iterable[tuple[str, Mapping[str, object]]], chain: ChainCheck, trading: TradingCheck
    ) -> None:
        self.count = 0
        self.findings: list[Finding] = []
        self._chain, self._trading = chain, trading
        self._by_seq: dict[int, list[_Named]] = {}
        for collection, document in projected:
            self.count += 1
            self._add(collection, document)

    def at(self, seq: int) -> Iterator[Complaint]:
        """Yield what differs between the journal after `seq` and the projections that reflect it."""
        for collection, document in self._by_seq.pop(seq, []):
            for difference in self._compare(collection, document):
                yield "projection", f"{collection} {document.get('_id')}: {difference}"

    def beyond(self) -> Iterator[Finding]:
        """Yield the projections whose seq the journal does not have: its tail is gone."""
        for seq in sorted(self._by_seq):
            for collection, document in self._by_seq[seq]:
                name = f"{collection} {document.get('_id')}"
                message = f"{name} reflects seq {seq}, the journal ends with seq {self._chain.seq}"
                yield Finding(rule="projection", message=message, seq=seq)

    def _add(self, collection: str, document: Mapping[str, object]) -> None:
        try:
            body = plain(document)
        except NotCanonical as error:
            message = f"{collection} {document.get('_id')}: {error}"
            self.findings.append(Finding(rule="projection", message=message))
            return
        seq = body.get("seq")
        if not isinstance(seq, int):
            message = f"{collection} {body.get('_id')} must carry the seq it reflects"
            self.findings.append(Finding(rule="projection", message=message))
        elif seq > 0:
            self._by_seq.setdefault(seq, []).append((collection, body))

    def _compare(self, collection: str, document: Plain) -> Iterator[str]:
        if collection == "balances":
            yield from self._compare_balance(document)
        elif collection == "positions":
            yield from self._compare_position(document)

    def _compare_balance(self, document: Plain) -> Iterator[str]:
        account, asset = document.get("account"), document.get("asset")
        balance = self._chain.balances.get((str(account), str(asset)), Decimal(0))
        if document.get("balance") is not None and Decimal(str(document["balance"])) != balance:
            yield f"the balance must be {balance:f}, projected is {document['balance']}"

    def _compare_position(self, document: Plain) -> Iterator[str]:
        pair = str(document.get("symbol", document.get("_id")))
        holding = self._trading.holdings.get(pair, Holding())
        recomputed = {"quantity": abs(holding.quantity), "cost": holding.cost, "margin": holding.margin}
        for name, value in recomputed.items():
            if name in document and Decimal(str(document[name])) != value:
                yield f"{name} must be {value:f}, projected is {document[name]}"
