"""Reading the journal back: verify every document against the one before and fold it into the desk."""

from collections.abc import Iterable, Iterator

from domain import journal
from domain.desk import Desk, from_checkpoint
from domain.errors import InvariantError, LedgerCorrupt
from domain.ports import Head, JournalDocument


def begin(checkpoint: JournalDocument | None) -> Desk:
    """Return the desk right after `checkpoint`, or an empty one.

    Raises:
        LedgerCorrupt: the checkpoint's hash is not that of its content.
    """
    if checkpoint is None:
        return Desk()
    try:
        seq, prev = checkpoint["seq"], checkpoint["prev"]
        if not isinstance(seq, int) or not isinstance(prev, str):
            raise LedgerCorrupt(f"checkpoint {checkpoint.get('_id')!r} must have a seq and a prev")
        journal.verify(checkpoint, seq=seq, prev=prev)
        return from_checkpoint(checkpoint)
    except (KeyError, TypeError, ValueError, InvariantError) as error:
        raise LedgerCorrupt(f"checkpoint {checkpoint.get('_id')!r} must hold a whole state: {error!r}") from error


def fold(desk: Desk, documents: Iterable[JournalDocument]) -> Iterator[JournalDocument]:
    """Verify and apply `documents`, which follow the desk's newest; yield each when it is done.

    Raises:
        LedgerCorrupt: gap, broken chain, wrong sum, or a document that does not fit the state.
    """
    for document in documents:
        journal.verify(document, seq=desk.seq + 1, prev=desk.head)
        try:
            desk.apply(document)
        except (KeyError, TypeError, ValueError, InvariantError) as error:
            name = f"journal document {document.get('_id')!r} (seq {document.get('seq')})"
            raise LedgerCorrupt(f"{name} must fit the state before it: {error}") from error
        yield document


def check_head(desk: Desk, head: Head | None) -> None:
    """Compare the folded journal with the store's newest document.

    Raises:
        LedgerCorrupt: they differ.
    """
    stored = (0, journal.GENESIS) if head is None else (head.seq, head.hash)
    if (desk.seq, desk.head) != stored:
        raise LedgerCorrupt(f"the journal must end at its head {stored[0]} {stored[1]}, ends at {desk.seq} {desk.head}")
