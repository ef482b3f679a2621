import { Bots } from "../parts/bots";

/** The bots, one per pair: on and off, status, settings, approvals. */
export function BotsPage() {
  return (
    <div class="columns">
      <Bots />
    </div>
  );
}
