import type { ReactElement } from "react";
import { get } from "../../api/http";
import type { Drift } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, Meter, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { feature } from "../../text/features";
import { count, duration, moment, number, percent } from "../../text/format";

/** How unlike its training data the inputs of the model are. */
export function DriftView(): ReactElement {
  const { data, error, again } = useAnswer("drift", (signal) => get<Drift>("/v1/models/drift", signal));
  const [some, much] = data?.thresholds ?? [0.1, 0.25];
  return (
    <Card title="Drift of the inputs">
      <Trouble error={error} again={again} />
      {data && (
        <p className="quiet small">
          {count(data.sampled)} events of the last {duration(data.window_seconds)} against the training data of <Text value={data.model} most={80} />. From {number(some)} on a feature is distributed otherwise, from{" "}
          {number(much)} on much so.
        </p>
      )}
      {data?.reason && (
        <p className="hint">
          <Text value={data.reason} most={400} />
        </p>
      )}
      {data && data.features.length === 0 && <Empty>Too little was judged yet.</Empty>}
      {data && data.features.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Drift by feature">
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Feature</th>
                <th scope="col">Stability index</th>
                <th scope="col" className="number">Missing</th>
                <th scope="col" className="number">In training</th>
              </tr>
            </thead>
            <tbody>
              {data.features.map((one) => (
                <tr key={one.feature}>
                  <td title={one.feature}>{feature(one.feature)}</td>
                  <td>
                    <Meter share={Math.min(1, one.psi / (much * 4))} colour={one.psi >= much ? "var(--attack)" : one.psi >= some ? "var(--unknown)" : "var(--good)"} label={number(one.psi)} /> {number(one.psi)}
                  </td>
                  <td className="number">{percent(one.missing)}</td>
                  <td className="number">{percent(one.missing_in_training)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

type Shadow = {
  active: string;
  shadow: string;
  since: string;
  compared: number;
  disagreed: number;
  attacks_of_active_only: number;
  attacks_of_shadow_only: number;
  failed_batches: number;
  window: { seconds: number; compared: number; disagreed: number; share: number | null };
  pairs: { active: string; shadow: string; events: number }[];
};

/** How another model would have judged the same events. */
export function ShadowView(): ReactElement {
  const { data, error, again } = useAnswer("shadow", (signal) => get<{ shadow: Shadow | null }>("/v1/models/shadow", signal));
  const shadow = data?.shadow;
  return (
    <Card
      title="Shadow comparison"
      end={
        <button type="button" className="button small" onClick={again}>
          Read again
        </button>
      }
    >
      <Trouble error={error} again={again} />
      {shadow === null && <Empty>No model is compared in the shadow. “Compare” beside a model begins that; its verdicts are counted, and stored nowhere.</Empty>}
      {shadow && (
        <>
          <p>
            <Text value={shadow.shadow} most={80} /> gave {count(shadow.disagreed)} of {count(shadow.compared)} events another class than <Text value={shadow.active} most={80} /> since {moment(shadow.since)}
            {shadow.window.share !== null && `; ${percent(shadow.window.share)} in the last ${duration(shadow.window.seconds)}`}.
          </p>
          <dl className="facts">
            <dt>Attacks only for the one that judges</dt>
            <dd>{count(shadow.attacks_of_active_only)}</dd>
            <dt>Attacks only for the one in the shadow</dt>
            <dd>{count(shadow.attacks_of_shadow_only)}</dd>
          </dl>
          {shadow.failed_batches > 0 && <p className="hint">{count(shadow.failed_batches)} batches could not be judged by it.</p>}
          {shadow.pairs.length > 0 && (
            <div className="scroll" tabIndex={0} role="region" aria-label="Where they disagree">
              <table className="plain">
                <thead>
                  <tr>
                    <th scope="col">Judged as</th>
                    <th scope="col">In the shadow</th>
                    <th scope="col" className="number">Events</th>
                  </tr>
                </thead>
                <tbody>
                  {shadow.pairs.map((pair) => (
                    <tr key={`${pair.active} ${pair.shadow}`}>
                      <td>{pair.active}</td>
                      <td>{pair.shadow}</td>
                      <td className="number">{count(pair.events)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </Card>
  );
}
