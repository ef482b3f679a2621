"""The report of a run as one HTML page: no script, no font and no style from anywhere else."""

from collections.abc import Sequence
from html import escape

import numpy as np

from backtest.charts import Line, Mark, bar_chart, histogram, thinned, time_chart
from backtest.figures import Figures, TradeFigures
from backtest.report_text import SECTIONS, amount, cells, day, header, overview, percent, ratio, span
from backtest.result import Result
from domain.money import text as number
from domain.trading import ClosedTrade, Direction

MOST_MARKS = 400  # trades marked on one price chart; of more, the newest
MOST_ROWS = 300  # of the list of trades

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5c6a7a;--rule:#e3e7ec;--main:#2563c9;
--other:#9aa5b1;--gain:#1a8f5a;--loss:#cc3d43}
@media (prefers-color-scheme:dark){:root{--page:#10151b;--card:#182029;--ink:#e7edf3;--soft:#93a1b0;--rule:#2a3440;
--main:#6ba4f5;--other:#66727f;--gain:#3fbd83;--loss:#ee6a6e}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:16px;margin:0 0 10px}p{margin:0;color:var(--soft)}
section{background:var(--card);border:1px solid var(--rule);
border-radius:10px;padding:18px 20px;margin-top:16px}.tiles{display:grid;gap:12px;margin-top:20px;
grid-template-columns:repeat(5,1fr)}
@media(max-width:760px){.tiles{grid-template-columns:repeat(2,1fr)}}
.tile{background:var(--card);border:1px solid var(--rule);
border-radius:10px;padding:12px 14px}.tile b{display:block;font-size:20px;font-variant-numeric:tabular-nums;
white-space:nowrap}.tile span{color:var(--soft);font-size:13px}.two{display:grid;gap:0 16px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
.two section:last-child:nth-child(odd){grid-column:1/-1}
.two section:last-child:nth-child(odd) svg text{font-size:12px}.up{color:var(--gain)}.down{color:var(--loss)}
svg{width:100%;height:auto;display:block;overflow:visible}svg text{fill:var(--soft);font-size:12px;
font-variant-numeric:tabular-nums}.two svg text{font-size:21px}.grid{stroke:var(--rule)}.zero{stroke:var(--other)}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;vector-effect:non-scaling-stroke}.line.main{stroke:var(--main)}
.line.other{stroke:var(--other)}.line.fall{stroke:var(--loss)}.area.main{fill:var(--main);opacity:.12}
.area.fall{fill:var(--loss);opacity:.16}rect.gain,.mark.gain{fill:var(--gain)}rect.loss,.mark.loss{fill:var(--loss)}
.mark{stroke:var(--card);stroke-width:.8}.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;
font-variant-numeric:tabular-nums}th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--rule);
white-space:nowrap}th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500;font-size:13px}
tr:last-child td{border-bottom:0}.key{font-size:13px;color:var(--soft);margin:-4px 0 8px}
.key i{display:inline-block;width:14px;height:3px;border-radius:2px;vertical-align:middle;margin:0 6px 0 14px}
.key i:first-child{margin-left:0}.note{border-left:3px solid var(--main);padding-left:12px}
dl{margin:0;display:grid;gap:0 36px;grid-template-columns:repeat(auto-fit,minmax(280px,1fr))}
dl div{display:flex;justify-content:space-between;padding:6px 0;border-bottom:1px solid var(--rule)}
dt{color:var(--soft)}dd{margin:0;font-variant-numeric:tabular-nums}
summary{cursor:pointer;font-size:16px;font-weight:600}details[open] summary{margin-bottom:10px}
code{font-size:13px;word-break:break-all}
"""


def html_report(result: Result, figures: Figures, problems: Sequence[str] = ()) -> str:
    """Return the page.

    Args:
        problems: what was wrong with the data, one sentence each.
    """
    title = escape(f"Backtest of {', '.join(result.pairs)}")
    parts = [
        f"<h1>{title}</h1><p>{day(result.from_ms)} to {day(result.to_ms)}, {result.candles:,} candles; rules, fills "
        f"and ledger of the live desk; settings <code>{result.settings_hash[:12]}</code></p>",
        _tiles(figures, result),
        _notes(result, figures, problems),
        _equity(result, figures),
        _drawdown(result, figures),
        *(_price(result, pair) for pair in result.pairs),
        '<div class="two">',
        _section(
            "Monthly returns",
            bar_chart([(m, r * 100, f"{m}: {percent(r)}") for m, r in figures.monthly], unit=" %", height=300),
        ),
        _section("Exits", _reasons(figures)),
        _section("Trades by their return, net of fees", histogram(_returns(result.closed), unit=" %", height=300)),
        "</div>",
        _section("All figures", _definition(overview(result, figures))),
        *(_figures_table(title, getattr(figures, field)) for field, title in SECTIONS if getattr(figures, field)),
        _trades(result),
        f"<section><h2>Journal</h2><p>{result.seq} documents, chained; head <code>{result.head}</code></p></section>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _tiles(figures: Figures, result: Result) -> str:
    tiles = (
        ("return", percent(figures.total_return), figures.total_return),
        ("buy and hold", percent(figures.buy_and_hold), 0.0),
        ("max drawdown", percent(-figures.drawdown.fraction), 0.0),
        ("Sharpe", ratio(figures.sharpe), 0.0),
        ("Sortino", ratio(figures.sortino), 0.0),
        ("profit factor", ratio(figures.all.profit_factor), 0.0),
        ("closed trades", f"{figures.all.trades:,}", 0.0),
        ("win rate", "-" if figures.all.win_rate is None else f"{figures.all.win_rate * 100:.1f} %", 0.0),
        ("fees", amount(figures.fees), 0.0),
        ("exposure", f"{figures.exposure * 100:.1f} %", 0.0),
    )
    shown = "".join(
        f'<div class="tile"><b class="{_sign(value)}">{escape(text)}</b><span>{escape(name)}</span></div>'
        for name, text, value in tiles
    )
    return f'<div class="tiles">{shown}</div>'


def _notes(result: Result, figures: Figures, problems: Sequence[str]) -> str:
    notes = [*problems]
    leaked = {row.name: row.trades for row in figures.by_leakage}
    if leaked.get("before_cutoff"):
        notes.append(
            f"{leaked['before_cutoff']} trades rest on opinions formed before the knowledge cutoff of their model: the "
            "model may know how the period ended. They are shown apart and prove nothing."
        )
    if leaked.get("cutoff_unknown"):
        notes.append(
            f"{leaked['cutoff_unknown']} trades rest on opinions of models whose knowledge cutoff is not known."
        )
    if not notes:
        return ""
    return "<section>" + "".join(f'<p class="note">{escape(note)}</p>' for note in notes) + "</section>"


def _equity(result: Result, figures: Figures) -> str:
    held = _held(result)
    lines = [Line(name="buy and hold", css="other", times=result.times, values=held)] if held is not None else []
    lines.append(Line(name="equity", css="main", times=result.times, values=result.equity))
    key = ""
    if held is not None and not _fits(held, result):
        lines = lines[-1:]  # it would press the equity into a flat line
    elif held is not None:
        key = (
            '<p class="key"><i style="background:var(--main)"></i>equity<i style="background:var(--other)"></i>'
            "buy and hold of the same balance</p>"
        )
    return _section("Equity", key + time_chart([_thin(line) for line in lines], height=300))


def _fits(held: "np.ndarray[tuple[int], np.dtype[np.float64]]", result: Result) -> bool:
    reach = float(np.ptp(result.equity)) or 1.0
    return float(np.nanmax(held) - np.nanmin(held)) < 12 * reach


def _held(result: Result) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | None":
    """Return what the balance would be worth, spent on all pairs at their first close."""
    if not len(result.times) or any(np.isnan(closes[0]) for closes in result.closes.values()):
        return None
    shares = [closes / closes[0] for closes in result.closes.values()]
    return np.asarray(float(result.settings.paper.balance_usdt) * sum(shares) / len(shares))


def _drawdown(result: Result, figures: Figures) -> str:
    if not len(result.equity):
        return ""
    peak = np.maximum(np.maximum.accumulate(result.equity), figures.start)
    fall = (result.equity / peak - 1) * 100
    fall_text = figures.drawdown
    words = (
        f"deepest {percent(-fall_text.fraction)} from {day(fall_text.from_ms)} to {day(fall_text.to_ms)}; longest time "
        f"below a peak {span(fall_text.longest_ms)}"
    )
    line = Line(name="drawdown", css="fall", times=result.times, values=fall, filled=True)
    return _section("Drawdown", f'<p class="key">{words}</p>' + time_chart([_thin(line)], height=190, unit=" %"))


def _price(result: Result, pair: str) -> str:
    closed = [each for each in result.closed if each.pair == pair]
    shown, marks = closed[-MOST_MARKS:], []
    for each in shown:
        net = each.realized_pnl - each.fees
        long, css = each.direction is Direction.LONG, "gain" if net > 0 else "loss"
        entry = f"{each.direction} {number(each.quantity)} at {number(each.entry_price)}, {day(each.opened_ms)}"
        exit_ = f"{each.reason} at {number(each.exit_price)}, {day(each.closed_ms)}: {net:+.2f}"
        marks.append(
            Mark(
                time_ms=each.opened_ms,
                value=float(each.entry_price),
                css=css,
                shape="up" if long else "down",
                tip=f"{entry}; {exit_}",
            )
        )
        marks.append(
            Mark(time_ms=each.closed_ms, value=float(each.exit_price), css=css, shape="dot", tip=f"{exit_}; {entry}")
        )
    some = "" if len(shown) == len(closed) else f", the newest {len(shown)} of {len(closed)}"
    key = (
        f'<p class="key">{len(shown)} closed trades{some}: triangles are entries (up long, down short), dots exits, '
        '<span class="up">green won</span>, <span class="down">red lost</span></p>'
    )
    line = _thin(Line(name=pair, css="main", times=result.times, values=result.closes[pair]))
    return _section(f"Trades on the price of {pair}", key + time_chart([line], marks=marks, height=320))


def _reasons(figures: Figures) -> str:
    bars = [
        (row.name.replace("_", " "), float(row.net), f"{row.name}: {row.trades} trades, net {amount(row.net)}")
        for row in figures.by_reason
    ]
    return '<p class="key">net result by the reason of the exit</p>' + bar_chart(bars, height=280)


def _returns(closed: Sequence[ClosedTrade]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the net return of each trade on its notional at entry, in percent."""
    return np.array(
        [float((each.realized_pnl - each.fees) / (each.entry_price * each.quantity) * 100) for each in closed]
    )


