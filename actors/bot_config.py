"""Which settings a pair's bot runs by: settings.yaml below what operators changed, and how a change is made."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from domain.errors import SettingsError
from domain.requests import ConfigValue
from domain.trading import Control
from settings import BotSettings, Section, Settings, as_flat, bot_settings, overlay, parse_bot_config


def effective(settings: Settings, control: Control, pair: str | None = None) -> BotSettings:
    """Return the settings in force for `pair`, or the defaults of all.

    What an operator changed for all pairs wins over a pair's own keys in settings.yaml; what was changed for the pair
    wins over both. A change that the present settings do not allow any more is left out.

    Raises:
        SettingsError: `pair` has no entry in `bots.pairs`.
    """
    bot = settings.bots.defaults if pair is None else bot_settings(settings, pair)
    for changes in (control.defaults, dict(control.pairs).get(pair or "", ())):
        bot = _with_valid(bot, dict(changes))
    return bot


def _with_valid(bot: BotSettings, changes: Mapping[str, object]) -> BotSettings:
    try:
        return overlay(bot, changes)
    except SettingsError:
        pass
    for key, value in changes.items():
        with suppress(SettingsError):
            bot = overlay(bot, {key: value})
    return bot


def enabled_pairs(settings: Settings, control: Control) -> tuple[str, ...]:
    """Return the pairs whose bots may trade."""
    chosen = control.enabled_pairs
    pairs = tuple(settings.bots.pairs)
    if chosen is not None:
        return tuple(pair for pair in pairs if pair in chosen)
    return tuple(pair for pair in pairs if effective(settings, control, pair).enabled)


def shown_config(settings: Settings, control: Control, pair: str | None = None) -> dict[str, object]:
    """Return the settings in force as clients are shown them, with the keys of older clients."""
    sources = control.signal_sources
    values, enabled = _values(effective(settings, control, pair)), enabled_pairs(settings, control)
    if pair is not None:
        values["enabled"] = pair in enabled
    return {
        **values,
        "allowed_pairs": enabled,
        "signal_sources": tuple(settings.analysts) if sources is None else sources,
        "test_mode": True,
    }


def untouched(control: Control) -> Control:
    """Return `control` without what operators changed: settings.yaml alone counts."""
    return replace(control, defaults=(), pairs=(), enabled_pairs=None, signal_sources=None)


def changed_keys(control: Control, pair: str | None = None) -> tuple[str, ...]:
    """Return the dotted keys that operators changed, of `pair` alone or for all pairs."""
    return tuple(dict(control.defaults if pair is None else dict(control.pairs).get(pair, ())))


def without_changes(settings: Settings, control: Control, keys: tuple[str, ...], pair: str | None = None) -> Control:
    """Return `control` where operators have not changed `keys`, of `pair` alone or for all pairs.

    Raises:
        SettingsError: a key is no bot setting, or what is left is not allowed together.
    """
    known = dict(as_flat(settings.bots.defaults))
    if unknown := [key for key in keys if key not in known]:
        raise SettingsError(f"reset: must name bot settings, was {unknown[0]}")
    if pair is None:
        left = tuple(item for item in control.defaults if item[0] not in keys)
        overlay(settings.bots.defaults, dict(left))
        return replace(control, defaults=left)
    pairs = dict(control.pairs)
    pairs[pair] = tuple(item for item in pairs.get(pair, ()) if item[0] not in keys)
    overlay(bot_settings(settings, pair), {**dict(control.defaults), **dict(pairs[pair])})
    return replace(control, pairs=tuple(sorted((name, own) for name, own in pairs.items() if own)))


def _values(section: Section) -> dict[str, object]:
    return {name: _values(value) if isinstance(value, Section) else value for name, value in section}


def changed_control(
    settings: Settings, control: Control, config: tuple[tuple[str, ConfigValue], ...], pair: str | None = None
) -> tuple[Control, tuple[str, ...]]:
    """Return `control` with a client's configuration, and warnings for people.

    Raises:
        SettingsError: a value is not allowed, or none of the named pairs is the desk's; nothing is to change.
    """
    change = parse_bot_config(dict(config))
    warnings = [f"unknown field ignored: {name}" for name in change.ignored]
    control = _with_changes(settings, control, change.changes, pair)
    if pair is not None and control.enabled_pairs is not None and "enabled" in change.changes:
        chosen = {*control.enabled_pairs, pair} if change.changes["enabled"] else {*control.enabled_pairs} - {pair}
        control = replace(control, enabled_pairs=tuple(each for each in settings.bots.pairs if each in chosen))
    if change.allowed_pairs is not None:
        known = tuple(item for item in change.allowed_pairs if item in settings.bots.pairs)
        if not known and change.allowed_pairs:
            ours = ", ".join(settings.bots.pairs)
            raise SettingsError(f"allowed_pairs: must name pairs of this desk ({ours}), was {change.allowed_pairs[0]}")
        warnings += [f"{item} is not traded by this desk" for item in change.allowed_pairs if item not in known]
        control = replace(control, enabled_pairs=known)
    if change.signal_sources is not None:
        named = tuple(item for item in change.signal_sources if item in settings.analysts)
        warnings += [f"there is no analyst {item}" for item in change.signal_sources if item not in named]
        built_in = tuple(name for name, analyst in settings.analysts.items() if analyst.model == "technical")
        control = replace(control, signal_sources=tuple(dict.fromkeys([*built_in, *named])))
    return control, tuple(warnings)


def _with_changes(settings: Settings, control: Control, changes: Mapping[str, object], pair: str | None) -> Control:
    flat = as_flat(changes) if changes else ()
    if pair is None:
        merged = tuple(sorted({**dict(control.defaults), **dict(flat)}.items()))
        overlay(settings.bots.defaults, dict(merged))
        return replace(control, defaults=merged)
    pairs = dict(control.pairs)
    pairs[pair] = tuple(sorted({**dict(pairs.get(pair, ())), **dict(flat)}.items()))
    overlay(bot_settings(settings, pair), {**dict(control.defaults), **dict(pairs[pair])})
    return replace(control, pairs=tuple(sorted((name, own) for name, own in pairs.items() if own)))
