interface SparklineProps {
  values: readonly number[]; // oldest first
  width?: number;
  height?: number;
  tone?: string; // class that gives the colour: up, down or nothing
}

/** The path of a line through the values, in a box of this size. */
export function sparkPath(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = width / (values.length - 1);
  return values
    .map((value, n) => `${n ? "L" : "M"}${(n * step).toFixed(1)} ${(height - 1 - ((value - low) / span) * (height - 2)).toFixed(1)}`)
    .join("");
}

/** A small line without axes; the figures beside it say what it shows. */
export function Sparkline({ values, width = 72, height = 22, tone = "" }: SparklineProps) {
  return (
    <svg class={`spark ${tone}`} width={width} height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={sparkPath(values, width, height)} fill="none" stroke="currentColor" stroke-width="1.4" vector-effect="non-scaling-stroke" />
    </svg>
  );
}
