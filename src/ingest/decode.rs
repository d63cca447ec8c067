//! Content codings, undone piece by piece, with memory for what is worth it only.
//!
//! A body that unfolds into more than [`Sizes::keep`] is not kept but counted to its end. When it turns out to be within
//! the limit it is decoded a second time, into memory of exactly its size; a bomb is refused and never had any.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::error::Refusal;

/// A content coding that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    /// Zlib, or the raw stream that some send under the same name.
    Deflate,
    Zstd,
}

impl Coding {
    /// What the content-encoding headers say. `identity` counts as nothing; more than one coding is refused.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut coding = Self::Identity;
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                let known = Self::named(name).filter(|&next| coding == Self::Identity || next == Self::Identity);
                match known {
                    Some(Self::Identity) => {}
                    Some(next) => coding = next,
                    None => return Err(unknown(value.as_bytes())),
                }
            }
        }
        Ok(coding)
    }

    fn named(name: &[u8]) -> Option<Self> {
        match name.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// As it is written in a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

fn unknown(value: &[u8]) -> Refusal {
    let shown: String = String::from_utf8_lossy(value).chars().take(60).collect();
    Refusal::UnknownCoding(shown)
}

/// Why a body could not be decoded.
#[derive(Debug)]
pub(super) enum Undecoded {
    /// It unfolds into more than the limit.
    TooLarge,
    /// It is no such stream, or is cut off; the words are the decoder's.
    Garbage(String),
}

/// How much of a decoded body there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// It may not be longer.
    pub limit: usize,
    /// If it is longer it is only counted.
    pub keep: usize,
    /// It is likely to be so long.
    pub guess: usize,
}

/// A body at its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Kept(Vec<u8>),
    /// It was not kept, and is so long.
    Counted(usize),
}

/// Decodes one body, in pieces of any size.
pub(super) struct Decoder {
    stream: Stream,
}

enum Stream {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    /// Which of the two it is shows in its first two bytes.
    Undecided {
        start: Vec<u8>,
        out: Bounded,
    },
    Deflate {
        state: Box<Decompress>,
        out: Bounded,
        ended: bool,
    },
    Zstd {
        state: ZstdDecoder<'static>,
        out: Bounded,
        /// Between two frames; a body may hold several.
        ended: bool,
    },
}

/// How much is decoded before it is copied to its place.
const SCRATCH: usize = 32 << 10;
/// RFC 9659: for HTTP, a zstd window takes at most 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

impl Decoder {
    /// For a coding other than identity.
    pub fn new(coding: Coding, sizes: Sizes) -> io::Result<Self> {
        let bytes = Vec::with_capacity(sizes.guess.min(sizes.keep));
        let out = Bounded { bytes, length: 0, limit: sizes.limit, keep: sizes.keep, full: false };
        let stream = match coding {
            Coding::Identity | Coding::Gzip => Stream::Gzip(Box::new(MultiGzDecoder::new(out))),
            Coding::Deflate => Stream::Undecided { start: Vec::new(), out },
            Coding::Zstd => {
                let mut state = ZstdDecoder::new()?;
                state.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Stream::Zstd { state, out, ended: true }
            }
        };
        Ok(Self { stream })
    }

    /// How many bytes have been decoded.
    pub fn len(&self) -> usize {
        self.out().length
    }

    /// How many of them take memory.
    pub fn kept(&self) -> usize {
        self.out().bytes.len()
    }

