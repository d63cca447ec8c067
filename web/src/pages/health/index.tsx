import type { ReactElement } from "react";
import { rate, useLive } from "../../api/live";
import type { Accounts, Status } from "../../api/types";
import { Card, Empty, Meter, Tile } from "../../parts/basics";
import { Text } from "../../parts/text";
import { ago, brief, bytes, count, duration, moment, percent, words } from "../../text/format";
import { DeadLetters } from "./letters";
import { Sources } from "./sources";

/** How oversight itself is, and what became of every event. */
export default function Health(): ReactElement {
  const { latest, ticks, reachable } = useLive();
  const per = (of: (status: Status) => number): string => {
    const found = rate(ticks, 10, of);
    return found === undefined ? "…" : `${brief(found)}/s`;
  };
  return (
    <>
      <div className="head">
        <h1>Health</h1>
      </div>
      {reachable === false && <p className="hint">oversight does not answer; what follows is as it last said.</p>}
      {!latest && reachable !== false && <Empty>Asking …</Empty>}
      {latest && (
        <>
          <div className="tiles">
            <Tile what="Received" figure={per((status) => status.accounts.received)} more={`${count(latest.accounts.received)} in all`} />
            <Tile what="Stored" figure={per((status) => status.accounts.stored)} more={`${count(latest.accounts.stored)} in all, in ${latest.store}`} />
            <Tile what="Judged" figure={per((status) => status.judged.events)} more={`${count(latest.judged.events)} in all, ${count(latest.judged.attacks)} attacks`} />
            <Tile what="Lag" figure={duration(latest.judged.lag_seconds)} more="from taken to judged" />
            <Tile what="Metric series" figure={brief(latest.judged.series)} more="in memory" />
            <Tile what="Memory" figure={bytes(latest.resident_bytes)} more={`version ${latest.version}`} />
          </div>
          <Books accounts={latest.accounts} difference={latest.difference} />
          <div className="columns wide">
            <Rooms status={latest} />
            <Disk status={latest} />
          </div>
        </>
      )}
      <Sources judged={latest?.judged.events} />
      <DeadLetters kept={latest?.dead_letters.events} />
    </>
  );
}

const IN: readonly (keyof Accounts)[] = ["recovered", "received", "redriven"];
const OUT: readonly (keyof Accounts)[] = ["stored", "repeated", "refused", "lost", "waiting"];
const MEANS: Record<keyof Accounts, string> = {
  recovered: "waited at the start",
  received: "came in since",
  redriven: "dead letters sent again",
  stored: "in the store",
  repeated: "sent twice, taken once",
  refused: "in the dead letters",
  lost: "damaged on the disk",
  waiting: "in the spool",
};

/** What came in, and what became of it: both sides are the same number, or the page says so. */
function Books({ accounts, difference }: { accounts: Accounts; difference: number }): ReactElement {
  const term = (name: keyof Accounts, place: number): ReactElement[] => [
    ...(place > 0 ? [<span key={`${name} sign`} className="sign" aria-hidden="true">+</span>] : []),
    <span key={name} className="term" style={name === "lost" && accounts.lost > 0 ? { borderColor: "var(--attack)" } : undefined}>
      <b>{count(accounts[name])}</b>
      {name}
      <br />
      <span className="quiet small">{MEANS[name]}</span>
    </span>,
  ];
  return (
    <Card title="What became of every event">
      <div className="equation">
        {IN.flatMap(term)}
        <span className="sign">=</span>
        {OUT.flatMap(term)}
      </div>
      {difference === 0 ? (
        <p className="badge good">It adds up.</p>
      ) : (
        <p className="badge unknown">{count(Math.abs(difference))} are under way at this moment; at rest it adds up.</p>
      )}
    </Card>
  );
}

function Rooms({ status }: { status: Status }): ReactElement {
  return (
    <Card title={`Rooms: ${status.health.status}`}>
      <table className="plain">
        <tbody>
          {Object.entries(status.health.rooms).map(([name, room]) => (
            <tr key={name}>
              <td>{words(name)}</td>
              <td>
                <span className={`badge ${room.state === "up" ? "good" : room.state === "down" ? "attack" : "unknown"}`}>{room.state}</span>
                {room.reason !== undefined && (
                  <p>
                    <Text value={room.reason} most={600} />
                  </p>
                )}
                {room.hint !== undefined && (
                  <p className="quiet small">
                    <Text value={room.hint} most={600} />
                  </p>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet small">
        Started {moment(status.started)}, {ago(status.started)}.
      </p>
    </Card>
  );
}

function Disk({ status }: { status: Status }): ReactElement {
  const rows = [
    { what: "Spool", fill: status.spool, unit: "events wait" },
    { what: "Dead letters", fill: status.dead_letters, unit: "are kept" },
  ];
  return (
    <Card title="On the disk">
      {rows.map(({ what, fill, unit }) => {
        const share = fill.bytes / Math.max(1, fill.limit_bytes);
        return (
          <div className="stack" key={what}>
            <span>
              {what}: {bytes(fill.bytes)} of {bytes(fill.limit_bytes)} ({percent(share)}), {count(fill.events)} {unit}
            </span>
            <Meter share={share} label={`${what} ${percent(share)} full`} colour={share > 0.9 ? "var(--attack)" : share > 0.7 ? "var(--unknown)" : "var(--accent)"} />
          </div>
        );
      })}
      <p className="quiet small">When the spool is full, senders are told to come again; nothing that was taken is dropped.</p>
    </Card>
  );
}
