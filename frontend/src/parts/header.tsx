import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as show from "../format";
import type { Alert } from "../protocol";
import { href } from "../routes";
import { alerts, balance, bot, lastHeard, link, market, notice, role, source, trusted } from "../store";
import { nextTheme, theme } from "../theme";
import { Icon } from "../ui/icons";

/** That prices are not real, and that nothing comes in: unmistakable, on every page. */
export function Banner() {
  const { kind, banner } = source.value;
  const lost = !trusted.value && lastHeard.value > 0; // while it is tried again, too
  return (
    <>
      {banner && (
        <div id="banner" class={`banner ${kind}`} role="note">
          <strong>{kind}</strong> <span>{banner}</span>
        </div>
      )}
      {lost && (
        <div id="lost" class="banner lost" role="alert">
          <strong>Not connected</strong> <span>All figures are as of {show.clock(lastHeard.value)} UTC and may be out of date.</span>
        </div>
      )}
    </>
  );
}

function connectionText(): string {
  if (link.value === "open") return trusted.value ? "Connected" : "Loading";
  return link.value === "connecting" ? "Connecting" : "Connection lost, trying again";
}

interface FigureProps {
  name: string;
  id: string;
  text: string;
  tone?: string;
  rank?: "main" | "detail" | "";
}

function Figure({ name, id, text, tone = "", rank = "" }: FigureProps) {
  return (
    <div class={`figure ${rank}`}>
      <dt>{name}</dt>
      <dd id={id} class={tone}>
        {text}
      </dd>
    </div>
  );
}

function Figures() {
  const money = balance.value;
  const today = money ? money.realized_pnl_today - money.fees_today : undefined;
  return (
    <dl class={trusted.value ? "figures" : "figures doubtful"}>
      <Figure name="Equity" id="equity" text={show.money(money?.equity)} rank="main" />
      <Figure name="Free cash" id="balance" text={show.money(money?.balance)} rank="detail" />
      <Figure name="Margin" id="margin" text={show.money(money?.margin)} rank="detail" />
      <Figure name="Unrealised" id="unrealized" text={show.signed(money?.unrealized_pnl)} tone={show.tone(money?.unrealized_pnl)} />
      <Figure name="Today, net" id="today" text={show.signed(today)} tone={show.tone(today)} />
    </dl>
  );
}

const THEME_ICON = { auto: "system_theme", light: "light", dark: "dark" } as const;

export function Header() {
  const status = market.value;
  const running = useComputed(() => bot.value?.enabled ?? false).value;
  return (
    <header class="top">
      <h1 class="hidden">Quorum</h1>
      <Figures />
      <div class="states" role="status">
        <span class={`dot ${trusted.value ? "good" : "bad"}`} id="connection">
          {connectionText()}
        </span>
        {status && (
          <span class={`dot ${status.state === "live" ? "good" : "bad"}`} id="market" title={status.message}>
            Market {show.words(status.state)}
          </span>
        )}
        <a href={href("bots")} class={`dot ${running ? "good" : "off"}`} id="bots-run">
          Bots {running ? "on" : "off"}
        </a>
        {role.value === "viewer" && <span class="badge info">Viewer</span>}
      </div>
      <button
        type="button"
        class="icon quiet"
        id="theme"
        aria-label={`Colours: ${theme.value}. Change`}
        title={`Colours: ${theme.value}`}
        onClick={nextTheme}
      >
        <Icon name={THEME_ICON[theme.value]} />
      </button>
    </header>
  );
}

const LEVELS: Record<string, string> = { error: "Error", warning: "Warning", info: "Note" };

/** The newest alert until it is put away; the rest is a number beside it. */
export function Alerts() {
  const [seen, setSeen] = useState<Alert | null>(null);
  const all = alerts.value;
  const until = seen ? all.indexOf(seen) : -1;
  const fresh = until < 0 ? all : all.slice(0, until);
  const alert = fresh[0];
  return (
    <div class="alerts" role="alert" hidden={!alert}>
      {alert && (
        <p class={alert.level}>
          <span class="level">{LEVELS[alert.level] ?? alert.level}</span>
          <span>
            {alert.message} <small>{show.clock(alert.timestamp)}</small>
          </span>
          {fresh.length > 1 && <small>and {fresh.length - 1} more</small>}
          <button type="button" class="icon quiet small" aria-label="Put alerts away" onClick={() => setSeen(alert)}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}

const NOTICE_MS = 6000;

export function Notice() {
  const shown = notice.value;
  useEffect(() => {
    if (!shown) return undefined;
    const timer = window.setTimeout(() => (notice.value = null), NOTICE_MS);
    return () => window.clearTimeout(timer);
  }, [shown]);
  return (
    <div class="notices" role="status" aria-live="polite" id="notice">
      {shown && (
        <p class={shown.good ? "good" : "bad"}>
          <span>{shown.text}</span>
          <button type="button" class="icon quiet small" aria-label="Dismiss" onClick={() => (notice.value = null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}
