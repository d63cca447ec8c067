//! The window features once more, plainly: every connection is kept and looked through each time. Test only.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::hosts::{Failure, WINDOW};
use super::steady::PATIENCE;
use super::window::{MOST_RECENT, Settings, Windows, failure, weights};
use super::{FeatureVector, NUMERIC};
use crate::event::EventTime;
use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES, Symbol, Symbols};
use crate::normalise::{Address, Approximated, Connection, Content, Endpoint, Record, Sides, Transport};

/// One connection as it is made up.
#[derive(Debug, Clone)]
struct Made {
    step_micros: i64,
    host: u8,
    service: u8,
    flag: u8,
    port: u16,
    packets: Option<u64>,
    icmp: bool,
    seconds: u8,
}

impl Made {
    fn connection(&self) -> Connection<'static> {
        let transport = if self.icmp { Transport::Icmp } else { Transport::Tcp };
        let flag = if self.icmp { "SF" } else { FLAGS[usize::from(self.flag) % FLAGS.len()] };
        let name = ["10.0.0.1", "10.0.0.2", "::1", "some-host", "10.9.9.9"][usize::from(self.host) % 5];
        let host = |text, port| Endpoint { address: Address::of(text), port, bytes: Some(8), packets: self.packets };
        Connection {
            source: host("10.1.1.1", Some(self.port)),
            destination: host(name, Some(80)),
            transport,
            number: None,
            application: None,
            symbols: Symbols {
                protocol: Symbol::of(PROTOCOLS, "tcp"),
                service: Symbol::of(SERVICES, ["http", "smtp", "private", "odd"][usize::from(self.service) % 4]),
                flag: Symbol::of(FLAGS, flag),
            },
            duration: Some(f64::from(self.seconds)),
            start: None,
            state: None,
            history: None,
            name: None,
            content: Content::UNSEEN,
            approximated: Approximated::default(),
            sides: Sides::Whole,
        }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let step = prop::sample::select(vec![0, 0, 1_000, 400_000, 1_000_000, 2_000_000, 5_000_000, -300_000, -3_000_000]);
    let packets = prop::sample::select(vec![None, Some(0), Some(1), Some(3), Some(40), Some(300), Some(9_000)]);
    (step, any::<(u8, u8, u8)>(), 0..3_u16, packets, prop::bool::weighted(0.1), 0..9_u8).prop_map(
        |(step_micros, (host, service, flag), port, packets, icmp, seconds)| Made {
            step_micros,
            host,
            service,
            flag,
            port,
            packets,
            icmp,
            seconds,
        },
    )
}

/// What is kept of each.
#[derive(Debug, Clone)]
struct Kept {
    clock: i64,
    host: u128,
    service: Symbol,
    failure: Failure,
    port: u16,
}

/// The windows that keep everything.
#[derive(Default)]
pub struct Plain {
    recent: Vec<Kept>,
    all: Vec<Kept>,
    clock: Option<i64>,
}

fn rate(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { format!("{:.2}", part as f64 / whole as f64).parse().expect("a number") }
}

fn with(kept: &[&Kept], failure: Failure) -> usize {
    kept.iter().filter(|one| one.failure == failure).count()
}

fn different(distinct: usize, whole: usize) -> f32 {
    if distinct > 1 { rate(distinct, whole) } else { 0.0 }
}

impl Plain {
    /// Places 23 to 41 of a connection.
    pub fn measure(&mut self, connection: &Connection<'_>, micros: i64) -> [f32; 19] {
        let clock = self.clock.map_or(micros, |clock| clock.max(micros));
        self.clock = Some(clock);
        let kept = Kept {
            clock,
            host: connection.destination.address.key(),
            service: connection.symbols.service,
            failure: connection.symbols.flag.place().map_or(Failure::None, |place| failure(FLAGS[place])),
            port: connection.source.port.unwrap_or(0),
        };
        let (packets, recent) = weights(connection);
        self.recent.extend(std::iter::repeat_n(kept.clone(), usize::from(recent)));
        self.all.extend(std::iter::repeat_n(kept.clone(), usize::from(packets)));
        let mut out = self.short(&kept);
        out.extend(self.long(&kept));
        out.try_into().expect("19 features")
    }

