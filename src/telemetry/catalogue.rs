//! Every metric of oversight, once: name, unit, meaning. There are no others.
//!
//! The counters of events begin at 0 with each start and add up, whenever nothing is under way:
//!
//! - `received = accepted + repeated + refused`
//! - `recovered + accepted + redriven = stored + already there + dead-lettered + lost + waiting`
//!
//! and so do those of dead letters: `found + buried = kept + removed + dropped`. The two lines together are what
//! `docs/delivery.md` calls the accounts.

use super::metric::{Counter, Counters, Gauge, Gauges, Histogram, Unit};

/// One metric of the catalogue.
#[derive(Debug, Clone, Copy)]
pub enum Metric {
    /// Only grows.
    Counter(&'static Counter),
    /// Goes up and down.
    Gauge(&'static Gauge),
    /// Durations in buckets.
    Histogram(&'static Histogram),
    /// Counters told apart by labels.
    Counters(&'static Counters),
    /// Gauges told apart by labels.
    Gauges(&'static Gauges),
}

/// Declares each metric as a static and puts it into [`ALL`], so that none can be forgotten there.
macro_rules! catalogue {
    ($($kind:ident $metric:ident = $name:literal, $unit:ident, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $metric: $kind = $kind::new($name, Unit::$unit, $help);
        )*

        /// Every metric, in the order in which they are shown.
        pub static ALL: &[Metric] = &[$(Metric::$kind(&$metric)),*];
    };
}

catalogue! {
    Counter EVENTS_RECEIVED = "oversight_events_received_total", Count,
        "Events that came in and were accepted, repeated or refused; not those of bodies answered 429 or 503.";
    Counter EVENTS_ACCEPTED = "oversight_events_accepted_total", Count,
        "Events that were synced to the spool and answered 200.";
    Counter EVENTS_REFUSED = "oversight_events_refused_total", Count,
        "Events that were not readable; their bytes went to the dead letters.";
    Counter EVENTS_REPEATED = "oversight_events_repeated_total", Count,
        "Events of bodies that were sent again within the retry window, and taken once.";
    Counter EVENTS_RECOVERED = "oversight_events_recovered_total", Count,
        "Events that waited in the spool when this process started.";
    Counter EVENTS_REDRIVEN = "oversight_events_redriven_total", Count,
        "Events of dead letters that were put into the spool once more.";
    Counter EVENTS_ENRICHED = "oversight_events_enriched_total", Count,
        "Events that were annotated in the answer to a request and not stored (/v1/enrich).";
    Counter BODIES_REFUSED = "oversight_bodies_refused_total", Count,
        "Request bodies that were refused as a whole: too large, unreadable, or no room in the spool.";
    Counter BYTES_RECEIVED = "oversight_received_bytes_total", Bytes,
        "Bytes of request bodies, as they came over the wire.";
    Histogram INGEST_ANSWER_SECONDS = "oversight_ingest_answer_seconds", Seconds,
        "Time from a request's headers to its answer.";
    Gauge CONNECTIONS_OPEN = "oversight_connections_open", Count,
        "Connections that clients hold open now.";
    Counter CONNECTIONS_TURNED_AWAY = "oversight_connections_turned_away_total", Count,
        "Connections beyond what all, or one address, may hold; they were answered 503 or closed.";

    Counter REQUESTS_DENIED = "oversight_requests_denied_total", Count,
        "Requests without valid credentials, or whose credentials did not suffice.";
    Counter AUDIT_LINES_LOST = "oversight_audit_lines_lost_total", Count,
        "Lines that the audit log could not keep up with, or could not write.";
    Gauge TLS_CERTIFICATE_EXPIRY_SECONDS = "oversight_tls_certificate_expiry_seconds", Seconds,
        "When the certificate in use expires, in Unix time; 0 without TLS.";

    Counter SYSLOG_MESSAGES = "oversight_syslog_messages_total", Count,
        "Syslog messages that were read; they become events once the spool has them.";
    Counter SYSLOG_UNPARSED = "oversight_syslog_unparsed_total", Count,
        "Syslog messages whose header nobody understands; they are events with a tag.";
    Counter SYSLOG_CUT = "oversight_syslog_cut_total", Count,
        "Syslog messages that were cut: too long, or the connection ended in them.";
    Counter SYSLOG_DROPPED = "oversight_syslog_datagrams_dropped_total", Count,
        "Syslog datagrams that came faster than they could be kept, dropped by oversight or by the kernel.";
    Gauge SYSLOG_CONNECTIONS = "oversight_syslog_connections_open", Count,
        "Connections that syslog senders hold open now.";
    Counter KAFKA_MESSAGES = "oversight_kafka_messages_total", Count,
        "Messages that were taken from Kafka topics.";
    Gauge KAFKA_UP = "oversight_kafka_up", YesOrNo,
        "Whether the Kafka brokers that events come from could be reached when they were last asked.";

    Gauge EVENTS_WAITING = "oversight_events_waiting", Count,
        "Events in the spool that the store does not have yet.";
    Gauge SPOOL_BYTES = "oversight_spool_bytes", Bytes,
        "Bytes that the spool's files take.";
    Gauge SPOOL_LIMIT_BYTES = "oversight_spool_limit_bytes", Bytes,
        "Bytes that the spool's files may take before events are answered 429.";
    Counter EVENTS_LOST = "oversight_events_lost_total", Count,
        "Events that were waiting and turned out to be damaged on the disk; the log names the places.";
    Counter SPOOL_DAMAGED_FRAMES = "oversight_spool_damaged_frames_total", Count,
        "Stretches of the spool that could not be read back and were skipped.";
    Histogram SPOOL_SYNC_SECONDS = "oversight_spool_sync_seconds", Seconds,
        "Time of one write and sync of the spool.";
    Counter EVENTS_DEAD_LETTERED = "oversight_events_dead_lettered_total", Count,
        "Events that the store refused for good; they went to the dead letters with its words.";
    Gauge DEAD_LETTERS = "oversight_dead_letters", Count,
        "Dead letters that are kept.";
    Gauge DEAD_LETTERS_BYTES = "oversight_dead_letters_bytes", Bytes,
        "Bytes that the files of the dead letters take.";
    Gauge DEAD_LETTERS_LIMIT_BYTES = "oversight_dead_letters_limit_bytes", Bytes,
        "Bytes that they may take before the oldest dead letters are deleted.";
    Counter DEAD_LETTERS_FOUND = "oversight_dead_letters_found_total", Count,
        "Dead letters that were kept when this process started.";
    Counter DEAD_LETTERS_BURIED = "oversight_dead_letters_buried_total", Count,
        "Dead letters that were written since.";
    Counter DEAD_LETTERS_REMOVED = "oversight_dead_letters_removed_total", Count,
        "Dead letters that were sent again, or deleted by somebody.";
    Counter DEAD_LETTERS_DROPPED = "oversight_dead_letters_dropped_total", Count,
        "Dead letters that were deleted unread, oldest first, because their files had reached their limit.";

    Counter EVENTS_CLASSIFIED = "oversight_events_classified_total", Count,
        "Events that the network judged.";
    Counter DETECTIONS = "oversight_detections_total", Count,
        "Events that the network judged to be an attack.";
    Counter VERDICTS_NORMAL = "oversight_verdicts_normal_total", Count,
        "Verdicts that an event is no attack.";
    Counter VERDICTS_KNOWN = "oversight_verdicts_known_total", Count,
        "Verdicts that an event is an attack of the class that is named.";
    Counter VERDICTS_UNKNOWN = "oversight_verdicts_unknown_total", Count,
        "Verdicts that an event is neither normal nor like an attack that the model has learnt.";
    Histogram CLASSIFY_SECONDS = "oversight_classify_seconds", Seconds,
        "Time of the network for one batch.";
    Gauges MODEL_INFO = "oversight_model_info", YesOrNo,
        "The model that judges (role active) and the one compared with it (role shadow): name, version and hash.";
    Counter MODEL_EXCHANGES = "oversight_model_exchanges_total", Count,
        "Times that another model, or another shadow, was put in place while running.";
    Gauge MODEL_FALLBACK = "oversight_model_fallback", YesOrNo,
        "Whether a model judges other than the one that was activated, because that one cannot be used.";
    Counter SHADOW_COMPARED = "oversight_shadow_compared_total", Count,
        "Events that the shadow model judged too.";
    Counters SHADOW_DISAGREED = "oversight_shadow_disagreed_total", Count,
        "Of those, events that it gave another class, by the class of the active model.";
    Counter SHADOW_FAILURES = "oversight_shadow_failures_total", Count,
        "Batches that the shadow model could not judge; they are stored with the active model's verdicts all the same.";
    Gauges SHADOW_DISAGREEMENT = "oversight_shadow_disagreement", Ratio,
        "Share of events within classify.window that the shadow model gave another class; none without a shadow.";
    Gauges FEATURE_DRIFT = "oversight_feature_drift_psi", Ratio,
        "Population stability index of each feature within classify.window against the model's training data.";
    Gauge DRIFT_SAMPLED = "oversight_drift_sampled_events", Count,
        "Judged events within classify.window that the drift of features was measured on.";

    Gauge METRIC_SERIES = "oversight_metric_series", Count,
        "Metric series held in memory.";
    Counter SERIES_EVICTED = "oversight_metric_series_evicted_total", Count,
        "Metric series forgotten to make room for others, least recently used first.";
    Gauge PATTERN_ENTITIES = "oversight_pattern_entities", Count,
        "Pairs of hosts, domains and hosts that are remembered for beacons, long connections, DNS tunnels and made-up names.";
    Counter PATTERN_ENTITIES_EVICTED = "oversight_pattern_entities_evicted_total", Count,
        "Of those the ones forgotten to make room for others.";
    Gauge SERIES_ASIDE = "oversight_metric_series_aside", Count,
        "Metric series that are set aside on disk.";
    Counter SERIES_SET_ASIDE = "oversight_metric_series_set_aside_total", Count,
        "Metric series set aside on disk to make room for others, least recently used first.";
    Counter SERIES_TAKEN_BACK = "oversight_metric_series_taken_back_total", Count,
        "Metric series taken back from disk because their entity came again.";
    Counter CORRECTING_EVENTS = "oversight_correcting_events_total", Count,
        "Events that came late and correct a bucket that had been told; they are not among the late ones.";
    Counter LATE_EVENTS = "oversight_late_events_total", Count,
        "Events that came too late to count in their metrics; they are stored all the same.";
    Counter ANOMALIES = "oversight_anomalies_total", Count,
        "Anomaly records at or above the threshold.";
    Gauge EVENT_LAG_SECONDS = "oversight_event_lag_seconds", Seconds,
        "How long the event judged last had waited since it was received; 0 while none comes.";

    Counter EVENTS_STORED = "oversight_events_stored_total", Count,
        "Events whose documents the store took.";
    Counter EVENTS_ALREADY_THERE = "oversight_events_already_there_total", Count,
        "Events whose documents the store had already, from before a restart or a lost answer.";
    Histogram STORE_WRITE_SECONDS = "oversight_store_write_seconds", Seconds,
        "Time of one batch to the store and its answer.";
    Counter STORE_RETRIES = "oversight_store_retries_total", Count,
        "Batches, or parts of them, that were sent to the store again.";
    Gauge STORE_UP = "oversight_store_up", YesOrNo,
        "Whether the store took or answered the last batch.";

    Gauge PROCESS_RESIDENT_BYTES = "oversight_process_resident_bytes", Bytes,
        "Memory of this process that is in RAM.";
}

impl Metric {
    /// Name, unit and meaning.
    pub fn about(self) -> &'static super::metric::About {
        match self {
            Self::Counter(counter) => counter.about(),
            Self::Gauge(gauge) => gauge.about(),
            Self::Histogram(histogram) => histogram.about(),
            Self::Counters(counters) => counters.about(),
            Self::Gauges(gauges) => gauges.about(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_metrics_share_a_name() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.about().name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn names_say_what_kind_and_unit_a_metric_is() {
        for metric in ALL {
            let about = metric.about();
            let name = about.name;
            assert!(name.starts_with("oversight_"), "{name}");
            assert_eq!(name.ends_with("_total"), matches!(metric, Metric::Counter(_) | Metric::Counters(_)), "{name}");
            let stem = name.trim_end_matches("_total");
            assert_eq!(stem.ends_with("_bytes"), about.unit == Unit::Bytes, "{name}");
            assert_eq!(stem.ends_with("_seconds"), about.unit == Unit::Seconds, "{name}");
            assert!(about.help.ends_with('.') && !about.help.contains(['\n', '\\']), "{name}");
        }
    }

    #[test]
    fn every_static_of_this_file_is_in_the_list() {
        // the macro sees to it; a static declared beside the macro would escape it
        let outside = include_str!("catalogue.rs").lines().filter(|line| line.starts_with("pub static ")).count();
        assert_eq!(outside, 0);
        assert!(ALL.len() >= 29);
    }
}
