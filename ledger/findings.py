"""What an audit found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One contradiction: where it is, what must hold and what was found."""

    rule: str  # format | gap | chain | hash | duplicate | balance | after | order | fill | position | projection ...
    message: str
    seq: int | None = None
    document_id: str | None = None

    def __str__(self) -> str:
        where = "" if self.seq is None else f"seq {self.seq} "
        name = "" if self.document_id is None else f"({self.document_id}) "
        told = f"{where}{name}{self.rule}: {self.message}"
        return told.encode("utf-8", "backslashreplace").decode()  # an id may be no text at all
