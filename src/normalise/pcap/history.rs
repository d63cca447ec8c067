//! What happened in a connection, in Zeek's letters: upper case for the originator, lower case for the responder.
//!
//! `S` SYN, `H` SYN with ACK, `A` ACK alone, `D` payload, `F` FIN, `R` RST, `I` FIN with RST, `Q` other such mixtures,
//! `T` payload sent again, `W` no window, `G` a gap, `^` originator and responder changed places.

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who opened the connection.
    Originator = 0,
    /// Who answered.
    Responder = 1,
}

impl Side {
    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

/// What is told of a side once, whatever its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A SYN, with or without an ACK.
    Syn = 0,
    /// A FIN.
    Fin = 1,
    /// An RST.
    Reset = 2,
    /// Payload.
    Data = 3,
    /// An ACK alone.
    Ack = 4,
    /// A mixture with a SYN.
    Mixed = 5,
    /// FIN and RST.
    FinReset = 6,
}

/// The letters of a connection; a hostile one has at most some hundred.
#[derive(Debug, Default)]
pub struct History {
    letters: String,
    seen: [u8; 2],
}

/// Letters kept; repeated SYNs with other numbers would make them endless.
const MOST_LETTERS: usize = 256;

impl History {
    /// The letters so far.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// Originator and responder changed places.
    pub fn flip(&mut self) {
        self.push('^');
    }

    /// Tells of `kind` if it is the first one of that side; false if it is not.
    pub fn first(&mut self, side: Side, kind: Kind, letter: char) -> bool {
        let (seen, bit) = (&mut self.seen[side as usize], 1 << kind as u8);
        let first = *seen & bit == 0;
        *seen |= bit;
        if first {
            self.add(side, letter);
        }
        first
    }

    /// Tells of something whether or not it was told before.
    pub fn add(&mut self, side: Side, letter: char) {
        self.push(if side == Side::Originator { letter } else { letter.to_ascii_lowercase() });
    }

    /// Tells of something the 1st, 10th, 100th … time.
    pub fn scaled(&mut self, side: Side, letter: char, count: &mut Scaled) {
        count.times = count.times.saturating_add(1);
        if count.times == count.next {
            count.next = count.next.saturating_mul(10);
            self.add(side, letter);
        }
    }

    fn push(&mut self, letter: char) {
        if self.letters.len() < MOST_LETTERS {
            self.letters.push(letter);
        }
    }
}

/// How often something happened, and when it is told next.
#[derive(Debug)]
pub struct Scaled {
    times: u32,
    next: u32,
}

impl Default for Scaled {
    fn default() -> Self {
        Self { times: 0, next: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_once_or_at_every_power_of_ten() {
        let mut history = History::default();
        assert!(history.first(Side::Originator, Kind::Syn, 'S'));
        assert!(!history.first(Side::Originator, Kind::Syn, 'S'));
        assert!(history.first(Side::Responder, Kind::Syn, 'H'));
        let mut count = Scaled::default();
        for _ in 0..100 {
            history.scaled(Side::Responder, 'T', &mut count);
        }
        history.flip();
        assert_eq!(history.letters(), "Shttt^");
    }
}
