import { useEffect } from "preact/hooks";
import { Feed } from "../parts/why/feed";
import { Trace } from "../parts/why/trace";
import { place } from "../routes";
import { trusted } from "../store";
import { chooseById, setFilter, start } from "../why_store";
import "../styles/why.css";

/** Why the bots traded, or did not. */
export function WhyPage() {
  const { id, pair } = place.value.query;
  const ready = trusted.value;
  useEffect(() => {
    if (pair) setFilter({ symbol: pair, gate: "", outcome: "" });
    start();
  }, [pair]);
  useEffect(() => {
    if (id && ready) void chooseById(id);
  }, [id, ready]);
  return (
    <div class="why-page">
      <Feed />
      <Trace />
    </div>
  );
}