    /// Decodes a further piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Undecoded> {
        self.step(piece).map_err(|error| self.fault(&error))
    }

    /// The decoded body, once all pieces are in.
    pub fn finish(mut self) -> Result<Decoded, Undecoded> {
        self.end().map_err(|error| self.fault(&error))?;
        let out = self.out_mut();
        Ok(if out.length > out.keep {
            Decoded::Counted(out.length)
        } else {
            Decoded::Kept(std::mem::take(&mut out.bytes))
        })
    }

    fn fault(&self, error: &io::Error) -> Undecoded {
        if self.out().full { Undecoded::TooLarge } else { Undecoded::Garbage(error.to_string()) }
    }

    fn step(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Gzip(decoder) => decoder.write_all(piece),
            Stream::Undecided { start, out } => {
                start.extend_from_slice(piece);
                let Some(&[first, second]) = start.first_chunk::<2>() else { return Ok(()) };
                let (start, out) = (std::mem::take(start), std::mem::take(out));
                // RFC 1950, 2.2: method 8, and the two bytes together a multiple of 31
                let zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]) % 31 == 0;
                self.stream = Stream::Deflate { state: Box::new(Decompress::new(zlib)), out, ended: false };
                self.step(&start)
            }
            Stream::Deflate { state, out, ended } => inflate(state, piece, out, ended),
            Stream::Zstd { state, out, ended } => unzstd(state, piece, out, ended),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Gzip(decoder) => decoder.try_finish(),
            Stream::Deflate { ended: true, .. } | Stream::Zstd { ended: true, .. } => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream is cut off")),
        }
    }

    fn out(&self) -> &Bounded {
        match &self.stream {
            Stream::Gzip(decoder) => decoder.get_ref(),
            Stream::Undecided { out, .. } | Stream::Deflate { out, .. } | Stream::Zstd { out, .. } => out,
        }
    }

    fn out_mut(&mut self) -> &mut Bounded {
        match &mut self.stream {
            Stream::Gzip(decoder) => decoder.get_mut(),
            Stream::Undecided { out, .. } | Stream::Deflate { out, .. } | Stream::Zstd { out, .. } => out,
        }
    }
}

fn inflate(state: &mut Decompress, mut piece: &[u8], out: &mut Bounded, ended: &mut bool) -> io::Result<()> {
    let mut scratch = [0; SCRATCH];
    loop {
        if *ended {
            return if piece.is_empty() { Ok(()) } else { Err(io::Error::other("bytes follow the end of the stream")) };
        }
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let status = state.decompress(piece, &mut scratch, FlushDecompress::None)?;
        let read = usize::try_from(state.total_in() - before_in).expect("no more than the piece");
        let written = usize::try_from(state.total_out() - before_out).expect("no more than the scratch");
        piece = &piece[read..];
        out.write_all(&scratch[..written])?;
        *ended = status == Status::StreamEnd;
        if !*ended && read == 0 && written == 0 || piece.is_empty() && written < SCRATCH && !*ended {
            return if piece.is_empty() { Ok(()) } else { Err(io::Error::other("the stream does not go on")) };
        }
    }
}

fn unzstd(state: &mut ZstdDecoder<'static>, mut piece: &[u8], out: &mut Bounded, ended: &mut bool) -> io::Result<()> {
    let mut scratch = [0; SCRATCH];
    loop {
        if piece.is_empty() && *ended {
            return Ok(());
        }
        let status = state.run_on_buffers(piece, &mut scratch)?;
        piece = &piece[status.bytes_read..];
        out.write_all(&scratch[..status.bytes_written])?;
        *ended = status.remaining == 0;
        if piece.is_empty() && status.bytes_written < SCRATCH {
            return Ok(());
        }
    }
}

