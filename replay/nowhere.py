"""Where the actors of a replay send what leaves them: nowhere. What they would be answered stands in the recording."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from domain.errors import LedgerUnavailable
from domain.ports import Head, JournalDocument, ModelAnswer

_READS = "a replay reads the recording"


class NoPeers:
    """The Peers port: nobody."""

    def tell(self, name: str, message: object) -> bool:
        return False


class NoTimers:
    """The Timers port: timer mail stands in the recording."""

    def after(self, seconds: float, name: str, key: str) -> None:
        """Forget it."""

    def every(self, seconds: float, name: str, key: str) -> None:
        """Forget it."""

    def cancel(self, name: str, key: str) -> None:
        """Forget it."""


class NoArchive:
    """The Archive port: keeps nothing; what greenlets read of it came back as mail."""

    def save(self, collection: str, document: JournalDocument) -> None:
        """Forget it."""

    def recent(
        self, collection: str, *, limit: int, where: JournalDocument | None = None
    ) -> tuple[JournalDocument, ...]:
        return ()


class NoBudget:
    """The BudgetStore port: without a reservation no call is made; what became of each stands in the recording."""

    def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
        raise LedgerUnavailable("a replay spends nothing")

    def reserve(self, *, call_id: str, analyst: str, day: str, usd: Decimal) -> None:
        raise LedgerUnavailable("a replay spends nothing")

    def settle(self, *, call_id: str, usd: Decimal) -> None:
        """Forget it."""


class NoEndpoint:
    """The ModelEndpoint port: is never asked, for nothing can be reserved."""

    def __init__(self) -> None:
        self.pending = 0

    def complete(
        self,
        *,
        model: str,
        messages: Sequence[tuple[str, str]],
        schema: dict[str, object],
        timeout_seconds: float,
        max_completion_tokens: int = 4096,
        fallbacks: tuple[str, ...] = (),
    ) -> ModelAnswer:
        raise LedgerUnavailable("a replay asks no model")

    def max_cost_usd(
        self, *, model: str, prompt_tokens: int, max_completion_tokens: int, fallbacks: tuple[str, ...] = ()
    ) -> Decimal:
        return Decimal(0)


class NoLedger:
    """The LedgerStore port behind a playback: what was read stands in the recording, what is stored is compared."""

    def head(self) -> Head | None:
        raise LedgerUnavailable(_READS)

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        raise LedgerUnavailable(_READS)

    def find(self, document_id: str) -> JournalDocument | None:
        raise LedgerUnavailable(_READS)

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        raise LedgerUnavailable(_READS)

    def append(self, documents: Sequence[JournalDocument]) -> None:
        raise LedgerUnavailable(_READS)

    def latest_checkpoint(self) -> JournalDocument | None:
        raise LedgerUnavailable(_READS)

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        """Forget it."""

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        raise LedgerUnavailable(_READS)


class NoAudit:
    """The LedgerAudit port behind a playback."""

    finding = ""
