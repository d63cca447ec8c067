import { useMemo, type ReactElement } from "react";
import { buckets, during, search, valueOf, within, type Range } from "../../api/search";
import { bars, begins, scaleOf, type Scale } from "../../api/timeline";
import type { Found } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, tone, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { go } from "../../route";
import { moment, number } from "../../text/format";
import { plain } from "../../text/safe";

const STEPS = 32;
const ENTITIES = 20;

type Props = { readonly metric: string; readonly range: Range; readonly place: (changes: Record<string, string | undefined>) => string };

/** Who stood out when: entities by time, as dark as the worst anomaly of that while. */
export function Heat({ metric, range, place }: Props): ReactElement {
  const { data, error, again } = useAnswer(`${metric} ${range.from} ${range.to}`, (signal) => ask(metric, range, signal));
  const times = useMemo(() => (data ? begins(data.scale) : []), [data]);
  const rows = buckets(data?.found, "entities");
  return (
    <Card title={metric === "" ? "Who stood out when" : "Who stood out when, in this metric"}>
      <Trouble error={error} again={again} />
      {data && rows.length === 0 && <Empty>Nobody did, within this time.</Empty>}
      {data && rows.length > 0 && (
        <div className="heat" role="group" aria-label="Entities by time" style={{ gridTemplateColumns: `minmax(8rem, 16rem) repeat(${times.length}, minmax(24px, 1fr))` }}>
          {rows.map((row) => {
            const cells = new Map(within(row, "time").map((bar) => [Math.round(Number(bar.key) / 1000), bar]));
            const name = String(row.key) === "" ? "all" : String(row.key);
            return [
              <span className="name" key={name} title={plain(name)}>
                <Text value={name} most={60} />
              </span>,
              ...times.map((at) => {
                const bar = cells.get(at);
                if (!bar || bar.doc_count === 0) return <span className="cell" key={`${name} ${at}`} />;
                const worst = valueOf(bar, "worst");
                const which = String(within(bar, "metric")[0]?.key ?? metric);
                const label = `${plain(name, 60)}: ${number(worst)} at ${moment(at * 1000)}`;
                const to = place({ metric: which, entity: String(row.key), from: String((at - data.scale.step) * 1000), to: String((at + 2 * data.scale.step) * 1000) });
                return <button type="button" className="cell" key={`${name} ${at}`} title={label} aria-label={label} style={tone("", { "--share": `${25 + worst * 0.75}%` })} onClick={() => go(to)} />;
              }),
            ];
          })}
        </div>
      )}
      {data && rows.length > 0 && (
        <p className="quiet small">
          From {moment(data.scale.from)} to {moment(data.scale.to)}; the fuller the colour, the worse.
        </p>
      )}
    </Card>
  );
}

async function ask(metric: string, range: Range, signal: AbortSignal): Promise<{ scale: Scale; found: Found }> {
  const scale = await scaleOf("anomalies", { q: "", filters: [], range }, STEPS, signal);
  const filter = metric === "" ? [during(range)] : [during(range), { term: { job_id: metric } }];
  const time = bars(scale, { worst: { max: { field: "record_score" } }, metric: { terms: { field: "job_id", size: 1 } } });
  const entities = { terms: { field: "oversight.anomaly.metrics.entity", size: ENTITIES }, aggs: { time } };
  return { scale, found: await search("anomalies", { size: 0, query: { bool: { filter } }, aggs: { entities } }, signal) };
}
