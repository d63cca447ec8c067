import type { ReactElement } from "react";
import { anyOf, merged, SOURCES, TARGETS, type Filter } from "../../api/search";
import { CATEGORY, LABEL, VERDICT } from "../../api/timeline";
import type { Found } from "../../api/types";
import { tone } from "../../parts/basics";
import { Text } from "../../parts/text";
import { brief, count } from "../../text/format";

const FIELDS: readonly { title: string; name: string; fields: readonly string[] }[] = [
  { title: "Verdict", name: "verdict", fields: [VERDICT] },
  { title: "Class", name: "label", fields: [LABEL] },
  { title: "Category", name: "category", fields: [CATEGORY] },
  { title: "From", name: "source", fields: SOURCES },
  { title: "To", name: "target", fields: TARGETS },
  { title: "Port", name: "port", fields: ["destination.port", "id.resp_p", "dest_port", "Dport", "dstport"] },
  { title: "Service", name: "service", fields: ["network.protocol", "service", "app_proto"] },
  { title: "Dialect", name: "dialect", fields: ["oversight.features.dialect"] },
  { title: "Model", name: "model", fields: ["oversight.classification.model.name"] },
];

const EACH = 6;

/** The aggregations that facets are made from. */
export function facetAggregations(): Record<string, unknown> {
  return Object.assign({}, ...FIELDS.map((facet) => anyOf(facet.name, facet.fields, EACH))) as Record<string, unknown>;
}

/** The most frequent values of what matters; each filters. */
export function Facets({ found, add }: { found: Found; add: (filter: Filter) => void }): ReactElement {
  return (
    <aside className="facets" aria-label="Narrow by value" tabIndex={0}>
      {FIELDS.map((facet) => {
        const tops = merged(found, facet.name, facet.fields, EACH);
        if (tops.length === 0) return null;
        const most = tops[0]?.count ?? 1;
        const others = Math.max(...facet.fields.map((_, place) => found.aggregations?.[`${facet.name}_${place}`]?.sum_other_doc_count ?? 0));
        return (
          <section key={facet.name} aria-label={facet.title}>
            <h3>{facet.title}</h3>
            <ul className="top">
              {tops.map((top) => (
                <li key={`${top.field} ${top.value}`} style={tone("", { "--share": `${(top.count / most) * 100}%` })}>
                  <button type="button" className="link" title={`only ${top.field} as this`} onClick={() => add({ field: top.field, value: top.value, not: false })}>
                    <Text value={top.value} most={60} />
                  </button>
                  <span className="number small" title={count(top.count)}>
                    {brief(top.count)}
                  </span>
                </li>
              ))}
            </ul>
            {others > 0 && <p className="quiet small">{brief(others)} others</p>}
          </section>
        );
      })}
    </aside>
  );
}
