import { useCallback, useMemo, useState, type ReactElement } from "react";
import uPlot from "uplot";
import { brief, count, moment } from "../text/format";
import { plain } from "../text/safe";
import { tone } from "./basics";
import { axes, Plot } from "./plot";

/** One layer of a stacked histogram. */
export type Layer = { readonly name: string; readonly colour: string; readonly counts: readonly number[] };

type Props = {
  /** Begin of each bar, in seconds since 1970. */
  readonly times: readonly number[];
  /** Length of a bar in seconds. */
  readonly step: number;
  /** From the ground up. */
  readonly layers: readonly Layer[];
  readonly height: number;
  readonly what: string;
  /** Marks a stretch of time, in milliseconds. */
  readonly onBrush?: (from: number, to: number) => void;
};

/** Bars over time, layer upon layer, with a legend and a brush. */
export function Stack({ times, step, layers, height, what, onBrush }: Props): ReactElement {
  const [under, setUnder] = useState<{ place: number; left: number } | null>(null);
  // the sums are drawn from the highest to the lowest, so that each layer shows above the one below it
  const data = useMemo(() => {
    const sums: number[][] = [];
    let below = times.map(() => 0);
    for (const layer of layers) {
      below = below.map((sum, place) => sum + (layer.counts[place] ?? 0));
      sums.push(below);
    }
    return [times.map((at) => at + step / 2), ...sums.reverse()] as uPlot.AlignedData;
  }, [times, layers, step]);
  const options = useCallback(
    (ink: (colour: string) => string): Omit<uPlot.Options, "width" | "height"> => ({
      scales: { x: { time: true, range: (_, least, most) => [least - step / 2, most + step / 2] }, y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.05] } },
      axes: axes(ink, brief),
      series: [
        {},
        ...[...layers].reverse().map((layer) => {
          const colour = ink(layer.colour);
          return { fill: colour, stroke: colour, width: 0, paths: uPlot.paths.bars?.({ size: [0.92, 60], align: 0 }), points: { show: false } } as uPlot.Series;
        }),
      ],
      cursor: { points: { show: false } },
      hooks: {
        setCursor: [(self) => setUnder(typeof self.cursor.idx === "number" && (self.cursor.left ?? -1) >= 0 ? { place: self.cursor.idx, left: (self.cursor.left ?? 0) + 56 } : null)],
      },
    }),
    [layers, step],
  );
  const shape = `${step} ${layers.map((layer) => `${layer.name} ${layer.colour}`).join("|")}`;
  const totals = layers.map((layer) => layer.counts.reduce((sum, one) => sum + one, 0));
  const label = `${what}: ${layers.map((layer, place) => `${plain(layer.name, 40)} ${count(totals[place] ?? 0)}`).join(", ") || "nothing"}`;
  const brush = useMemo(
    () =>
      onBrush === undefined
        ? undefined
        : (from: number, to: number) => {
            const begin = Math.floor(from / step) * step;
            onBrush(begin * 1000, Math.max(begin + step, Math.ceil(to / step) * step) * 1000);
          },
    [onBrush, step],
  );
  return (
    <div className="stack">
      <div className="chart">
        <Plot data={data} options={options} shape={shape} height={height} label={label} onBrush={brush} />
        {under !== null && <Tip at={times[under.place]} left={under.left} layers={layers} place={under.place} />}
      </div>
      <ul className="legend" aria-hidden="true">
        {layers.map((layer, place) => (
          <li key={layer.name} style={tone(layer.colour)}>
            <span className="swatch" />
            {plain(layer.name, 40)} <span className="quiet">{count(totals[place] ?? 0)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Tip({ at, left, layers, place }: { at: number | undefined; left: number; layers: readonly Layer[]; place: number }): ReactElement | null {
  if (at === undefined) return null;
  const shown = layers.filter((layer) => (layer.counts[place] ?? 0) > 0);
  const side = left > 400 ? { insetInlineStart: "auto", insetInlineEnd: `calc(100% - ${left - 12}px)` } : { insetInlineStart: `${left + 12}px` };
  return (
    <div className="tip" style={{ ...side, top: 8 }}>
      <div className="quiet">{moment(at * 1000)}</div>
      <dl>
        {[...shown].reverse().map((layer) => (
          <div key={layer.name} style={{ display: "contents" }}>
            <dt>{plain(layer.name, 40)}</dt>
            <dd>{count(layer.counts[place] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
