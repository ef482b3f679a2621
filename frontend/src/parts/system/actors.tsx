import * as show from "../../format";
import { branches, summary, works } from "../../machinery";
import type { Actor } from "../../protocol";
import { health } from "../../store";
import { Badge } from "../../ui/badge";
import { Empty, Panel } from "../../ui/panel";

/** The supervisor and all it watches over. */
export function Actors() {
  const known = health.value?.actors;
  const { root, branches: below } = branches(known ?? {});
  const all = Object.values(known ?? {});
  return (
    <Panel title="Actors" id="actors" flush aside={all.length > 0 && <Badge tone={all.every(works) ? "good" : "bad"}>{summary(all)}</Badge>}>
      {all.length === 0 ? (
        <Empty>Loading …</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of the actors">
          <table class="actors">
            <thead>
              <tr>
                <th scope="col">Actor</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Restarts
                </th>
                <th scope="col" class="number">
                  Mailbox
                </th>
                <th scope="col">Last error</th>
              </tr>
            </thead>
            {root && (
              <tbody>
                <ActorRow actor={root} depth={0} />
              </tbody>
            )}
            {below.map((branch) => (
              <tbody key={branch.title}>
                <tr class="branch">
                  <th scope="rowgroup" colSpan={5}>
                    {branch.title} <small>{summary(branch.actors)}</small>
                  </th>
                </tr>
                {branch.actors.map((actor) => (
                  <ActorRow key={actor.name} actor={actor} depth={1} />
                ))}
              </tbody>
            ))}
          </table>
        </div>
      )}
    </Panel>
  );
}

function ActorRow({ actor, depth }: { actor: Actor; depth: number }) {
  const error = actor.last_error ?? actor.error;
  return (
    <tr data-actor={actor.name}>
      <th scope="row" class={`depth-${depth}`}>
        {actor.name}
      </th>
      <td>
        <Badge tone={works(actor) ? "good" : "bad"}>{show.words(actor.state)}</Badge>
      </td>
      <td class={actor.restarts > 0 ? "number warned" : "number"}>{actor.restarts}</td>
      <td class={actor.mailbox > 100 ? "number warned" : "number"}>{actor.mailbox}</td>
      <td class="error-text">{error ?? <span class="muted">none</span>}</td>
    </tr>
  );
}
