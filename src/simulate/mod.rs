//! Input to try oversight with: made-up traffic of a small office network with attacks in it, and a sender.
//!
//! [`Traffic`] makes Zeek `conn.log` records as Logstash forwards them. What always holds: the same settings give the
//! same events, byte for byte; events come in the order of their times; every record is one that Zeek could have
//! written (state, history, bytes and packets agree). `labels.scenario` tells what was planted, and which of the rest is
//! the Internet's everyday knocking, for whoever measures detection; nothing that judges may look at it.
//!
//! [`sender`] posts events as Logstash's http output does.

mod attacks;
mod background;
mod chance;
mod connection;
mod network;
pub mod sender;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::clock::Clock;
use crate::event::EventTime;

use background::Background;
use chance::Chance;
use connection::Connection;
use network::Network;

/// Something planted into the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// One host outside tries many ports of one server: refused (REJ) or unanswered (S0).
    PortScan,
    /// Thousands of half-open connections (S0) to one port within seconds.
    SynFlood,
    /// Hundreds of short logins by ssh, then by telnet.
    PasswordGuessing,
    /// An infected client calls home once a minute, each time with the same sizes.
    Beacon,
    /// A client sends gigabytes out, at night where the time span has one.
    Exfiltration,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::PortScan, Self::SynFlood, Self::PasswordGuessing, Self::Beacon, Self::Exfiltration];

    /// The name in `labels.scenario`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PortScan => "port_scan",
            Self::SynFlood => "syn_flood",
            Self::PasswordGuessing => "password_guessing",
            Self::Beacon => "beacon",
            Self::Exfiltration => "exfiltration",
        }
    }
}

/// What traffic to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The same seed gives the same traffic.
    pub seed: u64,
    /// Time of the first possible event.
    pub start: EventTime,
    /// A midnight of the office, whose people follow the hours of its day.
    pub midnight: EventTime,
    /// Over how much time events lie.
    pub duration: Duration,
    /// Clients in the office, 1 to 200; there are 9 servers besides.
    pub hosts: u32,
    /// Ordinary events a second, on average over the whole time.
    pub rate: f64,
    /// What is planted.
    pub scenarios: Vec<Scenario>,
}

impl Settings {
    /// About 60,000 events over 24 hours, with everything planted. They end within five minutes before `end`, and it is
    /// noon in the office then: whenever this is asked for, the events are the same but for the moment at which they lie,
    /// also to metrics that count in buckets of up to five minutes.
    pub fn ending(end: EventTime) -> Self {
        let noon = end.micros() - end.micros().rem_euclid(5 * 60 * 1_000_000);
        let hours_before = |hours: i64| {
            EventTime::from_micros(noon - hours * 3600 * 1_000_000).expect("a day before a time of this era is a time")
        };
        Self {
            seed: 1,
            start: hours_before(24),
            midnight: hours_before(12),
            duration: Duration::from_secs(24 * 3600),
            hosts: 40,
            rate: 0.625,
            scenarios: Scenario::ALL.to_vec(),
        }
    }

    fn end_micros(&self) -> i64 {
        self.start.micros().saturating_add(i64::try_from(self.duration.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Default for Settings {
    /// As [`Settings::ending`], now.
    fn default() -> Self {
        Self::ending(Clock::system().now().as_event_time())
    }
}

/// One event of the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// When it happened.
    pub time: EventTime,
    /// What planted it; none for ordinary traffic.
    pub scenario: Option<Scenario>,
    /// The event as one JSON object.
    pub json: String,
}

/// Events of a small office network, in order of time.
#[derive(Debug)]
pub struct Traffic {
    network: Network,
    background: Background,
    /// Planted parts that have not begun, latest first.
    planned: Vec<attacks::Plan>,
    /// Connections that were made ahead of their turn, with their number, so that equal times keep their order.
    pending: BinaryHeap<Reverse<(i64, u64, Connection)>>,
    count: u64,
    end: i64,
    names: Chance,
}

impl Traffic {
    /// The traffic that `settings` describe.
    pub fn new(settings: Settings) -> Self {
        let network = Network::new(settings.hosts);
        let end = settings.end_micros();
        let mut planned: Vec<attacks::Plan> =
            settings.scenarios.iter().map(|scenario| attacks::Plan::new(*scenario, &settings)).collect();
        planned.sort_by_key(|plan| Reverse(plan.start()));
        Self {
            background: Background::new(&settings),
            network,
            planned,
            pending: BinaryHeap::new(),
            count: 0,
            end,
            names: Chance::new(settings.seed, u64::MAX),
        }
    }

    /// Makes connections until the earliest pending one cannot be preceded any more.
    fn make_ahead(&mut self) {
        loop {
            let next_plan = self.planned.last().map_or(i64::MAX, attacks::Plan::start);
            let next_session = self.background.next_start();
            let next = next_plan.min(next_session);
            let ready = self.pending.peek().is_some_and(|Reverse((time, _, _))| *time <= next);
            if ready || next >= self.end {
                return;
            }
            let mut made = Vec::new();
            if next_plan <= next_session {
                let plan = self.planned.pop().expect("its start was just read");
                plan.make(&self.network, &mut made);
            } else {
                self.background.session(&self.network, &mut made);
            }
            for connection in made {
                self.count += 1;
                self.pending.push(Reverse((connection.start, self.count, connection)));
            }
        }
    }
}

impl Iterator for Traffic {
    type Item = Simulated;

    fn next(&mut self) -> Option<Simulated> {
        self.make_ahead();
        let Reverse((start, _, connection)) = self.pending.pop()?;
        if start >= self.end {
            // what a session would still do after the end is not seen
            self.pending.clear();
            return None;
        }
        Some(Simulated {
            time: EventTime::from_micros(start)?,
            scenario: connection.cause.planted(),
            json: connection.json(&mut self.names),
        })
    }
}

#[cfg(test)]
mod tests;