    fn short(&self, now: &Kept) -> Vec<f32> {
        let recent: Vec<&Kept> = self.recent.iter().filter(|one| now.clock - one.clock <= 2_000_000).collect();
        let host: Vec<&Kept> = recent.iter().copied().filter(|one| one.host == now.host).collect();
        let service: Vec<&Kept> = recent.iter().copied().filter(|one| one.service == now.service).collect();
        let services: Vec<Symbol> = host.iter().map(|one| one.service).collect();
        let distinct = services.iter().enumerate().filter(|(at, one)| !services[..*at].contains(one)).count();
        let hosts: BTreeSet<u128> = service.iter().map(|one| one.host).collect();
        let same = host.iter().filter(|one| one.service == now.service).count();
        let capped = |count: usize| count.min(MOST_RECENT as usize) as f32;
        vec![
            capped(host.len()),
            capped(service.len()),
            rate(with(&host, Failure::Syn), host.len()),
            rate(with(&service, Failure::Syn), service.len()),
            rate(with(&host, Failure::Reset), host.len()),
            rate(with(&service, Failure::Reset), service.len()),
            rate(same, host.len()),
            different(distinct, host.len()),
            different(hosts.len(), service.len()),
        ]
    }

    fn long(&self, now: &Kept) -> Vec<f32> {
        let host: Vec<&Kept> = self.all.iter().rev().filter(|one| one.host == now.host).take(WINDOW).collect();
        let others = self.all.iter().rev().take(WINDOW - host.len()).filter(|one| one.host != now.host);
        let own = host.iter().copied().filter(|one| one.service == now.service);
        let same = own.clone().count();
        let service: Vec<&Kept> = own.chain(others.filter(|one| one.service == now.service)).collect();
        let services: Vec<Symbol> = host.iter().map(|one| one.service).collect();
        let distinct = services.iter().enumerate().filter(|(at, one)| !services[..*at].contains(one)).count();
        let hosts: BTreeSet<u128> = service.iter().map(|one| one.host).collect();
        let port = host.iter().filter(|one| one.port == now.port).count();
        vec![
            host.len() as f32,
            service.len() as f32,
            rate(same, host.len()),
            different(distinct, host.len()),
            rate(port, host.len()),
            different(hosts.len(), service.len()),
            rate(with(&host, Failure::Syn), host.len()),
            rate(with(&service, Failure::Syn), service.len()),
            rate(with(&host, Failure::Reset), host.len()),
            rate(with(&service, Failure::Reset), service.len()),
        ]
    }
}

fn at(micros: i64) -> EventTime {
    EventTime::from_micros(micros).expect("a sane time")
}

fn measured(windows: &mut Windows, connection: &Connection<'_>, micros: i64) -> FeatureVector {
    windows.measure(&Record::Connection(*connection), at(micros)).expect("a connection")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn windows_agree_with_the_plain_way_on_1000_schedules(all in prop::collection::vec(made(), 1..40), repeat in 1..5_usize) {
        let mut windows = Windows::new(&Settings::default());
        let mut plain = Plain::default();
        let mut micros = 1_600_000_000_000_000;
        for made in all.iter().flat_map(|made| std::iter::repeat_n(made, repeat)) {
            micros += made.step_micros;
            let connection = made.connection();
            let features = measured(&mut windows, &connection, micros);
            prop_assert_eq!(&features.numeric[19..], &plain.measure(&connection, micros)[..]);
        }
    }
}

proptest! {
    #[test]
    fn tight_bounds_and_mad_clocks_give_features_in_range(
        all in prop::collection::vec((made(), any::<i64>()), 1..200), hosts in 1..4_usize, connections in 1..5_usize,
    ) {
        let settings = Settings { hosts, connections, lateness: std::time::Duration::from_secs(1) };
        let mut windows = Windows::new(&settings);
        for (made, micros) in &all {
            let micros = micros.rem_euclid(200_000_000_000_000_000) - 60_000_000_000_000_000;
            let features = measured(&mut windows, &made.connection(), micros);
            let held = windows.held();
            prop_assert!(held.0 <= hosts && held.1 <= connections);
            for (place, value) in features.numeric.iter().enumerate() {
                let name = crate::features::NAMES[crate::features::name_of_numeric(place)];
                let most = if name.ends_with("_rate") { 1.0 } else { f32::INFINITY };
                prop_assert!(value.is_nan() || (0.0..=most).contains(value), "{} is {}", name, value);
            }
            for count in [19, 20, 28, 29] {
                prop_assert!(features.numeric[count] >= 1.0);
            }
        }
    }
}

fn http(host: u8, flag: &str) -> Made {
    let flag = FLAGS.iter().position(|other| *other == flag).expect("a flag");
    Made {
        step_micros: 0,
        host,
        service: 0,
        flag: u8::try_from(flag).expect("small"),
        port: 7,
        packets: None,
        icmp: false,
        seconds: 3,
    }
}

