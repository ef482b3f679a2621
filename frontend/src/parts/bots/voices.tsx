import { everywhere } from "../../bots_store";
import { analysis, command, operator, trusted } from "../../store";
import { Panel } from "../../ui/panel";
import { Switch } from "../../ui/toggle";

/** Which analysts the bots listen to. The built-in one always speaks. */
export function Voices() {
  const all = analysis.value?.analysts ?? [];
  const heard = (everywhere.value?.config.signal_sources as string[] | undefined) ?? all;
  if (all.length === 0) return null;
  function choose(name: string, on: boolean): void {
    const chosen = on ? [...heard, name] : heard.filter((one) => one !== name);
    void command("update_bot_config", { signal_sources: chosen }, `${name} is ${on ? "heard" : "not heard any more"}.`);
  }
  return (
    <Panel title="Analysts that are heard" id="voices">
      <div class="voices">
        {all.map((name) =>
          operator.value ? (
            <Switch
              key={name}
              label={name}
              on={heard.includes(name)}
              disabled={!trusted.value || name === "technical"}
              onChange={(on) => choose(name, on)}
            />
          ) : (
            <span key={name}>
              {name}: {heard.includes(name) ? "yes" : "no"}
            </span>
          ),
        )}
      </div>
    </Panel>
  );
}
