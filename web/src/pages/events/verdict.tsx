import type { ReactElement } from "react";
import { show, type Condition, type Contribution, type Judged, type Verdict } from "../../api/event";
import type { Json } from "../../api/types";
import { Meter, VerdictBadge, tone } from "../../parts/basics";
import { Text } from "../../parts/text";
import { fact, feature, featureValue } from "../../text/features";
import { number, percent } from "../../text/format";

/** The verdict of a network: what, how sure, why, and what would have made it normal. */
export function VerdictView({ found }: { found: Judged }): ReactElement {
  const { verdict } = found;
  if (verdict === undefined) {
    return <p className="quiet">No network has judged this event: it is no connection, or lacks what a network looks at.</p>;
  }
  return (
    <div className="stack">
      <p className="headline">
        <VerdictBadge verdict={verdict.verdict ?? "normal"} /> <Text value={headline(verdict)} most={160} />
      </p>
      {verdict.excused !== undefined && (
        <p>
          <code>classify.known_hosts</code> names who opened it: what such a host does is told as no attack.
        </p>
      )}
      {verdict.reason !== undefined && (
        <p>
          <Text value={because(verdict) ?? verdict.reason} most={600} />
        </p>
      )}
      {verdict.normalIf !== undefined && (
        <p className="hint">
          <Text value={normalIf(verdict.changes) ?? verdict.normalIf.replace(/^normal/, "Normal")} most={600} />
        </p>
      )}
      <section className="stack" aria-label="Alternatives">
        <h3>How probable each class is</h3>
        <table className="plain">
          <tbody>
            {verdict.top.map((one) => (
              <tr key={one.label}>
                <td>
                  <Text value={one.label} most={60} />
                </td>
                <td style={{ width: "50%" }}>
                  <Meter share={one.probability} label={percent(one.probability)} />
                </td>
                <td className="number">{percent(one.probability)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {verdict.set.length > 1 && <p className="quiet small">Cannot be excluded: {verdict.set.join(", ")}.</p>}
      </section>
      {verdict.explanation.length > 0 && <Because verdict={verdict} />}
      {verdict.novelty !== undefined && (
        <section className="stack" aria-label="Novelty">
          <h3>Novelty {percent(verdict.novelty)}</h3>
          <Meter share={verdict.novelty} colour="var(--unknown)" label={`novelty ${percent(verdict.novelty)}`} />
          <p className="quiet small">{novelty(verdict.novelty)}</p>
        </section>
      )}
      <dl className="facts small">
        {verdict.category !== undefined && (
          <>
            <dt>Category</dt>
            <dd>{verdict.category}</dd>
          </>
        )}
        {found.technique.length > 0 && (
          <>
            <dt>MITRE ATT&amp;CK</dt>
            <dd>{found.technique.join(", ")}</dd>
          </>
        )}
        {verdict.model !== undefined && (
          <>
            <dt>Model</dt>
            <dd>
              <Text value={verdict.model} most={80} />
            </dd>
          </>
        )}
        {verdict.featuresKnown !== undefined && (
          <>
            <dt>Looked at</dt>
            <dd>
              {verdict.featuresKnown} features
              {found.missing.length > 0 && <span className="quiet">; the event does not bring {found.missing.map(fact).join(", ")}</span>}
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}

function headline({ verdict, label, probability, excused }: Verdict): string {
  if (excused !== undefined) return `for a known host opened it; else ${excused}`;
  const sure = probability === undefined ? "" : `, ${percent(probability)} sure`;
  switch (verdict) {
    case "known":
      return `${label}${sure}`;
    case "unknown":
      return `unlike what the model knows; nearest is ${label}`;
    default:
      return `as usual${sure}`;
  }
}

function valueOf(name: string, value: Json): string {
  return typeof value === "number" ? featureValue(name, value) : show(value);
}

/** The strongest reasons as a sentence; none where nothing speaks for it. */
function because({ label, verdict, explanation }: Verdict): string | undefined {
  const reasons = explanation.filter((one) => one.contribution > 0).slice(0, 3);
  if (reasons.length === 0) return undefined;
  const reason = (one: Contribution): string => `${feature(one.feature)}: ${valueOf(one.feature, one.value)} (usually ${valueOf(one.feature, one.typical)})`;
  return `${verdict === "unknown" ? "Unlike what is known" : label}, because of ${reasons.map(reason).join("; ")}.`;
}

/** What would have made it normal, as a sentence; none where the event does not tell it feature by feature. */
function normalIf(changes: Condition[]): string | undefined {
  if (changes.length === 0) return undefined;
  const relation: Record<string, string> = { "<=": "at most", ">=": "at least" };
  const condition = ({ feature: name, operator, value }: Condition): string => `${feature(name)}: ${[relation[operator], valueOf(name, value)].filter(Boolean).join(" ")}`;
  return `Normal if ${changes.map(condition).join("; ")}.`;
}

function novelty(share: number): string {
  if (share >= 0.999) return "Unlike nearly everything the model has learnt from. Its classes say little here.";
  if (share >= 0.9) return "More unlike the training data than nine of ten events are.";
  return "Like what the model has learnt from.";
}

/** What speaks for the verdict, to the right, and against it, to the left. Of an unknown one it is said what makes it unlike. */
function Because({ verdict: { verdict, label, explanation } }: { verdict: Verdict }): ReactElement {
  const unlike = verdict === "unknown";
  const side = (one: Contribution): string => (one.contribution >= 0 ? (unlike ? "makes it unlike" : "speaks for it") : unlike ? "makes it alike" : "speaks against it");
  const most = Math.max(...explanation.map((one) => Math.abs(one.contribution)), 1e-9);
  return (
    <section className="stack" aria-label="Why">
      <h3>{unlike ? "Why it is unlike all classes" : `Why ${label}`}</h3>
      <ul className="because">
        {explanation.map((one) => {
          const pro = one.contribution >= 0;
          const width = `${(Math.abs(one.contribution) / most) * 100}%`;
          return (
            <li key={one.feature}>
              <span>
                <b title={one.feature}>
                  <Text value={feature(one.feature)} most={80} />
                </b>
                : <Text value={valueOf(one.feature, one.value)} most={40} />
                <span className="quiet">
                  , usually <Text value={valueOf(one.feature, one.typical)} most={40} />: {side(one)} ({number(Math.abs(one.contribution))})
                </span>
              </span>
              <span className="push" style={tone(pro ? "var(--accent)" : "var(--edge)")} aria-hidden="true">
                {pro ? (
                  <>
                    <span />
                    <i style={{ width }} />
                  </>
                ) : (
                  <i className="left" style={{ width }} />
                )}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
