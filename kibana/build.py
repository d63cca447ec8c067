#!/usr/bin/env python3
"""Makes the dashboards of Kibana and OpenSearch Dashboards from the definitions beside this file.

    kibana/build.py            writes kibana/oversight.ndjson
    kibana/build.py --check    writes nothing, and fails where the file is not what the definitions give

What always holds: the same definitions give the same bytes; every id begins with `oversight-` and is made of the
names in the definitions, so a second import replaces the first; only objects that Kibana 7.17 to 9 and OpenSearch
Dashboards 2 and 3 both read are made (aggregation-based charts, in the form of 7.10, from which both descend).
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True  # nothing beside the definitions but what is made of them

import charts  # noqa: E402

HERE = pathlib.Path(__file__).parent
TARGET = HERE / "oversight.ndjson"
# The last forms that both families know: each brings objects of these forward to its own.
FORMS = {"index-pattern": "7.6.0", "search": "7.9.3", "visualization": "7.10.0", "dashboard": "7.9.3"}
WIDTH = 48


class Fault(Exception):
    """A definition that cannot be built; says which and why."""


def main():
    text = "".join(dump(thing) + "\n" for thing in build())
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            sys.exit(f"{TARGET.name} is not what the definitions give; run kibana/build.py")
        return
    TARGET.write_text(text, encoding="utf-8")


def build():
    """All saved objects; what others refer to comes first."""
    patterns = definition("patterns")
    searches = definition("searches")
    menu = definition("menu")
    things = [pattern(name, body) for name, body in patterns.items()]
    things += [search(name, body) for name, body in searches.items()]
    for name in menu["dashboards"]:
        things += dashboard(name, definition(name), menu)
    known = {(thing["type"], thing["id"]) for thing in things}
    for thing in things:
        for reference in thing["references"]:
            if (reference["type"], reference["id"]) not in known:
                raise Fault(f"{thing['id']} refers to {reference['id']}, which nobody defines")
    return things


def definition(name):
    with open(HERE / "definitions" / f"{name}.json", encoding="utf-8") as file:
        return json.load(file)


def dump(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def saved(kind, name, attributes, references=()):
    return {
        "type": kind,
        "id": f"oversight-{name}",
        "attributes": attributes,
        "references": list(references),
        "migrationVersion": {kind: FORMS[kind]},
    }


def refers(name, kind, target):
    return {"name": name, "type": kind, "id": f"oversight-{target}"}


def pattern(name, body):
    attributes = {
        "title": body["indices"],
        "timeFieldName": "@timestamp",
        # empty: the product asks the engine for the fields when the pattern is first used
        "fields": "[]",
        "fieldFormatMap": dump({field: field_format(text) for field, text in body["formats"].items()}),
    }
    return saved("index-pattern", name, attributes)


def field_format(text):
    """`percent`, `number 0.0`, `bytes`, `duration nanoseconds`, or `link` and an address with {{value}} in it."""
    kind, _, rest = text.partition(" ")
    if kind == "link":
        # Without a slash before it: both products put server, base path, space and `/app/` in front of such a one.
        return {"id": "url", "params": {"type": "a", "urlTemplate": rest, "labelTemplate": "{{value}}",
                                        "openLinkInCurrentTab": True}}
    if kind == "percent":
        return {"id": "percent", "params": {"pattern": rest or "0.0%"}}
    if kind == "number":
        return {"id": "number", "params": {"pattern": rest}}
    if kind == "bytes":
        return {"id": "bytes", "params": {"pattern": "0,0.[0]b"}}
    if kind == "duration":
        return {"id": "duration", "params": {"inputFormat": rest, "outputFormat": "humanize"}}
    raise Fault(f"no field format is called {kind}")


def source(query, of):
    """A search source over the pattern that the first reference names."""
    body = {"query": {"language": "kuery", "query": query}, "filter": []}
    if of:
        body["indexRefName"] = "kibanaSavedObjectMeta.searchSourceJSON.index"
    return {"searchSourceJSON": dump(body)}


def index_reference(of):
    return [refers("kibanaSavedObjectMeta.searchSourceJSON.index", "index-pattern", of)] if of else []


def search(name, body):
    attributes = {
        "title": f"oversight: {body['title']}",
        "description": body["description"],
        "columns": body["columns"],
        "sort": [[body.get("sort", "@timestamp"), "desc"]],
        "hits": 0,
        "version": 1,
        "kibanaSavedObjectMeta": source(body.get("query", ""), body["of"]),
    }
    return saved("search", name, attributes, index_reference(body["of"]))


def dashboard(name, body, menu):
    """The dashboard, behind the charts that stand on it."""
    things, panels, references = [], [], []
    rows = [{"height": 4, "panels": [{"kind": "text", "title": "Go to", "text": menu_text(name, menu)}]}]
    y = 0
    for row in rows + body["rows"]:
        x, widths = 0, shares_of(row["panels"])
        for panel, width in zip(row["panels"], widths):
            number = str(len(panels) + 1)
            if "search" in panel:
                kind, target = "search", panel["search"]
            else:
                kind, target = "visualization", f"{name}-{slug(panel['title'])}"
                things.append(chart(target, panel, body["title"]))
            panels.append({
                "version": "7.10.0",
                "panelIndex": number,
                "panelRefName": f"panel_{number}",
                "gridData": {"x": x, "y": y, "w": width, "h": row["height"], "i": number},
                "embeddableConfig": {},
            })
            references.append(refers(f"panel_{number}", kind, target))
            x += width
        if x > WIDTH:
            raise Fault(f"a row of {name} is {x} wide, and there is room for {WIDTH}")
        y += row["height"]
    attributes = {
        "title": f"oversight: {body['title']}",
        "description": body["description"],
        "panelsJSON": dump(panels),
        "optionsJSON": dump({"useMargins": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": body.get("from", "now-24h"),
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 0},
        "hits": 0,
        "version": 1,
        "kibanaSavedObjectMeta": source(body.get("query", ""), None),
    }
    ids = [thing["id"] for thing in things]
    if len(set(ids)) != len(ids):
        raise Fault(f"two panels of {name} have the same title")
    return things + [saved("dashboard", name, attributes, references)]


def shares_of(panels):
    """The widths of a row's panels: as they say, and the others share what is left."""
    said = [panel.get("width") for panel in panels]
    free = said.count(None)
    share = (WIDTH - sum(width or 0 for width in said)) // free if free else 0
    return [width or share for width in said]


def menu_text(here, menu):
    """Links to the other dashboards; the one that is open is not a link."""
    parts = []
    for name, label in menu["dashboards"].items():
        parts.append(f"**{label}**" if name == here else f"[{label}](#/view/oversight-{name})")
    return " · ".join(parts)


def chart(name, panel, dashboard_title):
    # a dashboard's title before it: in lists of charts nobody knows otherwise which "over time" it is
    title = f"oversight {dashboard_title}: {panel['title']}"
    if panel["kind"] != "text" and "of" not in panel:
        raise Fault(f"{name} does not say which indices it is of")
    attributes = {
        "title": title,
        "description": panel.get("note", ""),
        "visState": dump(charts.state(title, panel)),
        "uiStateJSON": "{}",
        "version": 1,
        "kibanaSavedObjectMeta": source(panel.get("query", ""), panel.get("of")),
    }
    return saved("visualization", name, attributes, index_reference(panel.get("of")))


def slug(title):
    words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
    return "-".join(words)


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"kibana/build.py: {fault}")
