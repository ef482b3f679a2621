"""Every error raised on purpose, split by what the catcher does about it.

QuorumError
+-- SettingsError        the operator corrects settings.yaml or the environment
+-- TemporaryError       try again later
|   +-- SourceUnavailable    exchange, feed or model endpoint cannot be reached
|   +-- LedgerUnavailable    the database is away; the outcome of the last write may be unknown
+-- PermanentError       give up what was asked; a repeat would fail the same way
|   +-- AlreadyReserved      a call of that id was reserved before: it must not be made on the same money
|   +-- LedgerFenced         another writer appended to the journal: this process must stop
|   +-- LedgerCorrupt        the stored journal contradicts itself or memory: read-only, loud
+-- InvariantError       a bug: raised before anything is written
"""


class QuorumError(Exception):
    """Base class of every error this project raises on purpose."""


class SettingsError(QuorumError):
    """The settings are wrong; the operator has to fix them. Raised before any actor starts."""


class TemporaryError(QuorumError):
    """What was asked may succeed later, unchanged."""


class SourceUnavailable(TemporaryError):
    """An exchange, feed or model endpoint did not answer usefully.

    `retry_after_seconds` is what the other side asked for, or None.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class LedgerUnavailable(TemporaryError):
    """The database did not acknowledge. Send the same documents again until there is a definite answer."""


class PermanentError(QuorumError):
    """What was asked cannot succeed; do not repeat it."""


class AlreadyReserved(PermanentError):
    """Money was reserved for a call of this id before, so another call of that id has none."""


class LedgerFenced(PermanentError):
    """Another writer owns the journal now. The process exits, so that two writers cannot exist.

    `epoch` is the other writer's. Where it is the older one of the two, it only has not heard yet.
    """

    def __init__(self, message: str, *, epoch: int | None = None) -> None:
        super().__init__(message)
        self.epoch = epoch


class LedgerCorrupt(PermanentError):
    """The journal has a gap, a broken chain, a wrong sum, or differs from what was acknowledged."""


class InvariantError(QuorumError):
    """Something that must hold does not (postings not zero, NaN, negative cash): a bug, nothing was written."""