#[test]
fn a_little_trace_has_the_features_worked_out_by_hand() {
    let mut windows = Windows::new(&Settings::default());
    // seconds 0.0, 0.5, 1.0 and 2.6: host 0 http, host 1 http without an answer, host 0 smtp refused, host 0 http
    let steps = [
        (0, http(0, "SF")),
        (500_000, http(1, "S0")),
        (1_000_000, Made { service: 1, port: 8, ..http(0, "REJ") }),
        (2_600_000, http(0, "SF")),
    ];
    let features: Vec<_> =
        steps.iter().map(|(micros, made)| measured(&mut windows, &made.connection(), *micros)).collect();
    // count, srv_count, serror, srv_serror, rerror, srv_rerror, same_srv, diff_srv, srv_diff_host | dst_host_: count,
    // srv_count, same_srv, diff_srv, same_src_port, srv_diff_host, serror, srv_serror, rerror, srv_rerror
    let expected: [[f32; 19]; 4] = [
        [1., 1., 0., 0., 0., 0., 1., 0., 0., 1., 1., 1., 0., 1., 0., 0., 0., 0., 0.],
        [1., 2., 1., 0.5, 0., 0., 1., 0., 1., 1., 2., 1., 0., 1., 1., 1., 0.5, 0., 0.],
        [2., 1., 0., 0., 0.5, 1., 0.5, 1., 0., 2., 1., 0.5, 1., 0.5, 0., 0., 0., 0.5, 1.],
        [2., 1., 0., 0., 0.5, 0., 0.5, 1., 0., 3., 3., 0.67, 0.67, 0.67, 0.67, 0., 0.33, 0.33, 0.],
    ];
    for (place, (features, expected)) in features.iter().zip(expected).enumerate() {
        assert_eq!(features.numeric[19..], expected, "connection {place}");
    }
    assert_eq!(features[0].numeric[..4], [3.0, 8.0, 8.0, 0.0], "duration and bytes");
    assert_eq!(features[1].numeric[..4], [0.0; 4], "no answer, no duration and no bytes");
    assert!(features[0].numeric[4..19].iter().all(|value| value.is_nan()), "content is missing");
    assert_eq!(features[0].known(), 3 + 4 + 19);
    assert_eq!(features[0].numeric.len(), NUMERIC);
}

#[test]
fn counts_stop_at_511_and_255() {
    let mut windows = Windows::new(&Settings::default());
    let last = (0..600).map(|_| measured(&mut windows, &http(0, "S0").connection(), 0)).last().expect("600");
    assert_eq!((last.numeric[19], last.numeric[20], last.numeric[28], last.numeric[29]), (511.0, 511.0, 255.0, 255.0));
    assert_eq!((last.numeric[21], last.numeric[34]), (1.0, 1.0));
}

#[test]
fn a_ping_flood_in_one_flow_counts_its_packets() {
    let mut windows = Windows::new(&Settings::default());
    let flood = Made { icmp: true, packets: Some(2000), seconds: 1, ..http(0, "SF") };
    let features = measured(&mut windows, &flood.connection(), 0);
    assert_eq!((features.numeric[19], features.numeric[28]), (511.0, 255.0));
    let ping = Made { icmp: true, packets: Some(60), seconds: 60, ..http(1, "SF") };
    let features = measured(&mut windows, &ping.connection(), 0);
    assert_eq!((features.numeric[19], features.numeric[28]), (2.0, 60.0), "one a second is two within two seconds");
    assert_eq!(features.numeric[..3], [0.0, 0.0, 0.0], "8 bytes in 60 packets");
}

#[test]
fn a_clock_that_was_set_back_is_followed_after_a_while() {
    let mut windows = Windows::new(&Settings::default());
    let hour = 3_600_000_000;
    measured(&mut windows, &http(0, "SF").connection(), 100 * hour);
    for _ in 1..PATIENCE {
        measured(&mut windows, &http(1, "SF").connection(), 10 * hour);
    }
    let last = measured(&mut windows, &http(1, "SF").connection(), 10 * hour);
    assert_eq!(last.numeric[19], 1.0, "the two seconds start afresh");
    let later = measured(&mut windows, &http(1, "SF").connection(), 10 * hour + 3_000_000);
    assert_eq!(later.numeric[19], 1.0, "and pass");
}

#[test]
fn a_forgotten_host_starts_anew_and_leaves_nothing_behind() {
    let mut windows = Windows::new(&Settings { hosts: 2, ..Settings::default() });
    for host in [0, 0, 1, 2, 0] {
        measured(&mut windows, &http(host, "SF").connection(), 0);
    }
    let again = measured(&mut windows, &http(0, "SF").connection(), 0);
    assert_eq!((again.numeric[19], again.numeric[28]), (2.0, 2.0));
    assert_eq!(again.numeric[20], 6.0, "the service keeps its connections");
    let after = measured(&mut windows, &http(1, "SF").connection(), 5_000_000);
    assert_eq!((after.numeric[19], after.numeric[20], after.numeric[27]), (1.0, 1.0, 0.0));
}
