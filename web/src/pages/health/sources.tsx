import type { ReactElement } from "react";
import { get } from "../../api/http";
import type { Sources as Answer, Source, SourceFeature } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { count, percent } from "../../text/format";

/** Below this share of its connections a feature counts as told by a source. */
const SELDOM = 0.005;

/** Which features the events of each source really bring: what is estimated or missing cannot be looked at. */
export function Sources({ judged }: { judged: number | undefined }): ReactElement {
  const answer = useAnswer(`sources ${Math.floor((judged ?? 0) / 1000)}`, (signal) => get<Answer>("/v1/doctor", signal));
  const dialects = answer.data?.dialects ?? [];
  return (
    <Card title="What the sources tell">
      <Trouble error={answer.error} again={answer.again} />
      {answer.data && dialects.length === 0 && <Empty>No events came in since the start.</Empty>}
      {dialects.map((source) => (
        <One key={source.dialect} source={source} />
      ))}
      {dialects.length > 0 && (
        <p className="quiet small">
          Counted over the 41 features of KDD-99 since the start. <code>oversight doctor --sample FILE --data FILE</code> measures what the missing ones cost.
        </p>
      )}
    </Card>
  );
}

function One({ source }: { source: Source }): ReactElement {
  if (source.measured === 0) {
    return (
      <p>
        <b>{source.dialect}</b>: {count(source.events)} events, none of them a connection.
      </p>
    );
  }
  const often = (of: (feature: SourceFeature) => number): SourceFeature[] => source.features.filter((feature) => of(feature) > SELDOM * source.measured);
  const missing = often((feature) => feature.missing);
  const estimated = often((feature) => feature.approximated);
  const told = source.features.length - new Set([...missing, ...estimated]).size;
  return (
    <details className="stack">
      <summary>
        <b>{source.dialect}</b>: {count(source.measured)} of {count(source.events)} events are connections; {told} of {source.features.length} features as the source says them,{" "}
        {estimated.length} estimated, {missing.length} missing
      </summary>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Features of ${source.dialect}`}>
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Feature</th>
              <th scope="col">As told</th>
              <th scope="col">Estimated</th>
              <th scope="col">Missing</th>
              <th scope="col">How it is estimated</th>
            </tr>
          </thead>
          <tbody>
            {source.features.map((feature) => (
              <tr key={feature.feature}>
                <td>{feature.feature}</td>
                <td>{share(feature.real, source)}</td>
                <td>{share(feature.approximated, source)}</td>
                <td>{share(feature.missing, source)}</td>
                <td className="wordy">{feature.how !== undefined && <Text value={feature.how} most={300} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function share(events: number, source: Source): string {
  return events === 0 ? "" : percent(events / source.measured);
}
