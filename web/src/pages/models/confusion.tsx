import type { ReactElement } from "react";
import { tone } from "../../parts/basics";
import { Text } from "../../parts/text";
import { brief, count, percent } from "../../text/format";
import { plain } from "../../text/safe";
import type { Confusion } from "./card";

/** Which class was taken for which, on records that training has not seen. */
export function ConfusionView({ confusion, of }: { confusion: Confusion | undefined; of: string }): ReactElement {
  if (!confusion) {
    return <p className="quiet small">Which class was taken for which, and how sure it was, this card does not say: it is older, or from elsewhere. A card that is written now has both.</p>;
  }
  const wrong = confusion.rows.reduce((sum, row) => sum + row.records - (row.cells[confusion.classes.indexOf(row.label)] ?? 0), 0);
  return (
    <details>
      <summary>Confusion matrix: {count(wrong)} records were taken for another class</summary>
      <p className="quiet small">Each row is what records are, each column what they were taken for. Shares are of the row; the fuller the colour, the more.</p>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Confusion matrix ${of}`}>
        <table className="confusion">
          <thead>
            <tr>
              <th scope="col">Is \ was taken for</th>
              {confusion.classes.map((label) => (
                <th scope="col" key={label} className="upright">
                  <Text value={label} most={40} />
                </th>
              ))}
              <th scope="col" className="number">
                Records
              </th>
            </tr>
          </thead>
          <tbody>
            {confusion.rows.map((row) => (
              <tr key={row.label}>
                <th scope="row">
                  <Text value={row.label} most={40} />
                </th>
                {row.cells.map((records, place) => (
                  <Cell key={confusion.classes[place]} records={records} share={records / row.records} right={confusion.classes[place] === row.label} says={`${row.label} taken for ${confusion.classes[place] ?? ""}`} />
                ))}
                <td className="number">{count(row.records)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The least shade that is seen, and how much more the largest share has, in hundredths: text stays readable on both. */
const LEAST = 8;
const MORE = 30;

function Cell({ records, share, right, says }: { records: number; share: number; right: boolean; says: string }): ReactElement {
  if (records === 0) return <td className={right ? "cell none right" : "cell none"} />;
  return (
    <td className={right ? "cell right" : "cell"} title={`${plain(says, 100)}: ${count(records)}, ${percent(share)}`} style={tone(right ? "var(--good)" : "var(--attack)", { "--share": `${LEAST + MORE * share}%` })}>
      {brief(records)}
      <small>{percent(share)}</small>
    </td>
  );
}
