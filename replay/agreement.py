"""Whether the replayed actors tell each other what they were recorded to hear from each other."""

from collections import Counter

from adapters.message_codec import MessageCodec
from replay.comparison import Comparison
from replay.recording import Step

BOTH = {  # told by bots, broker and analysts alone, each once, and never replaced by a newer one
    "FormOpinion",
    "OpinionFormed",
    "OpinionWithheld",
    "OrderAccepted",
    "OrderCancelled",
    "OrderFilled",
}
BY_BOTS = {"SubmitOrder", "ClosePosition"}


class Agreement:
    """All that was told in the replay and not yet handled."""

    def __init__(self, codec: MessageCodec, comparison: Comparison) -> None:
        self._codec = codec
        self._comparison = comparison
        self._told: dict[str, Counter[tuple[str, bytes]]] = {}
        self.checked = 0

    def told(self, to: str, message: object) -> None:
        """Take note of mail."""
        name = type(message).__name__
        if name in BOTH or name in BY_BOTS:
            self._told.setdefault(to, Counter())[self._codec.encode(message)] += 1

    def handled(self, by: str, step: Step, message: object) -> bool:
        """Return whether somebody in the replay has told what `by` was recorded to handle."""
        ours = step.name in BOTH or (step.name in BY_BOTS and str(getattr(message, "reply_to", "")).startswith("bot-"))
        if not ours:
            return True
        key = self._codec.encode(message)
        told = self._told.setdefault(by, Counter())
        self.checked += 1
        if told[key]:
            told[key] -= 1
            if not told[key]:
                del told[key]
            return True
        alike = [body for name, body in told if name == step.name]
        now = f"now another {step.name} was: {alike[-1].decode()}" if alike else "now it was not"
        self._comparison.differs(f"{by} was told {step.name} {key[1].decode()}; {now}")
        return False
