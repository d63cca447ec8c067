//! The one integration binary: a sentence per module.

#![allow(clippy::unwrap_used, reason = "a test that meets what must not be has failed")]

/// Who is let in, who is not, and what is written down of it.
mod access;
/// The rooms use only what the crate documentation allows them.
mod architecture;
/// Metrics over the past: what would have been told, and a start that has learnt.
mod backtest;
/// The documentation is whole: every page in the book, every link, every reference.
mod book;
/// The commands, as a person types them.
mod cli;
/// Real shippers against a sink that refuses, stands still and is killed: every event is stored once.
mod clients;
/// The dashboards are whole, and every panel shows something.
mod dashboards;
/// A hundred thousand real records reach a real engine, each once, whatever is killed on the way.
mod delivery;
/// Pipelines, images and compose files are what their own programs take.
mod deploy;
/// Detectors of points: golden values, official scores, and the commands that measure them.
#[cfg(feature = "torch")]
mod detectors;
/// Every dialect of real sources is known, judged, and lost nowhere.
mod dialects;
/// Documents reach a real Elasticsearch and a real OpenSearch, once, whatever the engine does meanwhile.
mod elasticsearch;
/// An engine that misbehaves loses no document and blocks none.
mod engine_faults;
/// The index templates take every shape of event that real sources write.
mod engine_templates;
/// Events annotated for an answer, and not stored.
mod enrich;
/// A model measured on real labelled records, as text, JSON and page.
mod evaluate;
/// What explanations name matters, and what they promise holds.
mod explanations;
/// What each fault costs a client that repeats: nothing.
mod fault_table;
/// What goes wrong at start and while running is said clearly, and loses nothing.
mod faults;
/// The same traffic as packets, as Zeek's log and as Suricata's has the same features.
mod forms;
/// Signals, the service manager, and an end within its deadline whatever happens.
mod graceful;
/// What each shipper says to an Elasticsearch, replayed byte for byte, and what it has to hear.
mod handshakes;
/// What the tests stand on.
mod harness;
/// Records about a connection reach its features and its document.
mod joined;
/// Events come from Kafka once and go to Kafka, whatever is killed on the way.
#[cfg(feature = "kafka")]
mod kafka;
/// What deletes old days, what oversight may do in the engine, and documents beside events.
mod lifecycle;
/// Real tools against real servers: scans, floods and guesses are found by their families, and what is quiet stays so.
#[cfg(feature = "torch")]
mod live;
/// Models come and go while events are judged, and what is asked for is what judges.
#[cfg(feature = "torch")]
mod models;
/// What the API's document promises holds, whatever is asked.
mod openapi;
/// A model of one's own: trained on a file, measured, and put to use on events that have its fields.
#[cfg(feature = "torch")]
mod own;
/// What a package brings: files, units, manual pages, completions.
mod packages;
/// The web page's files, and the API that it asks.
mod page;
/// Beacons, long connections, DNS tunnels and made-up names in real traffic, ranked.
mod patterns;
/// Captures give the connections that Zeek logs of them, and the traffic that other tools count.
mod pcap;
/// What was refused is kept as it came, looked at, and sent again once.
mod redrive;
/// What an engine and its dashboards are given, shown and rid of.
mod setup;
/// Real syslog senders are understood, and of what reached oversight nothing is lost.
mod syslog;
/// Encryption with real certificates, which change while connections are open.
mod tls;
/// What an earlier version left behind opens.
mod upgrade;
/// What is wrong with an event has its stated effect, and never another one.
mod wrong_events;
/// Real Zeek connection records are stored with every field as it came.
mod zeek;
