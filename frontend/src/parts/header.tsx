import { useEffect } from "preact/hooks";
import * as show from "../format";
import { alerts, balance, link, market, notice, source, trusted, version } from "../store";

function connectionText(): string {
  if (link.value === "open") return trusted.value ? "Connected" : "Loading";
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
  const { kind, banner } = source.value;
  const money = balance.value;
  const today = money ? money.realized_pnl_today - money.fees_today : undefined;
  const status = market.value;
  const alert = alerts.value[0];
  return (
    <>
      {banner && (
        <div id="banner" class={`banner ${kind}`} role="note">
          <strong>{kind}</strong> {banner}
        </div>
      )}
      <header class="top">
        <h1>
          Quorum <small>{version.value}</small>
        </h1>
        <dl class={trusted.value ? "figures" : "figures doubtful"}>
          <Figure name="Equity" id="equity" text={show.money(money?.equity)} />
          <Figure name="Free cash" id="balance" text={show.money(money?.balance)} />
          <Figure name="Margin" id="margin" text={show.money(money?.margin)} />
          <Figure name="Unrealised" id="unrealized" text={show.signed(money?.unrealized_pnl)} tone={show.tone(money?.unrealized_pnl)} />
          <Figure name="Today, net" id="today" text={show.signed(today)} tone={show.tone(today)} />
        </dl>
        <div class="states" role="status">
          <span class={`dot ${trusted.value ? "good" : "bad"}`} id="connection">
            {connectionText()}
          </span>
          {status && (
            <span class={`dot ${status.state === "live" ? "good" : "bad"}`} id="market" title={status.message}>
              Market {show.words(status.state)}
            </span>
          )}
        </div>
      </header>
      {alert && (
        <p class={`alert ${alert.level}`} role="alert">
          {alert.message}
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
