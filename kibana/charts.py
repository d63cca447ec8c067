"""What a panel of a definition is in the words of Kibana's aggregation-based charts.

A panel names a `kind` (bars, lines, shares, pie, table, number, heatmap, words, text), `metrics` (how much) and
`buckets` (of what), both lists; how these become axes, colours and columns is decided here, once for each kind.
"""

MISSING = {"otherBucket": False, "otherBucketLabel": "Other", "missingBucket": False, "missingBucketLabel": "Missing"}
# kind: type of chart, role of the first bucket, role of those after it
KINDS = {
    "bars": ("histogram", "segment", "group"),
    "stacked": ("histogram", "segment", "group"),
    "ranking": ("horizontal_bar", "segment", "group"),
    "lines": ("line", "segment", "group"),
    "shares": ("area", "segment", "group"),
    "pie": ("pie", "segment", "segment"),
    "table": ("table", "bucket", "bucket"),
    "number": ("metric", "group", "group"),
    "heatmap": ("heatmap", "segment", "group"),
    "words": ("tagcloud", "segment", "segment"),
}


def state(title, panel):
    """The `visState` of a panel."""
    if panel["kind"] == "text":
        params = {"markdown": panel["text"], "fontSize": 12, "openLinksInNewTab": False}
        return {"title": title, "type": "markdown", "aggs": [], "params": params}
    kind, first, later = KINDS[panel["kind"]]
    metrics = [metric(number, words) for number, words in enumerate(panel.get("metrics", ["count"]), 1)]
    aggregations = list(metrics)
    for place, words in enumerate(panel.get("buckets", [])):
        role = first if place == 0 else later
        aggregations.append(bucket(len(aggregations) + 1, words, role))
    return {"title": title, "type": kind, "aggs": aggregations, "params": parameters(panel["kind"], kind, metrics)}


def metric(number, words):
    """`count`, or `max FIELD`, each with `as LABEL` behind it."""
    words, _, label = words.partition(" as ")
    kind, _, field = words.partition(" ")
    params = {"field": field} if field else {}
    if kind == "percentiles":
        params["percents"] = [50, 95, 99]
    if label:
        params["customLabel"] = label
    return aggregation(number, kind, "metric", params)


def bucket(number, words, role):
    """`{"time": FIELD}`, `{"terms": FIELD}`, `{"filters": {LABEL: QUERY}}`, `{"histogram": FIELD, "interval": N}`."""
    params = {"customLabel": words["as"]} if "as" in words else {}
    if "time" in words:
        params.update(field=words["time"], useNormalizedEsInterval=True, scaleMetricValues=False,
                      interval=words.get("interval", "auto"), drop_partials=False, min_doc_count=1, extended_bounds={})
        return aggregation(number, "date_histogram", role, params)
    if "terms" in words:
        params.update(MISSING, field=words["terms"], orderBy=str(words.get("by", 1)), order=words.get("order", "desc"),
                      size=words.get("size", 10))
        return aggregation(number, "terms", role, params)
    if "filters" in words:
        params["filters"] = [{"input": {"language": "kuery", "query": query}, "label": label}
                             for label, query in words["filters"].items()]
        return aggregation(number, "filters", role, params)
    params.update(field=words["histogram"], interval=words["interval"], min_doc_count=False, has_extended_bounds=False,
                  extended_bounds={"min": "", "max": ""})
    return aggregation(number, "histogram", role, params)


def aggregation(number, kind, role, params):
    return {"id": str(number), "enabled": True, "type": kind, "schema": role, "params": params}


def parameters(kind, chart, metrics):
    """How it is drawn."""
    shown = {"addTooltip": True, "addLegend": True, "legendPosition": "right"}
    if chart == "pie":
        labels = {"show": True, "values": True, "last_level": True, "truncate": 100}
        return {"type": "pie", **shown, "isDonut": True, "labels": labels}
    if chart == "table":
        return {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False,
                "totalFunc": "sum", "percentageCol": ""}
    if chart == "tagcloud":
        return {"scale": "log", "orientation": "single", "minFontSize": 14, "maxFontSize": 48, "showLabel": False}
    if chart == "metric":
        style = {"bgFill": "#000", "bgColor": False, "labelColor": False, "subText": "", "fontSize": 32}
        number = {"percentageMode": False, "useRanges": False, "colorSchema": "Green to Red", "metricColorMode": "None",
                  "colorsRange": [{"from": 0, "to": 10000}], "labels": {"show": True}, "invertColors": False,
                  "style": style}
        return {"type": "metric", "addTooltip": True, "addLegend": False, "metric": number}
    if chart == "heatmap":
        axis = {"show": False, "id": "ValueAxis-1", "type": "value", "scale": {"type": "linear", "defaultYExtents": False},
                "labels": {"show": False, "rotate": 0, "overwriteColor": False, "color": "black"}}
        return {"type": "heatmap", **shown, "enableHover": False, "times": [], "colorsNumber": 6, "colorSchema": "Reds",
                "setColorRange": False, "colorsRange": [], "invertColors": False, "percentageMode": False,
                "valueAxes": [axis]}
    return axes(kind, chart, metrics, shown)


def axes(kind, chart, metrics, shown):
    """Bars, lines and areas."""
    sideways = chart == "horizontal_bar"
    stacked = kind in ("stacked", "shares")
    labels = {"show": True, "filter": True, "truncate": 100}
    category = {"id": "CategoryAxis-1", "type": "category", "position": "left" if sideways else "bottom", "show": True,
                "style": {}, "scale": {"type": "linear"}, "labels": {**labels, "rotate": 0}, "title": {}}
    value = {"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "bottom" if sideways else "left",
             "show": True, "style": {},
             "scale": {"type": "linear", "mode": "percentage" if kind == "shares" else "normal"},
             "labels": {"show": True, "rotate": 0, "filter": False, "truncate": 100}, "title": {"text": ""}}
    drawn = {"histogram": "histogram", "horizontal_bar": "histogram", "line": "line", "area": "area"}[chart]
    series = [{"show": True, "type": drawn, "mode": "stacked" if stacked else "normal", "valueAxis": "ValueAxis-1",
               "data": {"id": one["id"], "label": one["params"].get("customLabel", "Count")},
               "drawLinesBetweenPoints": True, "lineWidth": 2, "showCircles": True, "interpolate": "linear"}
              for one in metrics]
    return {"type": chart if not sideways else "histogram", "grid": {"categoryLines": False}, "categoryAxes": [category],
            "valueAxes": [value], "seriesParams": series, **shown, "times": [], "addTimeMarker": False,
            "labels": {"show": False},
            "thresholdLine": {"show": False, "value": 10, "width": 1, "style": "full", "color": "#E7664C"}}
