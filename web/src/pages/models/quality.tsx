import type { ReactElement } from "react";
import { Card, Meter, Tile } from "../../parts/basics";
import { Text } from "../../parts/text";
import { count, number, percent } from "../../text/format";
import { CalibrationView } from "./calibration";
import type { Card as ModelCard, Quality } from "./card";
import { ConfusionView } from "./confusion";

/** How good a model is on data that its training has not seen, as its card states it. */
export function CardView({ name, card }: { name: string; card: ModelCard }): ReactElement {
  return (
    <Card title={`The card of ${name}`}>
      {card.description !== undefined && (
        <p>
          <Text value={card.description} most={600} />
        </p>
      )}
      <dl className="facts small">
        <dt>Looks at</dt>
        <dd>{count(card.features)} features</dd>
        <dt>Tells</dt>
        <dd>{count(card.labels.length)} classes</dd>
        {card.trainedOn !== undefined && (
          <>
            <dt>Learnt from</dt>
            <dd>
              <Text value={card.trainedOn} most={200} />
              {card.records !== undefined && `, ${count(card.records)} records`}
            </dd>
          </>
        )}
        {card.split !== undefined && (
          <>
            <dt>Measured on</dt>
            <dd>
              <Text value={card.split} most={400} />
            </dd>
          </>
        )}
        {card.temperature !== undefined && (
          <>
            <dt>Calibration</dt>
            <dd>probabilities are cooled by {number(card.temperature)}</dd>
          </>
        )}
      </dl>
      {card.qualities.map((quality) => (
        <QualityView key={quality.name} quality={quality} />
      ))}
      {card.neverSeen.length > 0 && <NeverSeen card={card} />}
    </Card>
  );
}

function QualityView({ quality }: { quality: Quality }): ReactElement {
  const share = (value: number | undefined): string => (value === undefined ? "–" : percent(value));
  return (
    <section className="stack" aria-label={`Quality ${quality.name}`}>
      <h3>Quality {quality.name}</h3>
      <div className="tiles">
        <Tile what="Right" figure={share(quality.accuracy)} more={quality.records === undefined ? undefined : `of ${count(quality.records)} distinct records`} />
        <Tile what="Normal called an attack" figure={share(quality.falseAlarms)} />
        <Tile what="Mean F1 of the frequent classes" figure={quality.macroF1 === undefined ? "–" : number(quality.macroF1)} />
        <Tile
          what="Calibration error"
          figure={quality.calibrationAfter === undefined ? "–" : percent(quality.calibrationAfter)}
          more={quality.calibrationBefore === undefined ? undefined : `${percent(quality.calibrationBefore)} before calibration`}
        />
      </div>
      <details>
        <summary>{quality.classes.length} classes</summary>
        <div className="scroll" tabIndex={0} role="region" aria-label={`Classes ${quality.name}`}>
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Class</th>
                <th scope="col" className="number">Records</th>
                <th scope="col">Found of them</th>
                <th scope="col">Right when it says so</th>
                <th scope="col" className="number">F1</th>
              </tr>
            </thead>
            <tbody>
              {quality.classes.map((one) => (
                <tr key={one.label}>
                  <td>
                    <Text value={one.label} most={60} />
                  </td>
                  <td className="number">{count(one.support)}</td>
                  <td>
                    <Meter share={one.recall} label={percent(one.recall)} /> {percent(one.recall)}
                  </td>
                  <td>
                    <Meter share={one.precision} label={percent(one.precision)} /> {percent(one.precision)}
                  </td>
                  <td className="number">{number(one.f1)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
      <ConfusionView confusion={quality.confusion} of={quality.name} />
      <CalibrationView said={quality.said} of={quality.name} />
    </section>
  );
}

function NeverSeen({ card }: { card: ModelCard }): ReactElement {
  return (
    <details>
      <summary>Attacks that training had not seen: what became of {card.neverSeen.length} kinds</summary>
      <div className="scroll" tabIndex={0} role="region" aria-label="Attacks that training had not seen">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Left out of training</th>
              <th scope="col" className="number">Records</th>
              <th scope="col">Called normal all the same</th>
            </tr>
          </thead>
          <tbody>
            {[...card.neverSeen]
              .sort((one, other) => other.calledNormal - one.calledNormal)
              .map((one) => (
                <tr key={one.label}>
                  <td>
                    <Text value={one.label} most={60} />
                  </td>
                  <td className="number">{count(one.rows)}</td>
                  <td>
                    <Meter share={one.calledNormal} colour="var(--attack)" label={percent(one.calledNormal)} /> {percent(one.calledNormal)}
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
