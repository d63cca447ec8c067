import type { ReactElement } from "react";
import { asNumber, asText, at, show } from "../../api/event";
import { SOURCES, TARGETS } from "../../api/search";
import { CATEGORY, LABEL, VERDICT } from "../../api/timeline";
import type { JsonObject } from "../../api/types";
import { VerdictBadge } from "../../parts/basics";
import { Text } from "../../parts/text";
import { briefMoment, number, percent } from "../../text/format";

/** A column of the table: one that knows its meaning, or any field by its path. */
export type Column = { readonly name: string; readonly title: string; readonly width: string; readonly number?: boolean; readonly cell: (event: JsonObject) => ReactElement | string };

const first = (event: JsonObject, paths: readonly string[]): string => {
  const path = paths.find((one) => at(event, one) !== undefined);
  return path === undefined ? "" : show(at(event, path));
};

const text = (value: string): ReactElement => <Text value={value} most={120} />;

const KNOWN: readonly Column[] = [
  { name: "@timestamp", title: "Time", width: "9.5rem", cell: (event) => briefMoment(asText(at(event, "@timestamp")) ?? "") },
  { name: "verdict", title: "Verdict", width: "10.5rem", cell: (event) => <VerdictBadge verdict={asText(at(event, VERDICT))} /> },
  { name: "class", title: "Class", width: "7.5rem", cell: (event) => text(asText(at(event, LABEL)) ?? "") },
  {
    name: "probability",
    title: "Probability",
    width: "6.5rem",
    number: true,
    cell: (event) => {
      const probability = asNumber(at(event, "oversight.classification.probability"));
      return probability === undefined ? "" : percent(probability);
    },
  },
  { name: "category", title: "Category", width: "6.5rem", cell: (event) => text(asText(at(event, CATEGORY)) ?? "") },
  { name: "source", title: "From", width: "minmax(8rem, 1fr)", cell: (event) => text(first(event, SOURCES)) },
  { name: "target", title: "To", width: "minmax(9rem, 1fr)", cell: (event) => text(withPort(event)) },
  {
    name: "score",
    title: "Anomaly",
    width: "5.5rem",
    number: true,
    cell: (event) => {
      const score = asNumber(at(event, "oversight.anomaly.score")) ?? 0;
      return score > 0 ? number(score) : "";
    },
  },
  { name: "about", title: "What", width: "minmax(14rem, 2.5fr)", cell: (event) => text(about(event)) },
];

const PORTS = ["destination.port", "id.resp_p", "dest_port", "Dport", "dstport"];

function withPort(event: JsonObject): string {
  const [target, port] = [first(event, TARGETS), first(event, PORTS)];
  return port === "" ? target : target.includes(":") ? `[${target}]:${port}` : `${target}:${port}`;
}

/** What it is about, in the event's own words where it has some. */
function about(event: JsonObject): string {
  const reason = asText(at(event, "oversight.classification.reason"));
  if (reason !== undefined && asText(at(event, VERDICT)) !== "normal") return reason;
  const said = asText(at(event, "message")) ?? asText(at(event, "event.original"));
  if (said !== undefined) return said;
  const parts = ["service", "network.protocol", "proto", "network.transport", "conn_state"].map((path) => show(at(event, path)));
  return [...new Set(parts.filter((part) => part !== "" && part !== "-"))].join(" · ");
}

/** Those that are shown where nobody has chosen. */
export const USUAL = KNOWN.map((column) => column.name).filter((name) => name !== "category");

/** All that know their meaning. */
export const NAMES = KNOWN.map((column) => column.name);

/** The columns of these names; what is none of the known ones is a field. */
export function columnsOf(names: readonly string[]): Column[] {
  return names.map((name) => KNOWN.find((column) => column.name === name) ?? fieldColumn(name));
}

/** What a column is called. */
export function titleOf(name: string): string {
  return KNOWN.find((column) => column.name === name)?.title ?? name;
}

function fieldColumn(name: string): Column {
  return { name, title: name, width: "minmax(9rem, 1fr)", cell: (event) => text(show(at(event, name))) };
}
