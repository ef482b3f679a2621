import { useComputed } from "@preact/signals";
import * as show from "../../format";
import { chooseScope, scope } from "../../bots_store";
import { href } from "../../routes";
import { base } from "../../spans";
import { bot, command, insights, operator, positions, prices, symbols, trusted } from "../../store";
import { Badge, Change, type Tone } from "../../ui/badge";
import { Age, Countdown } from "../../ui/age";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { Switch } from "../../ui/toggle";

interface PairRow {
  symbol: string;
  status: string;
  until: number | undefined;
  enabled: boolean;
}

const TONES: Record<string, Tone> = { in_trade: "info", idle: "", cooldown: "warn", paused: "bad", disabled: "" };

/** One row for each pair: whether its bot may trade, what it does now, and until when it rests. */
export function PairStates() {
  const status = bot.value;
  const rows: PairRow[] = symbols.value.map((symbol) => ({
    symbol,
    status: status?.pair_status[symbol] ?? "",
    until: status?.pair_until[symbol],
    enabled: status?.pair_status[symbol] !== "disabled",
  }));
  const columns: Column<PairRow>[] = [
    { key: "pair", title: "Pair", head: true, value: (row) => row.symbol, cell: (row) => base(row.symbol) },
    { key: "on", title: "May trade", cell: (row) => <May row={row} /> },
    { key: "status", title: "Now", value: (row) => row.status, cell: (row) => <Status row={row} /> },
    { key: "price", title: "Price", number: true, cell: (row) => <Quote symbol={row.symbol} /> },
    { key: "position", title: "Position", number: true, value: (row) => positions.value[row.symbol]?.unrealized_pnl, cell: (row) => <Held symbol={row.symbol} /> },
    { key: "signal", title: "Signal", cell: (row) => <Said symbol={row.symbol} /> },
    {
      key: "actions",
      title: "Actions",
      cell: (row) => (
        <span class="in-row">
          <a href={href("why", { pair: row.symbol })}>Why</a>
          <button type="button" class="small quiet" aria-pressed={scope.value === row.symbol} onClick={() => toSettings(row.symbol)}>
            Settings
          </button>
        </span>
      ),
    },
  ];
  return (
    <Panel title="Pairs" id="pair-states" flush>
      <Table
        id="pairs-table"
        label="The bots by pair"
        columns={columns}
        rows={rows}
        rowKey={(row) => row.symbol}
        data={(row) => ({ symbol: row.symbol, status: row.status })}
        rowClass={(row) => (row.enabled ? "" : "muted")}
        cards
      />
    </Panel>
  );
}

function toSettings(symbol: string): void {
  chooseScope(symbol);
  document.getElementById("bot-settings")?.scrollIntoView({ block: "start" });
}

function May({ row }: { row: PairRow }) {
  const done = `${row.symbol} ${row.enabled ? "may not trade any more" : "may trade"}.`;
  return operator.value ? (
    <Switch
      bare
      label={`The bot of ${row.symbol} may trade`}
      on={row.enabled}
      disabled={!trusted.value}
      onChange={(enabled) => void command("update_bot_config", { symbol: row.symbol, enabled }, done)}
    />
  ) : (
    <span>{row.enabled ? "yes" : "no"}</span>
  );
}

function Status({ row }: { row: PairRow }) {
  return (
    <span class="in-row">
      <Badge tone={TONES[row.status] ?? ""}>{show.words(row.status) || "–"}</Badge>
      {row.until !== undefined && (
        <span class="muted">
          <Countdown until={row.until} />
        </span>
      )}
    </span>
  );
}

function Quote({ symbol }: { symbol: string }) {
  const quote = useComputed(() => prices.value[symbol]).value;
  return <span class={quote?.stale ? "stale" : ""}>{quote?.stale ? `${show.price(quote.price)} stale` : show.price(quote?.price)}</span>;
}

function Held({ symbol }: { symbol: string }) {
  const held = useComputed(() => positions.value[symbol]).value;
  if (!held) return <span class="muted">none</span>;
  return (
    <span>
      {held.direction} <Change value={held.unrealized_pnl} />
    </span>
  );
}

function Said({ symbol }: { symbol: string }) {
  const signal = useComputed(() => insights.value[symbol]?.signal).value;
  if (!signal) return <span class="muted">none yet</span>;
  return (
    <span>
      <span class={`act ${signal.action.toLowerCase()}`}>{signal.action}</span> {show.share(signal.confidence_score)}{" "}
      <small>
        <Age at={signal.timestamp} after=" ago" />
      </small>
    </span>
  );
}
