"""What each setting of a bot may be: its kind, limits and default, read from the settings' own model."""

from collections.abc import Iterator
from typing import Any, get_args

from domain.views import ABSENT, BotFieldView
from settings import Between, BotSettings, Section


def bot_fields() -> tuple[BotFieldView, ...]:
    """Return every setting of a bot by its dotted key, in the order of settings.yaml."""
    return tuple(_leaves(BotSettings, ""))


def _leaves(section: type[Section], path: str) -> Iterator[BotFieldView]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield _view(f"{path}{name}", field)


def _view(key: str, field: Any) -> BotFieldView:  # Any: a field of pydantic, which actors do not import
    default = field.get_default()
    limits = next((each for each in field.metadata if isinstance(each, Between)), None)
    if limits is not None:
        kind = "whole" if field.annotation is int else "number"
        return BotFieldView(key=key, kind=kind, default=default, low=limits.low, high=limits.high)
    choices = get_args(field.annotation)
    return BotFieldView(key=key, kind="choice" if choices else "flag", default=default, choices=choices or ABSENT)
