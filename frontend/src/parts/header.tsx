import { useEffect } from "preact/hooks";
import { money, signed, tone } from "../format";
import { link, notice, state, trusted } from "../store";

function connectionText(): string {
  if (link.value === "open") return state.value.ready ? "Connected" : "Loading";
  return link.value === "connecting" ? "Connecting" : "Connection lost, trying again";
}

function Figure({ name, id, text, tone: colour = "" }: { name: string; id: string; text: string; tone?: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd id={id} class={colour}>
        {text}
      </dd>
    </div>
  );
}

export function Header() {
  const { balance, source, market, alerts, version } = state.value;
  const today = balance ? balance.realized_pnl_today - balance.fees_today : undefined;
  return (
    <>
      {source.banner && (
        <div id="banner" class={`banner ${source.kind}`} role="note">
          <strong>{source.kind}</strong> {source.banner}
        </div>
      )}
      <header class="top">
        <h1>
          Quorum <small>{version}</small>
        </h1>
        <dl class={trusted.value ? "figures" : "figures doubtful"}>
          <Figure name="Equity" id="equity" text={money(balance?.equity)} />
          <Figure name="Free cash" id="balance" text={money(balance?.balance)} />
          <Figure name="Margin" id="margin" text={money(balance?.margin)} />
          <Figure name="Unrealised" id="unrealized" text={signed(balance?.unrealized_pnl)} tone={tone(balance?.unrealized_pnl)} />
          <Figure name="Today, net" id="today" text={signed(today)} tone={tone(today)} />
        </dl>
        <div class="states" role="status">
          <span class={`dot ${trusted.value ? "good" : "bad"}`} id="connection">
            {connectionText()}
          </span>
          {market && (
            <span class={`dot ${market.state === "live" ? "good" : "bad"}`} id="market" title={market.message}>
              Market {market.state}
            </span>
          )}
        </div>
      </header>
      {alerts[0] && (
        <p class={`alert ${alerts[0].level}`} role="alert">
          {alerts[0].message}
        </p>
      )}
    </>
  );
}

export function Notice() {
  const shown = notice.value;
  useEffect(() => {
    if (!shown) return undefined;
    const timer = window.setTimeout(() => (notice.value = null), 6000);
    return () => window.clearTimeout(timer);
  }, [shown]);
  return (
    <div class="notices" role="status" aria-live="polite" id="notice">
      {shown && (
        <p class={shown.good ? "good" : "bad"}>
          {shown.text}
          <button type="button" aria-label="Dismiss" onClick={() => (notice.value = null)}>
            ×
          </button>
        </p>
      )}
    </div>
  );
}
