//! Reads a request body to its end: capped on the wire, capped when decoded, and in time.
//!
//! A body that came in one piece is not copied, any other is copied once. What is refused is read to its end all the
//! same and thrown away, so that the sender gets its answer and not a reset.

use std::fmt::Display;
use std::pin::pin;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use tokio::time::{Instant, timeout_at};

use super::decode::{Coding, Decoded, Decoder, Sizes, Undecoded};
use super::error::Refusal;
use super::room::{Room, Share};
use super::settings::HttpSettings;
use crate::telemetry::catalogue::BYTES_RECEIVED;

/// A body that has arrived.
#[derive(Debug)]
pub(super) enum Body {
    /// As its sender meant it.
    Decoded(Bytes),
    /// It is not what its content-encoding says; here is what came.
    Garbled { raw: Bytes, coding: Coding, reason: String },
}

impl Body {
    /// Bytes that are held of it.
    pub fn len(&self) -> usize {
        match self {
            Self::Decoded(bytes) | Self::Garbled { raw: bytes, .. } => bytes.len(),
        }
    }
}

/// Reads one body; its share of the room grows with it.
pub(super) async fn read<S, B, E>(
    stream: S,
    headers: &HeaderMap,
    settings: &HttpSettings,
    room: &Room,
) -> Result<(Body, Share), Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: Display,
{
    let deadline = Instant::now() + settings.body_timeout;
    let mut stream = pin!(stream);
    let mut share = room.share();
    let length = content_length(headers);
    let refusal = match check(length, headers, settings) {
        Ok(coding) => {
            let mut reader = Reader { settings, length: length.unwrap_or(0), share: &mut share, wire: 0 };
            match timeout_at(deadline, reader.read(stream.as_mut(), coding)).await {
                Ok(Ok(body)) => return Ok((body, share)),
                Ok(Err(refusal)) => refusal,
                Err(_) => return Err(Refusal::Slow(settings.body_timeout)),
            }
        }
        // it waits for our word before it sends anything
        Err(refusal) if headers.contains_key(EXPECT) => return Err(refusal),
        Err(refusal) => refusal,
    };
    drop(share);
    // who does not come to the end in time is cut off
    let _ = timeout_at(deadline, discard(stream)).await;
    Err(refusal)
}

/// Reads to the end and keeps nothing.
pub(super) async fn discard<S, B, E>(stream: S)
where
    S: Stream<Item = Result<B, E>>,
{
    let mut stream = pin!(stream);
    while let Some(Ok(_)) = stream.next().await {}
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What can be told from the headers alone.
fn check(length: Option<usize>, headers: &HeaderMap, settings: &HttpSettings) -> Result<Coding, Refusal> {
    if length.is_some_and(|length| length > settings.max_body) {
        return Err(too_large(settings));
    }
    Coding::of(headers)
}

fn too_large(settings: &HttpSettings) -> Refusal {
    Refusal::TooLarge { limit: settings.max_body, key: "http.max_body" }
}

struct Reader<'a> {
    settings: &'a HttpSettings,
    /// As the headers announce it; 0 where they do not.
    length: usize,
    share: &'a mut Share,
    /// Bytes that have come.
    wire: usize,
}

