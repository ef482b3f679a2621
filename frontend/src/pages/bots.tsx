import { useEffect } from "preact/hooks";
import { chooseScope, start } from "../bots_store";
import { Approvals } from "../parts/bots/approvals";
import { Control } from "../parts/bots/control";
import { PairStates } from "../parts/bots/pairs";
import { BotSettings } from "../parts/bots/settings";
import { Voices } from "../parts/bots/voices";
import { place } from "../routes";
import { symbols } from "../store";
import "../styles/quorum.css";
import "../styles/bots.css";

/** The bots, one per pair: on and off, status, settings, approvals. */
export function BotsPage() {
  const { pair, find } = place.value.query;
  useEffect(start, []);
  useEffect(() => {
    if (pair && symbols.value.includes(pair)) chooseScope(pair);
    if (find) document.getElementById("bot-settings")?.scrollIntoView({ block: "start" });
  }, [pair, find, symbols.value.length > 0]);
  return (
    <div class="stack">
      <Control />
      <Approvals />
      <PairStates />
      <Voices />
      <BotSettings wanted={find ?? ""} />
    </div>
  );
}
