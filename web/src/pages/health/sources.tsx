import type { ReactElement } from "react";
import { get } from "../../api/http";
import type { Sources as Answer, Source, SourceFeature } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { fact } from "../../text/features";
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
          Counted since the start. <code>oversight doctor --sample FILE --data FILE</code> measures what missing features of KDD-99 cost.
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
  const looked = source.by_flow ? source.facts : source.features;
  const often = (of: (feature: SourceFeature) => number): SourceFeature[] => looked.filter((feature) => of(feature) > SELDOM * source.measured);
  const missing = often((feature) => feature.missing);
  const estimated = often((feature) => feature.approximated);
  const told = looked.length - new Set([...missing, ...estimated]).size;
  return (
    <details className="stack">
      <summary>
        <b>{source.dialect}</b>: {count(source.measured)} of {count(source.events)} events are connections; of the {looked.length} {source.by_flow ? "facts" : "features"} that the model looks at {told} are told as they are,{" "}
        {estimated.length} estimated and {missing.length} missing, always or at times
      </summary>
      {source.facts.length > 0 && <Told what="Of a connection" source={source.dialect} features={source.facts} />}
      <Told what="Feature of KDD-99" source={source.dialect} features={source.features} />
    </details>
  );
}

/** How often each was told. */
function Told({ what, source, features }: { what: string; source: string; features: SourceFeature[] }): ReactElement {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={`${what}: ${source}`}>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{what}</th>
            <th scope="col">As told</th>
            <th scope="col">Estimated</th>
            <th scope="col">Missing</th>
            <th scope="col">How it is estimated</th>
          </tr>
        </thead>
        <tbody>
          {features.map((feature) => (
            <tr key={feature.feature}>
              <td>{fact(feature.feature)}</td>
              <td>{share(feature.real, feature)}</td>
              <td>{share(feature.approximated, feature)}</td>
              <td>{share(feature.missing, feature)}</td>
              <td className="wordy">{feature.how !== undefined && <Text value={feature.how} most={300} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The share of the connections of which it was told in this way. */
function share(events: number, { real, approximated, missing }: SourceFeature): string {
  return events === 0 ? "" : percent(events / (real + approximated + missing));
}
