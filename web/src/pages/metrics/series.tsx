import { useCallback, useMemo, type ReactElement } from "react";
import uPlot from "uplot";
import { millis, type Range } from "../../api/search";
import type { Point, Series } from "../../api/types";
import { tone } from "../../parts/basics";
import { axes, Plot } from "../../parts/plot";
import { brief, moment, number } from "../../text/format";

type Rows = { readonly data: uPlot.AlignedData; readonly anomalies: readonly Point[] };

/** A series with what was expected, the usual band, and what stood out. */
export function SeriesView({ series, before, shift, range, span }: { series: Series; before: Series | undefined; shift: number; range: Range; span: (range: Range) => void }): ReactElement {
  const { data, anomalies } = useMemo(() => rows(series, before, shift), [series, before, shift]);
  const compares = before !== undefined;
  const options = useCallback(
    (ink: (colour: string) => string): Omit<uPlot.Options, "width" | "height"> => ({
      scales: { x: { time: true, range: (_, least, most) => stretch(range, least, most) }, y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max(most ?? 1, 1) * 1.06] } },
      axes: axes(ink, brief),
      bands: [{ series: [4, 3], fill: `color-mix(in srgb, ${ink("var(--accent)")} 16%, transparent)` }],
      series: [
        {},
        { stroke: ink("var(--ink)"), width: 1.6, points: { show: series.points.length < 200, size: 4, fill: ink("var(--ink)") }, spanGaps: false },
        { stroke: ink("var(--accent)"), width: 1.2, dash: [5, 4], points: { show: false } },
        { stroke: "transparent", width: 0, points: { show: false } },
        { stroke: "transparent", width: 0, points: { show: false } },
        { stroke: ink("var(--anomaly)"), width: 0, points: { show: true, size: 9, fill: ink("var(--anomaly)") } },
        ...(compares ? [{ stroke: ink("var(--c2)"), width: 1.2, points: { show: false } }] : []),
      ],
    }),
    [compares, series.points.length, range],
  );
  const last = series.points.at(-1);
  const label = `${series.points.length} values of ${series.metric}, ${anomalies.length} of them unusual`;
  return (
    <div className="stack">
      <Plot
        data={data}
        options={options}
        shape={`${series.metric} ${series.entity} ${compares} ${series.points.length < 200} ${range.from} ${range.to}`}
        height={280}
        label={label}
        onBrush={(from, to) => span({ from: String(Math.floor(from * 1000)), to: String(Math.ceil(to * 1000)) })}
      />
      <ul className="legend">
        <li style={tone("var(--ink)")}>
          <span className="swatch line" /> value
        </li>
        <li style={tone("var(--accent)")}>
          <span className="swatch dashed" /> expected
        </li>
        <li style={tone("color-mix(in srgb, var(--accent) 30%, transparent)")}>
          <span className="swatch" /> usual: all but one in a thousand on each side
        </li>
        <li style={tone("var(--anomaly)")}>
          <span className="swatch" /> unusual
        </li>
        {compares && (
          <li style={tone("var(--c2)")}>
            <span className="swatch line" /> a week before
          </li>
        )}
      </ul>
      {last && (
        <p className="quiet small">
          Last: {number(last.value)} at {moment(last.at)}, expected {last.expected === null ? "?" : number(last.expected)}.
        </p>
      )}
      {anomalies.length > 0 && (
        <details>
          <summary>{anomalies.length} unusual values as a table</summary>
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col" className="number">Value</th>
                <th scope="col" className="number">Expected</th>
                <th scope="col" className="number">Score</th>
              </tr>
            </thead>
            <tbody>
              {anomalies.slice(0, 200).map((point) => (
                <tr key={point.at}>
                  <td>{moment(point.at)}</td>
                  <td className="number">{number(point.value)}</td>
                  <td className="number">{point.expected === null ? "?" : number(point.expected)}</td>
                  <td className="number">{number(point.score)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </div>
  );
}

/** The time that was chosen, in seconds, also where the series has nothing to show; without a beginning, that of the series. */
function stretch(range: Range, least: number, most: number): [number, number] {
  const from = range.from === "" ? undefined : millis(range.from);
  const to = range.to === "" ? (range.from === "" ? undefined : Date.now()) : millis(range.to);
  return [from === undefined ? least : from / 1000, to === undefined ? most : to / 1000];
}

/** Rows as uPlot takes them; a stretch without events is a gap, not a line across it. */
function rows(series: Series, before: Series | undefined, shift: number): Rows {
  const then = new Map((before?.points ?? []).map((point) => [point.at + shift, point.value]));
  const by = new Map(series.points.map((point) => [point.at, point]));
  const times = new Set([...by.keys(), ...then.keys()]);
  let last: number | undefined;
  for (const at of [...by.keys()]) {
    if (last !== undefined && at - last > series.bucket_millis) times.add(last + series.bucket_millis);
    last = at;
  }
  const sorted = [...times].sort((one, other) => one - other);
  const row = (of: (point: Point) => number | null): (number | null)[] => sorted.map((at) => (by.has(at) ? of(by.get(at) as Point) : null));
  const data = [
    sorted.map((at) => at / 1000),
    row((point) => point.value),
    row((point) => point.expected),
    row((point) => point.lower),
    row((point) => point.upper),
    row((point) => (point.score > 0 ? point.value : null)),
    ...(before ? [sorted.map((at) => then.get(at) ?? null)] : []),
  ] as uPlot.AlignedData;
  return { data, anomalies: series.points.filter((point) => point.score > 0) };
}
