import type { ReactElement } from "react";
import { count, percent } from "../../text/format";
import type { Said } from "./card";

const SIZE = 200;
const LARGEST = 9;
const SMALLEST = 2.5;

/** Whether probabilities mean what they say: what was told with 70 % should be right seven times in ten. */
export function CalibrationView({ said, of }: { said: readonly Said[]; of: string }): ReactElement | null {
  if (said.length === 0) return null;
  const most = Math.max(...said.map((one) => one.records));
  const x = (one: Said): number => one.confidence * SIZE;
  const y = (one: Said): number => (1 - one.right) * SIZE;
  return (
    <details>
      <summary>Calibration: how often it is right, by how sure it says it is</summary>
      <div className="calibration">
        <svg viewBox={`-26 -10 ${SIZE + 40} ${SIZE + 40}`} role="img" aria-label={`Calibration ${of}: share that was right by confidence; on the diagonal both are the same`}>
          <path className="frame" d={`M0 0V${SIZE}H${SIZE}`} />
          <path className="same" d={`M0 ${SIZE}L${SIZE} 0`} />
          <polyline points={said.map((one) => `${x(one)},${y(one)}`).join(" ")} />
          {said.map((one) => (
            <circle key={one.confidence} cx={x(one)} cy={y(one)} r={SMALLEST + (LARGEST - SMALLEST) * Math.sqrt(one.records / most)} />
          ))}
          <text x={0} y={SIZE + 14}>
            0 %
          </text>
          <text x={SIZE} y={SIZE + 14} textAnchor="end">
            100 % sure
          </text>
          <text x={4} y={8}>
            right
          </text>
        </svg>
        <div className="scroll" tabIndex={0} role="region" aria-label={`Calibration ${of}`}>
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Says that it is</th>
                <th scope="col">Was right</th>
                <th scope="col" className="number">
                  Records
                </th>
              </tr>
            </thead>
            <tbody>
              {said.map((one) => (
                <tr key={one.confidence}>
                  <td>{percent(one.confidence)} sure</td>
                  <td>{percent(one.right)}</td>
                  <td className="number">{count(one.records)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </details>
  );
}
