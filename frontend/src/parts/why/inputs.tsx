import * as show from "../../format";
import { figure, figureNames, inputs } from "../../inputs";
import { Empty, Panel } from "../../ui/panel";

/** All that the analysts were shown. */
export function Inputs({ features }: { features: Record<string, unknown> | undefined }) {
  if (!features) {
    return (
      <Panel title="What the analysts were shown" id="inputs">
        <Empty>Nothing was stored for this decision, or it is still being loaded.</Empty>
      </Panel>
    );
  }
  const { figures, intervals, headlines } = inputs(features);
  return (
    <Panel title="What the analysts were shown" id="inputs" flush>
      <dl class="inline padded">
        {figures.map(({ name, value }) => (
          <div key={name}>
            <dt>{show.words(name)}</dt>
            <dd>{typeof value === "number" ? (name.endsWith("_at") ? `${show.clock(value)} UTC` : figure(value)) : value}</dd>
          </div>
        ))}
      </dl>
      {intervals.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Indicators by interval">
          <table class="small indicators">
            <thead>
              <tr>
                <th scope="col">Indicator</th>
                {intervals.map((one) => (
                  <th scope="col" class="number" key={one.interval}>
                    {one.interval}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {figureNames(intervals).map((name) => (
                <tr key={name}>
                  <th scope="row">{show.words(name)}</th>
                  {intervals.map((one) => {
                    const found = one.figures.find((each) => each.name === name);
                    return (
                      <td class="number" key={one.interval}>
                        {found ? figure(found.value) : "–"}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {headlines.length > 0 && (
        <>
          <h3 class="padded">Headlines</h3>
          <ul class="quotes-said">
            {headlines.map((one, n) => (
              <li key={n}>
                {one.title}{" "}
                <small>
                  {one.source} {one.at !== null && show.clock(one.at)} <span class={show.tone(one.sentiment)}>{show.signed(one.sentiment)}</span>
                </small>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}