def _figures_table(title: str, rows: Sequence[TradeFigures]) -> str:
    lines = "".join(
        f"<tr><td>{escape(row.name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells(row))}</tr>"
        for row in rows
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in (title, *header()))
    return _section(f"By {title}", f'<div class="scroll"><table><tr>{head}</tr>{lines}</table></div>')


def _definition(rows: Sequence[tuple[str, str]]) -> str:
    return (
        "<dl>"
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
        + "</dl>"
    )


def _trades(result: Result) -> str:
    shown = result.closed[-MOST_ROWS:]
    names = ("opened", "pair", "direction", "quantity", "entry", "exit", "closed", "reason", "net", "fees")
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in _trade_cells(each)[:-2])
        + f'<td class="{_sign(float(each.realized_pnl - each.fees))}">{_trade_cells(each)[-2]}</td>'
        + f"<td>{_trade_cells(each)[-1]}</td></tr>"
        for each in shown
    )
    title = "Trades" if len(shown) == len(result.closed) else f"The newest {len(shown)} of {len(result.closed)} trades"
    head = "".join(f"<th>{name}</th>" for name in names)
    table = f'<div class="scroll"><table><tr>{head}</tr>{lines}</table></div>'
    return f"<section><details><summary>{title}</summary>{table}</details></section>"


def _trade_cells(each: ClosedTrade) -> tuple[str, ...]:
    return (
        day(each.opened_ms),
        each.pair,
        each.direction.value,
        number(each.quantity),
        number(each.entry_price),
        number(each.exit_price),
        day(each.closed_ms),
        each.reason.value.replace("_", " "),
        f"{each.realized_pnl - each.fees:+,.2f}",
        f"{each.fees:,.2f}",
    )


def _thin(line: Line) -> Line:
    times, values = thinned(line.times, line.values)
    return Line(name=line.name, css=line.css, times=times, values=values, filled=line.filled)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _sign(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else ""
