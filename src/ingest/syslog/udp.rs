//! Messages from datagrams, one each. While one lot is on its way to the spool the next is read, up to a bound.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use rustc_hash::FxHashMap;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::super::gathering::Gathering;
use super::super::insist;
use super::framing::{Frame, trimmed};
use super::kernel::Drops;
use super::{DRAIN, LAST_LOOK, Shared};
use crate::telemetry::catalogue::SYSLOG_DROPPED;

/// The largest datagram there is.
const DATAGRAM: usize = 64 << 10;
/// Datagrams that are read before anything else is looked after.
const ROUND: usize = 1024;
/// How often drops are told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// A socket whose buffer in the kernel is as large as asked, or as the system allows.
pub(super) async fn bind(address: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    let reference = SockRef::from(&socket);
    let asked = reference.set_recv_buffer_size(buffer);
    let given = reference.recv_buffer_size()?;
    // Linux gives twice what was asked, for its own bookkeeping
    if asked.is_err() || given < buffer {
        tracing::warn!(
            asked = buffer,
            given,
            "the kernel's buffer for syslog datagrams is smaller than syslog.udp_receive_buffer; raise net.core.rmem_max"
        );
    }
    Ok(socket)
}

/// Takes datagrams until `stop`, then what is there already.
pub(super) async fn serve(socket: UdpSocket, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut intake = Intake::new(&socket, shared, stop.clone());
    let mut tick = interval(TELL_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = intake.landed() => {}
            _ = stop.wait_for(|stopped| *stopped) => break,
            _ = tick.tick() => intake.tell_drops(),
            ready = socket.readable() => match ready {
                Ok(()) => intake.read(&socket),
                Err(error) => tracing::warn!(%error, "datagrams cannot be read"),
            }
        }
        intake.take_off();
    }
    // what the kernel still holds
    let end = Instant::now() + DRAIN;
    while Instant::now() < end && timeout(LAST_LOOK, socket.readable()).await.is_ok_and(|ready| ready.is_ok()) {
        intake.read(&socket);
    }
    while intake.take_off() {
        intake.landed().await;
    }
    intake.tell_drops();
}

struct Intake {
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    buffer: Vec<u8>,
    /// What waits, by sender, and how much that is.
    waiting: FxHashMap<IpAddr, Gathering>,
    waiting_bytes: usize,
    /// What is on its way to the spool.
    flight: Option<BoxFuture<'static, ()>>,
    kernel: Drops,
    dropped: u64,
}

impl Intake {
    fn new(socket: &UdpSocket, shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        Self {
            shared,
            stop,
            buffer: vec![0; DATAGRAM],
            waiting: FxHashMap::default(),
            waiting_bytes: 0,
            flight: None,
            kernel: Drops::of(socket),
            dropped: 0,
        }
    }

    /// Waits until nothing is on its way; for ever where nothing is.
    async fn landed(&mut self) {
        match &mut self.flight {
            Some(flight) => {
                flight.await;
                self.flight = None;
            }
            None => std::future::pending().await,
        }
    }

    /// Sends off what waits, unless something is on its way. Whether something is then.
    fn take_off(&mut self) -> bool {
        if self.flight.is_none() && !self.waiting.is_empty() {
            let received = self.shared.clock.now();
            let waiting = std::mem::take(&mut self.waiting);
            self.waiting_bytes = 0;
            let batches = waiting
                .into_iter()
                .map(|(sender, gathering)| gathering.into_batch(format!("syslog udp {sender}").into(), received));
            let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
            let batches: Vec<_> = batches.collect();
            self.flight = Some(Box::pin(async move {
                let appends = batches.into_iter().map(|batch| {
                    let (keep, stop) = (Arc::clone(&shared.keep), stop.clone());
                    async move {
                        let events = batch.members.len();
                        if insist::append(keep.as_ref(), batch, stop).await.is_err() {
                            tracing::error!(
                                events,
                                "syslog messages are lost: the spool has no room, and oversight ends"
                            );
                        }
                    }
                });
                join_all(appends).await;
            }));
        }
        self.flight.is_some()
    }

    fn read(&mut self, socket: &UdpSocket) {
        let received = self.shared.clock.now();
        let (reading, settings) = (self.shared.reading, &self.shared.settings);
        for _ in 0..ROUND {
            let Ok((count, sender)) = socket.try_recv_from(&mut self.buffer) else { return };
            let text = trimmed(&self.buffer[..count]);
            if text.is_empty() {
                continue;
            }
            if self.waiting_bytes >= settings.udp_queue {
                self.dropped += 1;
                SYSLOG_DROPPED.add(1);
                continue;
            }
            let kept = &text[..text.len().min(settings.max_message)];
            let frame = Frame { text: kept, cut: kept.len() < text.len() };
            let gathering = self.waiting.entry(sender.ip()).or_default();
            let before = gathering.bytes();
            gathering.add(None, |out| reading.write(out, frame, sender, received));
            self.waiting_bytes += gathering.bytes() - before;
        }
    }

    fn tell_drops(&mut self) {
        let kernel = self.kernel.more();
        SYSLOG_DROPPED.add(kernel);
        let queue = std::mem::take(&mut self.dropped);
        if kernel > 0 || queue > 0 {
            tracing::warn!(kernel, queue, "syslog datagrams came faster than they could be kept, and were dropped");
        }
    }
}
