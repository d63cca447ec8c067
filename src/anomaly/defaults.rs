//! The metrics that are counted on connections where nobody declares any.
//!
//! Field names are those of ECS; `connection.state` is the connection's state in Zeek's letters (`S0`, `REJ`, `SF` …).

use super::declare::MetricDeclaration;

/// The default metrics, in the form that configuration has.
pub const DEFAULT_METRICS: &str = r#"[
  {"name": "connections_by_source", "title": "connections from", "over": ["source.ip"],
   "where": [{"field": "destination.ip", "exists": true}],
   "bucket_span": "1m", "peak": "scan_or_flood", "minimum_deviation": 50},

  {"name": "ports_by_source", "title": "different destination ports tried by", "over": ["source.ip"],
   "function": "distinct", "field": "destination.port",
   "bucket_span": "1m", "peak": "port_scan", "minimum_deviation": 15},

  {"name": "hosts_by_source", "title": "different hosts contacted by", "over": ["source.ip"],
   "function": "distinct", "field": "destination.ip",
   "bucket_span": "1m", "peak": "network_sweep", "minimum_deviation": 15},

  {"name": "bytes_out_by_source", "title": "bytes sent out of the network by", "over": ["source.ip"],
   "where": [{"field": "destination.ip", "in_network": ["public"]}],
   "function": "sum", "field": "source.bytes",
   "bucket_span": "5m", "peak": "exfiltration", "minimum_deviation": 10000000},

  {"name": "logins_by_source_and_service", "title": "connections to a login service from",
   "where": [{"field": "destination.port", "one_of": [21, 22, 23, 25, 110, 139, 143, 389, 445, 465, 587, 993, 995, 1433, 3306, 3389, 5432, 5900, 5985]}],
   "over": ["source.ip", "destination.ip", "destination.port"],
   "bucket_span": "1m", "peak": "brute_force", "minimum_deviation": 15},

  {"name": "failed_connections_by_destination", "title": "connections that failed at",
   "where": [{"field": "connection.state", "one_of": ["S0", "REJ", "RSTO", "RSTR", "RSTOS0", "SH"]}],
   "over": ["destination.ip"],
   "bucket_span": "1m", "peak": "scan_or_denial_of_service", "minimum_deviation": 30},

  {"name": "connections_to_service", "title": "connections to", "over": ["destination.ip", "destination.port"],
   "bucket_span": "1m", "peak": "denial_of_service", "minimum_deviation": 100},

  {"name": "connections", "title": "connections in all",
   "where": [{"field": "destination.ip", "exists": true}],
   "bucket_span": "1m", "peak": "flood", "dip": "sensor_offline", "minimum_deviation": 100}
]"#;

/// The default metrics, read.
pub fn default_metrics() -> Vec<MetricDeclaration> {
    serde_json::from_str(DEFAULT_METRICS).expect("the text above is tested to be readable")
}

#[cfg(test)]
mod tests {
    use super::super::metric::Metrics;
    use super::*;

    #[test]
    fn the_default_metrics_pass_the_check() {
        let metrics = Metrics::check(&default_metrics()).expect("no faults");
        assert_eq!(metrics.len(), 8);
        assert_eq!(metrics.paths.len(), 5);
    }
}
