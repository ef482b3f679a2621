"""Which values a sweep tries: all combinations, random ones, or what Optuna proposes."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from backtest.trials import Values
from domain.errors import SettingsError

SHORT = "bots.defaults."  # of keys without a dot


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of the settings and what it may be: the values listed, or every value from `low` to `high` by `step`."""

    key: str
    listed: tuple[str, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    step: Decimal = Decimal(1)

    @property
    def choices(self) -> tuple[str, ...]:
        """All values, as text."""
        if self.listed:
            return self.listed
        count = int((self.high - self.low) / self.step)
        return tuple(f"{(self.low + n * self.step).normalize():f}" for n in range(count + 1))


def parse_parameter(text: str) -> Parameter:
    """Read `KEY=A,B,C` or `KEY=LOW..HIGH:STEP`.

    Raises:
        SettingsError: it is neither.
    """
    key, _, values = text.partition("=")
    key = key.strip()
    if not key or not values:
        raise SettingsError(f"--param must be KEY=A,B,C or KEY=LOW..HIGH:STEP, was {text}")
    key = key if "." in key else SHORT + key
    if ".." not in values:
        return Parameter(key, tuple(value.strip() for value in values.split(",")))
    span, _, step = values.partition(":")
    low, _, high = span.partition("..")
    try:
        numbers = Decimal(low), Decimal(high), Decimal(step)
    except InvalidOperation as error:
        raise SettingsError(f"--param {key}: LOW..HIGH:STEP must be numbers, was {values}") from error
    if not all(number.is_finite() for number in numbers) or numbers[0] > numbers[1] or numbers[2] <= 0:
        raise SettingsError(f"--param {key}: LOW <= HIGH and STEP > 0 must hold, was {values}")
    return Parameter(key, (), *numbers)


def grid(parameters: Sequence[Parameter]) -> Iterator[Values]:
    """Yield all combinations, the last parameter changing fastest."""
    keys = [parameter.key for parameter in parameters]
    for combination in itertools.product(*(parameter.choices for parameter in parameters)):
        yield tuple(zip(keys, combination, strict=True))


def randomly(parameters: Sequence[Parameter], count: int, seed: int) -> Iterator[Values]:
    """Yield `count` different combinations, always the same ones of a seed; all of them where there are no more."""
    generator, seen = random.Random(seed), set[Values]()
    total = 1
    for parameter in parameters:
        total *= len(parameter.choices)
    while len(seen) < min(count, total):
        values = tuple((parameter.key, generator.choice(parameter.choices)) for parameter in parameters)
        if values not in seen:
            seen.add(values)
            yield values


class OptunaSearch:
    """Optuna's proposals, in batches; the same seed and answers lead to the same proposals."""

    def __init__(self, parameters: Sequence[Parameter], seed: int) -> None:
        """Raise SettingsError where Optuna is not installed."""
        try:
            import optuna
        except ImportError as error:
            raise SettingsError("--search optuna needs the package optuna: pip install optuna") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._parameters = parameters
        self._study: Any = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._failed: Any = optuna.trial.TrialState.FAIL

    def propose(self, count: int) -> list[tuple[Any, Values]]:
        """Return trials of Optuna's with the values they stand for."""
        asked = []
        for _ in range(count):
            trial = self._study.ask()
            values = tuple(
                (each.key, str(trial.suggest_categorical(each.key, each.choices))) for each in self._parameters
            )
            asked.append((trial, values))
        return asked

    def tell(self, trial: Any, score: float | None) -> None:
        """Answer a proposal: its score, None where it has none."""
        if score is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, score)