/// Takes what is decoded, up to a limit.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    length: usize,
    limit: usize,
    keep: usize,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        if decoded.len() > self.limit - self.length {
            self.full = true;
            return Err(io::Error::other("larger than the limit"));
        }
        self.length += decoded.len();
        if self.length <= self.keep {
            self.bytes.extend_from_slice(decoded);
        } else {
            self.bytes = Vec::new();
        }
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(plain: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(plain, 3).unwrap()
    }

    type Encode = fn(&[u8]) -> Vec<u8>;
    const ALL: [(Coding, Encode); 4] =
        [(Coding::Gzip, gzip), (Coding::Deflate, zlib), (Coding::Deflate, raw), (Coding::Zstd, zstd)];

    fn decoder(coding: Coding, limit: usize, keep: usize) -> Decoder {
        Decoder::new(coding, Sizes { limit, keep, guess: 100 }).unwrap()
    }

    fn decode(coding: Coding, encoded: &[u8], piece: usize, limit: usize) -> Result<Vec<u8>, Undecoded> {
        let mut decoder = decoder(coding, limit, limit);
        for piece in encoded.chunks(piece) {
            decoder.push(piece)?;
        }
        match decoder.finish()? {
            Decoded::Kept(bytes) => Ok(bytes),
            Decoded::Counted(length) => panic!("{length} bytes are not kept"),
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_anywhere_is_garbage() {
        let plain: Vec<u8> = (0..3000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for (coding, encode) in ALL {
            let encoded = encode(&plain);
            for cut in (1..encoded.len()).step_by(7).chain(encoded.len() - 12..encoded.len()) {
                let decoded = decode(coding, &encoded[..cut], 1000, 1 << 20);
                assert!(matches!(decoded, Err(Undecoded::Garbage(_))), "{coding:?} cut at {cut} of {}", encoded.len());
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_takes_no_memory_beyond_what_is_kept() {
        let zeros = vec![0; 20 << 20];
        for (coding, encode) in ALL {
            let mut decoder = decoder(coding, 10 << 20, 1 << 20);
            assert!(matches!(decoder.push(&encode(&zeros)), Err(Undecoded::TooLarge)), "{coding:?}");
            assert!(decoder.len() <= 10 << 20, "{coding:?}");
            assert_eq!((decoder.kept(), decoder.out().bytes.capacity()), (0, 0), "{coding:?}");
            assert_eq!(decode(coding, &encode(&zeros[..1 << 20]), 4096, 1 << 20).unwrap().len(), 1 << 20);
        }
    }

    #[test]
    fn a_long_body_is_counted_and_one_at_the_border_is_kept() {
        for (coding, encode) in ALL {
            for (length, decoded) in [(1000, Decoded::Kept(vec![0; 1000])), (1001, Decoded::Counted(1001))] {
                let mut decoder = decoder(coding, 1 << 20, 1000);
                decoder.push(&encode(&vec![0; length])).unwrap();
                assert_eq!(decoder.finish().unwrap(), decoded, "{coding:?}");
            }
        }
    }

    #[test]
    fn streams_behind_one_another_are_one_body() {
        for (coding, encode) in [(Coding::Gzip, gzip as Encode), (Coding::Zstd, zstd)] {
            let encoded = [encode(b"[1,"), encode(b"2]")].concat();
            for piece in [1, 5, 1000] {
                assert_eq!(decode(coding, &encoded, piece, 100).unwrap(), b"[1,2]", "{coding:?}");
            }
        }
        assert!(decode(Coding::Deflate, &[zlib(b"[1,"), zlib(b"2]")].concat(), 1000, 100).is_err());
    }

    #[test]
    fn the_headers_may_name_one_coding() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            Coding::of(&headers)
        };
        assert_eq!(of(&[]), Ok(Coding::Identity));
        assert_eq!(of(&["identity, GZip"]), Ok(Coding::Gzip));
        assert_eq!(of(&["zstd"]), Ok(Coding::Zstd));
        for refused in [&["br"][..], &["gzip, gzip"], &["gzip", "deflate"]] {
            assert!(matches!(of(refused), Err(Refusal::UnknownCoding(_))), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(
            plain in proptest::collection::vec(0_u8..40, 0..20_000),
            piece in 1_usize..5000,
        ) {
            for (coding, encode) in ALL {
                prop_assert_eq!(&decode(coding, &encode(&plain), piece, 1 << 20).unwrap(), &plain);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
            for (coding, _) in ALL {
                let _ = decode(coding, &bytes, piece, 1 << 20);
            }
        }
    }
}
