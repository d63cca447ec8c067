//! Where one message ends and the next begins in a TCP stream (RFC 6587).
//!
//! The first byte of a connection decides: a digit from 1 to 9 means octet counting (`LENGTH SP MESSAGE`), anything else
//! lines, which end with LF or NUL. Settings may decide it instead. No byte of a message is lost by a mistake in the
//! framing: where a length should stand and does not, everything up to the next line end is one message, and behind it a
//! length is looked for again. Every call either uses bytes or needs more; a message is never longer than its bound,
//! what lies beyond is skipped and the message marked as cut.

/// How messages are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As the first byte of each connection says.
    Auto,
    /// `LENGTH SP MESSAGE`
    OctetCounting,
    /// A line each.
    Newline,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Without its trailer.
    pub text: &'a [u8],
    /// It was longer, or the connection ended in it.
    pub cut: bool,
}

/// A length has this many digits at most; more is no length.
const DIGITS: usize = 8;

/// What a buffer needs beyond the longest message, so that a frame always fits.
pub(super) const HEAD: usize = DIGITS + 2;

/// Splits one connection's bytes into messages.
#[derive(Debug)]
pub(super) struct Framer {
    framing: Framing,
    most: usize,
    skip: Skip,
    /// Bytes of the line at the front that were looked at before, and hold no line end.
    seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

/// What stands at the front of the bytes.
enum Front<'a> {
    Frame { used: usize, frame: Frame<'a>, skip: Skip },
    Nothing { used: usize },
    More,
}

impl Framer {
    /// For messages of at most `most` bytes; at least one.
    pub fn new(framing: Framing, most: usize) -> Self {
        Self { framing, most: most.max(1), skip: Skip::Nothing, seen: 0 }
    }

    /// Hands the messages in `bytes` to `take`, in order, and gives the number of bytes that are done with. What is left
    /// is to be given again with what follows it; with `ended` nothing follows, and nothing is left.
    pub fn split<'a>(&mut self, bytes: &'a [u8], ended: bool, mut take: impl FnMut(Frame<'a>)) -> usize {
        let mut at = 0;
        loop {
            at += self.pass_over(&bytes[at..]);
            let rest = &bytes[at..];
            if rest.is_empty() {
                return at;
            }
            match self.front(rest, ended) {
                Front::Frame { used, frame, skip } => {
                    at += used;
                    (self.skip, self.seen) = (skip, 0);
                    if !frame.text.is_empty() {
                        take(frame);
                    }
                }
                Front::Nothing { used } => at += used,
                Front::More => return at,
            }
        }
    }

    /// Skips what is left of a message that was cut.
    fn pass_over(&mut self, bytes: &[u8]) -> usize {
        match self.skip {
            Skip::Nothing => 0,
            Skip::Bytes(count) => {
                let used = count.min(bytes.len());
                self.skip = if used == count { Skip::Nothing } else { Skip::Bytes(count - used) };
                used
            }
            Skip::Line => match line_end(bytes) {
                Some(end) => {
                    self.skip = Skip::Nothing;
                    end + 1
                }
                None => bytes.len(),
            },
        }
    }

    fn front<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Front<'a> {
        if self.framing == Framing::Auto {
            self.framing = if matches!(bytes[0], b'1'..=b'9') { Framing::OctetCounting } else { Framing::Newline };
        }
        if self.framing == Framing::Newline {
            return self.line(bytes, ended);
        }
        // senders that count octets and end lines as well
        let trailer = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r' | 0 | b' ')).count();
        if trailer > 0 {
            return Front::Nothing { used: trailer };
        }
        match length(bytes) {
            Length::Is { digits, count } => self.counted(bytes, digits + 1, count, ended),
            Length::More if !ended => Front::More,
            Length::More | Length::Bad => self.line(bytes, ended),
        }
    }

    fn counted<'a>(&self, bytes: &'a [u8], head: usize, count: usize, ended: bool) -> Front<'a> {
        let kept = count.min(self.most);
        match bytes.get(head..head + kept) {
            Some(text) => {
                let skip = if count > kept { Skip::Bytes(count - kept) } else { Skip::Nothing };
                Front::Frame { used: head + kept, frame: Frame { text: trimmed(text), cut: count > kept }, skip }
            }
            None if ended => {
                let text = trimmed(&bytes[head..]);
                Front::Frame { used: bytes.len(), frame: Frame { text, cut: true }, skip: Skip::Nothing }
            }
            None => Front::More,
        }
    }

    fn line<'a>(&mut self, bytes: &'a [u8], ended: bool) -> Front<'a> {
        let window = &bytes[..bytes.len().min(self.most + 1)];
        let from = self.seen.min(window.len());
        let whole = |end: usize| Frame { text: trimmed(&bytes[..end]), cut: false };
        match line_end(&window[from..]) {
            Some(end) => Front::Frame { used: from + end + 1, frame: whole(from + end), skip: Skip::Nothing },
            None if window.len() > self.most => {
                let frame = Frame { text: &bytes[..self.most], cut: true };
                Front::Frame { used: self.most, frame, skip: Skip::Line }
            }
            // a last line without an end is how some senders close
            None if ended => Front::Frame { used: bytes.len(), frame: whole(bytes.len()), skip: Skip::Nothing },
            None => {
                self.seen = window.len();
                Front::More
            }
        }
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', 0, bytes)
}

