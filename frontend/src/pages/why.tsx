import { Decisions } from "../parts/decisions";

/** Why the bots traded, or did not. */
export function WhyPage() {
  return <Decisions />;
}
