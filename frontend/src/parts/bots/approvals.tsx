import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { deskNow } from "../../ages";
import * as show from "../../format";
import { problem } from "../../limits";
import type { Pending } from "../../protocol";
import { href } from "../../routes";
import { bot, command, operator, pending, quietly, trusted } from "../../store";
import { Badge } from "../../ui/badge";
import { Countdown } from "../../ui/age";
import { Field } from "../../ui/field";
import { Empty, Panel } from "../../ui/panel";

const LIMITS = { above: 0, max: 1e12 };

/** Trades that wait for an operator, each with its clock. */
export function Approvals() {
  const ready = trusted.value;
  const waiting = pending.value;
  const mode = bot.value?.config.manual_approval_mode === true;
  useEffect(() => {
    if (ready) void quietly("get_pending_trades", {});
  }, [ready, bot.value?.active_trades]);
  const first = useComputed(() => Math.min(...pending.value.map((one) => Date.parse(one.wait_until))) - deskNow.value).value;
  useEffect(() => {
    if (ready && Number.isFinite(first) && first < 0) void quietly("get_pending_trades", {});
  }, [ready, first < 0]);
  if (waiting.length === 0 && !mode) return null;
  return (
    <Panel title="Waiting for approval" id="approvals" flush aside={waiting.length > 0 && <Badge tone="info">{waiting.length}</Badge>}>
      {waiting.length === 0 ? (
        <Empty>No trade waits. While approval by hand is on, each one does.</Empty>
      ) : (
        <ul class="approvals">
          {waiting.map((one) => (
            <Proposal key={one.symbol} one={one} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Proposal({ one }: { one: Pending }) {
  const [amount, setAmount] = useState("");
  const [busy, setBusy] = useState(false);
  const until = Date.parse(one.wait_until);
  const left = useComputed(() => until - deskNow.value).value;
  const whole = Math.max(1, until - Date.parse(one.detected_time));
  const long = one.direction === "LONG" || one.direction === "BUY";
  const wrong = amount.trim() !== "" && problem(amount, LIMITS) !== "";

  async function answer(accept: boolean): Promise<void> {
    setBusy(true);
    const typed = show.typed(amount);
    const size = typed === undefined ? {} : { usdt_amount: typed };
    if (accept) await command("accept_trade", { symbol: one.symbol, ...size }, `Trade in ${one.symbol} accepted.`);
    else await command("reject_trade", { symbol: one.symbol }, `Trade in ${one.symbol} rejected.`);
    await quietly("get_pending_trades", {});
    setBusy(false);
  }
  return (
    <li data-symbol={one.symbol}>
      <div class="proposal">
        <div class="what">
          <b>{one.symbol}</b> <span class={`act ${long ? "buy" : "sell"}`}>{one.direction}</span> <span>{show.share(one.confidence_score)}</span>
          <a href={href("why", { id: one.decision_id })}>Why</a>
        </div>
        <dl class="inline">
          <div>
            <dt>Price then</dt>
            <dd>{show.price(one.price)}</dd>
          </div>
          <div>
            <dt>Stop</dt>
            <dd>{show.price(one.stop_loss)}</dd>
          </div>
          <div>
            <dt>Target</dt>
            <dd>{show.price(one.take_profit)}</dd>
          </div>
          <div>
            <dt>Lapses in</dt>
            <dd class="left">
              <Countdown until={until} />
            </dd>
          </div>
        </dl>
        {operator.value && (
          <div class="answer">
            <Field label="Size, if another" unit="USDT" value={amount} onInput={setAmount} limits={LIMITS} placeholder="as planned" />
            <button type="button" class={long ? "buy" : "sell"} disabled={busy || wrong || left <= 0 || !trusted.value} onClick={() => void answer(true)}>
              Accept
            </button>
            <button type="button" disabled={busy || !trusted.value} onClick={() => void answer(false)}>
              Reject
            </button>
          </div>
        )}
      </div>
      <div class="used" aria-hidden="true">
        <i style={{ width: `${Math.max(0, Math.min(1, left / whole)) * 100}%` }} />
      </div>
    </li>
  );
}