/// Without line end and NUL behind it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let length = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
    &text[..length]
}

enum Length {
    Is { digits: usize, count: usize },
    More,
    Bad,
}

/// The length that `bytes` begin with: digits, the first not 0, and a space.
fn length(bytes: &[u8]) -> Length {
    let digits = bytes.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits > DIGITS || bytes[0] == b'0' {
        return Length::Bad;
    }
    match bytes.get(digits) {
        None => Length::More,
        Some(b' ') if digits > 0 => {
            let count = bytes[..digits].iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            Length::Is { digits, count }
        }
        Some(_) => Length::Bad,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::super::fuzzing::{Frames, frames};
    use super::*;

    fn received(framing: Framing, most: usize, pieces: &[&[u8]]) -> Frames {
        frames(framing, pieces, most)
    }

    fn texts(stream: &str) -> Vec<String> {
        let messages = received(Framing::Auto, 100, &[stream.as_bytes()]);
        messages.into_iter().map(|(text, cut)| String::from_utf8(text).unwrap() + if cut { "…" } else { "" }).collect()
    }

    #[test]
    fn the_first_byte_decides_the_framing() {
        assert_eq!(texts("5 <1>ab4 <1>c"), ["<1>ab", "<1>c"]);
        assert_eq!(texts("<1>ab\n<1>c\r\n\n<1>d\0<1>e"), ["<1>ab", "<1>c", "<1>d", "<1>e"]);
        assert_eq!(texts("<1>ab\n5 <1>cd\n"), ["<1>ab", "5 <1>cd"], "lines stay lines");
        assert_eq!(texts("6 <1>ab\n5 <1>c\n"), ["<1>ab", "<1>c"], "a trailer within the length");
        assert_eq!(texts("5 <1>ab\n\n4 <1>c\n"), ["<1>ab", "<1>c"], "a trailer behind the length");
    }

    #[test]
    fn a_bad_length_costs_no_byte_and_the_next_good_one_counts_again() {
        assert_eq!(texts("5 <1>ab<2>no length\n4 <1>c"), ["<1>ab", "<2>no length", "<1>c"]);
        assert_eq!(texts("5 <1>ab05 x\n4 <1>c"), ["<1>ab", "05 x", "<1>c"]);
        assert_eq!(texts("5 <1>ab999999999 x\n4 <1>c"), ["<1>ab", "999999999 x", "<1>c"]);
        assert_eq!(texts("5 <1>ab12"), ["<1>ab", "12"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_rest_of_it_skipped() {
        let long = "x".repeat(120);
        let cut = "x".repeat(100) + "…";
        assert_eq!(texts(&format!("{long}\n<1>b\n")), [cut.as_str(), "<1>b"]);
        assert_eq!(texts(&format!("120 {long}4 <1>b")), [cut.as_str(), "<1>b"]);
        assert_eq!(texts(&format!("{}\n<1>b\n", &long[..100])), [&long[..100], "<1>b"], "as long as it may be");
        assert_eq!(texts("30 <1>ends early"), ["<1>ends early…"]);
    }

    #[test]
    fn settings_may_decide_the_framing() {
        let lines = received(Framing::Newline, 100, &[b"5 items\n"]);
        assert_eq!(lines, [(b"5 items".to_vec(), false)]);
        let counted = received(Framing::OctetCounting, 100, &[b"<1>line\n4 <1>a"]);
        assert_eq!(counted, [(b"<1>line".to_vec(), false), (b"<1>a".to_vec(), false)]);
    }

    /// Streams of good frames, bad lengths and noise.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "<[0-9]{1,3}>[a-z ]{0,20}\n".prop_map(String::into_bytes),
            "<[0-9]{1,3}>[a-z ]{0,20}".prop_map(|text| format!("{} {text}", text.len()).into_bytes()),
            "[0-9]{0,10} ?".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..8),
            Just(b"\n".to_vec()),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_where_a_stream_is_torn(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6), most in 1..40_usize) {
            let whole = received(Framing::Auto, most, &[&stream]);
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(received(Framing::Auto, most, &pieces), whole.clone());
            let bytes: Vec<&[u8]> = stream.chunks(1).chain([[].as_slice()]).collect();
            prop_assert_eq!(received(Framing::Auto, most, &bytes), whole);
        }

        #[test]
        fn good_messages_come_out_as_they_went_in(texts in prop::collection::vec("<[0-9]{1,3}>[ -~]{0,50}", 1..20), counted: bool) {
            let frame = |text: &String| if counted { format!("{} {text}", text.len()) } else { format!("{text}\n") };
            let stream: String = texts.iter().map(frame).collect();
            let found = received(Framing::Auto, 100, &[stream.as_bytes()]);
            let found: Vec<String> = found.into_iter().map(|(text, _)| String::from_utf8(text).unwrap()).collect();
            prop_assert_eq!(found, texts);
        }

        #[test]
        fn no_message_is_longer_than_it_may_be(stream in stream(), most in 1..40_usize) {
            for (text, _) in received(Framing::Auto, most, &[&stream]) {
                prop_assert!(text.len() <= most);
            }
        }
    }
}