impl Reader<'_> {
    async fn read<S, B, E>(&mut self, stream: S, coding: Coding) -> Result<Body, Refusal>
    where
        S: Stream<Item = Result<B, E>> + Unpin,
        B: Buf,
        E: Display,
    {
        let body = match coding {
            Coding::Identity => self.plain(stream).await,
            coding => self.encoded(stream, coding).await,
        };
        BYTES_RECEIVED.add(self.wire as u64);
        body
    }

    async fn next<S, B, E>(&mut self, stream: &mut S) -> Result<Option<Bytes>, Refusal>
    where
        S: Stream<Item = Result<B, E>> + Unpin,
        B: Buf,
        E: Display,
    {
        let Some(frame) = stream.next().await else { return Ok(None) };
        let mut frame = frame.map_err(|error| Refusal::Interrupted(error.to_string()))?;
        // the pieces are `Bytes` underneath, so this copies nothing
        let frame = frame.copy_to_bytes(frame.remaining());
        self.wire += frame.len();
        if self.wire > self.settings.max_body {
            return Err(too_large(self.settings));
        }
        Ok(Some(frame))
    }

    async fn plain<S, B, E>(&mut self, mut stream: S) -> Result<Body, Refusal>
    where
        S: Stream<Item = Result<B, E>> + Unpin,
        B: Buf,
        E: Display,
    {
        let mut only = Bytes::new();
        let mut whole = Vec::new();
        while let Some(frame) = self.next(&mut stream).await? {
            self.share.cover(self.wire)?;
            if self.wire == frame.len() {
                only = frame;
                continue;
            }
            if whole.is_empty() {
                whole.reserve_exact(self.length.max(self.wire));
                whole.extend_from_slice(&only);
            }
            self.extend(&mut whole, &frame);
        }
        Ok(Body::Decoded(if whole.is_empty() { only } else { Bytes::from(whole) }))
    }

    /// Doubles as a vector does, but never beyond what a body may be. Frames are copied, not collected: a frame of one
    /// byte would hold on to all of a buffer.
    fn extend(&self, whole: &mut Vec<u8>, frame: &[u8]) {
        if whole.capacity() - whole.len() < frame.len() {
            let capacity = (whole.capacity() * 2).min(self.settings.max_body).max(whole.len() + frame.len());
            whole.reserve_exact(capacity - whole.len());
        }
        whole.extend_from_slice(frame);
    }

    async fn encoded<S, B, E>(&mut self, mut stream: S, coding: Coding) -> Result<Body, Refusal>
    where
        S: Stream<Item = Result<B, E>> + Unpin,
        B: Buf,
        E: Display,
    {
        let limit = self.settings.max_decompressed;
        // three times is little for JSON, and cheap where it is too much
        let guess = (self.length * 3).min(1 << 20);
        let mut decoder = decoder(coding, Sizes { limit, keep: KEEP.min(limit), guess })?;
        // what came, in case it cannot be decoded or has to be again
        let mut raw = Vec::new();
        let mut garbage = None;
        while let Some(frame) = self.next(&mut stream).await? {
            if garbage.is_none() {
                let pushed = self.push(&mut decoder, &frame).await?;
                garbage = self.reason(pushed)?;
            }
            self.extend(&mut raw, &frame);
        }
        if self.wire == 0 {
            return Ok(Body::Decoded(Bytes::new()));
        }
        let mut decoded = garbage.map_or_else(|| decoder.finish(), |reason| Err(Undecoded::Garbage(reason)));
        if let Ok(Decoded::Counted(length)) = decoded {
            self.share.cover(self.wire + length)?;
            let mut exact = self::decoder(coding, Sizes { limit, keep: length, guess: length })?;
            decoded = match self.push(&mut exact, &raw).await? {
                Ok(()) => exact.finish(),
                Err(undecoded) => Err(undecoded),
            };
        }
        match decoded {
            Ok(Decoded::Kept(body)) => Ok(Body::Decoded(Bytes::from(body))),
            Ok(Decoded::Counted(_)) => unreachable!("the second time all of its length is kept"),
            Err(undecoded) => {
                let reason = self.reason(Err(undecoded))?.expect("an error that is no refusal has a reason");
                Ok(Body::Garbled { raw: Bytes::from(raw), coding, reason })
            }
        }
    }

    /// Decodes in small pieces, with turns for others in between.
    async fn push(&mut self, decoder: &mut Decoder, encoded: &[u8]) -> Result<Result<(), Undecoded>, Refusal> {
        let mut rested = decoder.len();
        for piece in encoded.chunks(PIECE) {
            if let Err(undecoded) = decoder.push(piece) {
                return Ok(Err(undecoded));
            }
            self.share.cover(self.wire + decoder.kept())?;
            if decoder.len() > KEEP && decoder.len() / self.settings.max_ratio > self.wire {
                return Err(Refusal::Unfolding(self.settings.max_ratio));
            }
            if decoder.len() - rested > REST {
                rested = decoder.len();
                tokio::task::yield_now().await;
            }
        }
        Ok(Ok(()))
    }

    /// What makes the body garbage, if anything does; too large is a refusal.
    fn reason(&self, decoded: Result<(), Undecoded>) -> Result<Option<String>, Refusal> {
        match decoded {
            Ok(()) => Ok(None),
            Err(Undecoded::Garbage(reason)) => Ok(Some(reason)),
            Err(Undecoded::TooLarge) => {
                Err(Refusal::TooLarge { limit: self.settings.max_decompressed, key: "http.max_decompressed" })
            }
        }
    }
}

fn decoder(coding: Coding, sizes: Sizes) -> Result<Decoder, Refusal> {
    Decoder::new(coding, sizes).map_err(|error| Refusal::Interrupted(error.to_string()))
}

