import { useState, type ReactElement } from "react";
import { change, get, getTagged } from "../../api/http";
import type { JsonObject, ListedModel, Models as Standing } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, Go, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { address, usePlace } from "../../route";
import { ago, moment } from "../../text/format";
import { read } from "./card";
import { CardView } from "./quality";
import { DriftView, ShadowView } from "./watch";

/** Which models judge, which could, how good they are, and how they fare. */
export default function Models(): ReactElement {
  const { params } = usePlace();
  const { data, error, again } = useAnswer("models", (signal) => getTagged<Standing>("/v1/models", signal));
  const standing = data?.body;
  const wanted = params.get("model") ?? standing?.active?.model;
  const chosen = standing?.models.find((one) => one.model === wanted);
  return (
    <>
      <div className="head">
        <h1>Models</h1>
      </div>
      <Trouble error={error} again={again} />
      {!standing && !error && <Empty>Loading …</Empty>}
      {standing?.notice && (
        <p className="hint">
          <Text value={standing.notice} most={600} />
        </p>
      )}
      {standing && <Shelf standing={standing} tag={data?.tag ?? null} again={again} chosen={chosen?.model} />}
      <div className="columns wide">
        <DriftView />
        <ShadowView />
      </div>
      {chosen && <One model={chosen} />}
      {standing?.active && !chosen && <Empty>What judges is a folder of its own, so its card is not shown here: import it (oversight model import) to have it among the others.</Empty>}
    </>
  );
}

function Shelf({ standing, tag, again, chosen }: { standing: Standing; tag: string | null; again: () => void; chosen: string | undefined }): ReactElement {
  const [error, setError] = useState<Error>();
  const [asked, setAsked] = useState<{ say: string; act: () => Promise<unknown> }>();
  const { active, shadow, earlier, models } = standing;
  const act = (work: () => Promise<unknown>): void => {
    setAsked(undefined);
    setError(undefined);
    work().then(again, (reason: unknown) => {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
      again();
    });
  };
  const back = earlier[0];
  return (
    <Card
      title="Models there are"
      end={
        <div className="row">
          {shadow && (
            <button type="button" className="button small" onClick={() => act(() => change("DELETE", "/v1/models/shadow", undefined, tag))}>
              End the comparison
            </button>
          )}
          <button
            type="button"
            className="button small"
            disabled={!back}
            onClick={() => setAsked({ say: `Let ${back?.name ?? "the one before"} ${back?.version ?? ""} judge again?`, act: () => change("POST", "/v1/models/rollback", undefined, tag) })}
          >
            Roll back
          </button>
        </div>
      }
    >
      <Trouble error={error} />
      {asked && (
        <div className="hint row" role="alertdialog" aria-label="Are you sure?">
          <span>{asked.say} It counts from the next batch on.</span>
          <button type="button" className="button strong small" autoFocus onClick={() => act(asked.act)}>
            Yes
          </button>
          <button type="button" className="button small" onClick={() => setAsked(undefined)}>
            No
          </button>
        </div>
      )}
      <div className="scroll" tabIndex={0} role="region" aria-label="Models">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">State</th>
              <th scope="col">Digest of its card</th>
              <th scope="col">
                <span className="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {models.map((model) => {
              const judges = model.model === active?.model;
              const compared = model.model === shadow?.model;
              const name = nameOf(model);
              return (
                <tr key={model.model} style={model.model === chosen ? { background: "var(--raised)" } : undefined}>
                  <td>
                    <Go to={address("models", new URLSearchParams({ model: model.model }))}>
                      <Text value={`${model.name} ${model.version}`} most={80} />
                    </Go>
                    {model.model.startsWith("builtin:") && <span className="quiet"> ships with oversight</span>}
                  </td>
                  <td>
                    {judges && <span className="badge good">judges{active ? ` since ${ago(active.at)}, by ${active.by}` : ""}</span>}
                    {compared && <span className="badge unknown">compared in the shadow</span>}
                    {model.fault !== null && <Text value={`cannot be used: ${model.fault}`} most={300} />}
                    {!judges && !compared && model.fault === null && (
                      <span className="quiet">{model.imported === null ? "ready" : `ready, imported ${moment(model.imported)}`}</span>
                    )}
                  </td>
                  <td>
                    <code title={model.hash ?? ""}>{model.hash?.slice(0, 16) ?? "–"}</code>
                  </td>
                  <td>
                    {!judges && model.fault === null && (
                      <div className="row">
                        <button type="button" className="button small" onClick={() => setAsked({ say: `Let ${name} judge?`, act: () => change("POST", "/v1/models/activate", { model: name }, tag) })}>
                          Activate
                        </button>
                        {!compared && (
                          <button type="button" className="button small" onClick={() => act(() => change("PUT", "/v1/models/shadow", { model: name }, tag))}>
                            Compare
                          </button>
                        )}
                      </div>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

/** What a request calls it: those that ship by their kind, others by name and version. */
function nameOf(model: ListedModel): string {
  return model.model.startsWith("builtin:") ? model.model : `${model.name}/${model.version}`;
}

function One({ model }: { model: ListedModel }): ReactElement {
  const path = `/v1/models/${encodeURIComponent(model.name)}/${encodeURIComponent(model.version)}`;
  const { data, error, again } = useAnswer(model.fault === null ? path : null, (signal) => get<{ card: JsonObject }>(path, signal));
  if (model.fault !== null) return <Empty>This model cannot be used, so its card is not shown.</Empty>;
  return (
    <>
      <Trouble error={error} again={again} />
      {data && <CardView name={`${model.name} ${model.version}`} card={read(data.card)} />}
    </>
  );
}
