import type { ReactElement } from "react";
import type { Measured } from "../../api/event";
import { Go, tone } from "../../parts/basics";
import { Text } from "../../parts/text";
import { address } from "../../route";
import { number, words } from "../../text/format";

/** The metrics that an event touched: what they stood at, and what was usual. */
export function Scores({ metrics, time }: { metrics: readonly Measured[]; time: number }): ReactElement {
  if (metrics.length === 0) return <p className="quiet">This event counts in no metric.</p>;
  return (
    <ul className="stack">
      {[...metrics]
        .sort((one, other) => other.score - one.score)
        .map((metric) => (
          <li key={`${metric.name} ${metric.entity}`} className="stack" style={{ gap: "0.15rem" }}>
            <div className="row">
              <Go to={seriesAt(metric, time)}>
                {words(metric.name)} <Text value={metric.entity} most={80} />
              </Go>
              {metric.score > 0 && <b style={{ color: "var(--anomaly)" }}>score {number(metric.score)}</b>}
              {metric.meaning.length > 0 && <span className="quiet">{metric.meaning.map(words).join(", ")}</span>}
            </div>
            <div className="small quiet">
              {number(metric.value)}; expected {known(metric.expected)}, usually {known(metric.lower)} to {known(metric.upper)}
            </div>
            <Band metric={metric} />
          </li>
        ))}
    </ul>
  );
}

function known(value: number | undefined): string {
  return value === undefined ? "?" : number(value);
}

/** The usual band with the value as a mark, on a scale that holds both. */
function Band({ metric }: { metric: Measured }): ReactElement | null {
  const { lower, upper, value } = metric;
  if (lower === undefined || upper === undefined || !Number.isFinite(value)) return null;
  const most = Math.max(upper, value, 1e-9) * 1.08;
  const least = Math.min(0, lower, value);
  const at = (one: number): string => `${((one - least) / (most - least)) * 100}%`;
  const width = `${((upper - lower) / (most - least)) * 100}%`;
  const outside = value > upper || value < lower;
  return (
    <div className="band" role="img" aria-label={outside ? "outside of the usual" : "within the usual"} style={tone(outside ? "var(--anomaly)" : "var(--ink)")}>
      <span className="usual" style={{ insetInlineStart: at(lower), width }} />
      <span className="is" style={{ insetInlineStart: at(value) }} />
    </div>
  );
}

function seriesAt(metric: Measured, time: number): string {
  const params = new URLSearchParams({ metric: metric.name });
  if (metric.entity !== "") params.set("entity", metric.entity);
  if (!Number.isNaN(time)) {
    params.set("from", String(time - 3_600_000));
    params.set("to", String(time + 3_600_000));
  }
  return address("metrics", params);
}