/// A decoded body that is longer is decoded twice: once to count it, once to keep it.
const KEEP: usize = 16 << 20;
/// Encoded bytes that are decoded without looking up: 4 KiB unfold into 4 MiB at most (deflate's limit is 1,032 to 1).
const PIECE: usize = 4 << 10;
/// After this many decoded bytes other requests get their turn.
const REST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::HeaderValue;

    use super::*;

    fn settings() -> HttpSettings {
        HttpSettings { max_body: 10_000, max_decompressed: 100_000, max_in_flight: 200_000, ..HttpSettings::default() }
    }

    async fn read_frames(frames: &[Bytes], headers: &[(&'static str, &str)]) -> Result<Body, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let room = Room::new(settings().max_in_flight);
        let frames = stream::iter(frames.iter().cloned().map(Ok::<Bytes, Infallible>));
        let body = read(frames, &map, &settings(), &room).await.map(|(body, _)| body);
        room.empty().await;
        body
    }

    fn plain(body: Result<Body, Refusal>) -> Bytes {
        plain_of(body.unwrap())
    }

    fn plain_of(body: Body) -> Bytes {
        match body {
            Body::Decoded(bytes) => bytes,
            garbled => panic!("{garbled:?}"),
        }
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let frame = Bytes::from(vec![b'x'; 5000]);
        let body = plain(read_frames(std::slice::from_ref(&frame), &[]).await);
        assert_eq!(body.as_ptr(), frame.as_ptr());
        assert!(plain(read_frames(&[], &[]).await).is_empty());
    }

    #[tokio::test]
    async fn pieces_are_put_together_in_order() {
        let frames = ["ab", "", "c", "def"].map(|frame| Bytes::from_static(frame.as_bytes()));
        assert_eq!(plain(read_frames(&frames, &[("content-length", "6")]).await), "abcdef");
        // a length that does not hold only costs the copy
        assert_eq!(plain(read_frames(&frames, &[("content-length", "3")]).await), "abcdef");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_by_its_length_or_by_its_bytes() {
        let refusal = Refusal::TooLarge { limit: 10_000, key: "http.max_body" };
        assert_eq!(read_frames(&[], &[("content-length", "10001")]).await.unwrap_err(), refusal);
        let frames = vec![Bytes::from(vec![b'x'; 5000]); 3];
        assert_eq!(read_frames(&frames, &[]).await.unwrap_err(), refusal);
        assert_eq!(plain(read_frames(&frames[..2], &[]).await).len(), 10_000);
    }

    #[tokio::test]
    async fn a_bomb_is_refused_with_the_other_limit() {
        let bomb = Bytes::from(zstd::stream::encode_all(&vec![0; 10 << 20][..], 3).unwrap());
        let refusal = Refusal::TooLarge { limit: 100_000, key: "http.max_decompressed" };
        assert_eq!(read_frames(&[bomb], &[("content-encoding", "zstd")]).await.unwrap_err(), refusal);
    }

    #[tokio::test]
    async fn a_large_body_may_unfold_only_so_far() {
        let plain = vec![b' '; 2 * KEEP];
        let bomb = Bytes::from(zstd::stream::encode_all(&plain[..], 3).unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", HeaderValue::from_static("zstd"));
        let read_at_most = async |max_ratio| {
            let settings = HttpSettings { max_ratio, ..HttpSettings::default() };
            let frames = stream::iter([Ok::<Bytes, Infallible>(bomb.clone())]);
            read(frames, &headers, &settings, &Room::new(settings.max_in_flight)).await.map(|(body, _)| body.len())
        };
        assert_eq!(read_at_most(500).await.unwrap_err(), Refusal::Unfolding(500));
        assert_eq!(read_at_most(1_000_000).await.unwrap(), 2 * KEEP);
    }

    #[tokio::test]
    async fn a_long_body_that_is_within_the_limit_is_decoded_whole() {
        let plain: Vec<u8> = (0..KEEP as u32 / 4 + 1000).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let encoded = Bytes::from(zstd::stream::encode_all(&plain[..], 1).unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", HeaderValue::from_static("zstd"));
        let settings = HttpSettings::default();
        let half = encoded.len() / 2;
        let frames = stream::iter([encoded.slice(..half), encoded.slice(half..)].map(Ok::<Bytes, Infallible>));
        let (body, _share) = read(frames, &headers, &settings, &Room::new(settings.max_in_flight)).await.unwrap();
        assert!(plain_of(body) == plain);
    }

    #[tokio::test]
    async fn a_garbled_body_comes_back_as_it_was_sent() {
        let frames = ["not ", "gzip", " at all"].map(|frame| Bytes::from_static(frame.as_bytes()));
        match read_frames(&frames, &[("content-encoding", "gzip")]).await.unwrap() {
            Body::Garbled { raw, coding, .. } => assert_eq!((raw, coding), ("not gzip at all".into(), Coding::Gzip)),
            Body::Decoded(_) => panic!("it was no gzip"),
        }
        assert!(plain(read_frames(&[], &[("content-encoding", "gzip")]).await).is_empty());
    }

    #[tokio::test]
    async fn without_room_in_memory_a_body_is_to_be_sent_again() {
        let room = Room::new(4096);
        let frames = stream::iter([Ok::<Bytes, Infallible>(Bytes::from(vec![b'x'; 5000]))]);
        let refusal = read(frames, &HeaderMap::new(), &settings(), &room).await.unwrap_err();
        assert_eq!(refusal, Refusal::Busy);
        room.empty().await;
    }
}
