import type { CalibrationBin } from "../../messages";
import * as show from "../../format";
import { wilson } from "../../quorum";

const SIZE = 150;
const EDGE = 22;

const x = (share: number) => EDGE + share * (SIZE - EDGE - 4);
const y = (share: number) => SIZE - EDGE - share * (SIZE - EDGE - 4);

/** What was said against what came true: on the diagonal an analyst is as sure as it is right. */
export function Reliability({ bins, name }: { bins: readonly CalibrationBin[]; name: string }) {
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const line = bins.map((bin, n) => `${n ? "L" : "M"}${x(bin.mean_confidence).toFixed(1)} ${y(bin.hit_rate).toFixed(1)}`).join("");
  return (
    <figure class="reliability">
      <svg viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={`Reliability of ${name}: the table beneath has the figures`}>
        {[0, 0.5, 1].map((at) => (
          <g key={at} class="grid">
            <line x1={x(0)} x2={x(1)} y1={y(at)} y2={y(at)} />
            <line x1={x(at)} x2={x(at)} y1={y(0)} y2={y(1)} />
            <text x={x(at)} y={SIZE - 8} text-anchor="middle">
              {at * 100}
            </text>
            <text x={EDGE - 4} y={y(at) + 3} text-anchor="end">
              {at * 100}
            </text>
          </g>
        ))}
        <line class="ideal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
        {bins.map((bin) => {
          const [low, high] = wilson(bin.hit_rate, bin.count);
          return <line key={`i${bin.low}`} class="interval" x1={x(bin.mean_confidence)} x2={x(bin.mean_confidence)} y1={y(low)} y2={y(high)} />;
        })}
        <path class="curve" d={line} />
        {bins.map((bin) => (
          <circle key={bin.low} cx={x(bin.mean_confidence)} cy={y(bin.hit_rate)} r={2 + 3 * Math.sqrt(bin.count / most)}>
            <title>
              said {show.share(bin.mean_confidence)}, right {show.share(bin.hit_rate)}, {bin.count} opinions
            </title>
          </circle>
        ))}
      </svg>
      <figcaption>Said → came true, %</figcaption>
    </figure>
  );
}

export function ReliabilityTable({ bins }: { bins: readonly CalibrationBin[] }) {
  return (
    <table class="small">
      <thead>
        <tr>
          <th scope="col" class="number">
            Said
          </th>
          <th scope="col" class="number">
            Came true
          </th>
          <th scope="col" class="number">
            95 % interval
          </th>
          <th scope="col" class="number">
            Opinions
          </th>
        </tr>
      </thead>
      <tbody>
        {bins.map((bin) => (
          <tr key={bin.low}>
            <td class="number">{show.share(bin.mean_confidence)}</td>
            <td class="number">{show.share(bin.hit_rate)}</td>
            <td class="number">{wilson(bin.hit_rate, bin.count).map(show.wholePercent).join(" – ")} %</td>
            <td class="number">{bin.count}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
