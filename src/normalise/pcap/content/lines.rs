//! Bytes cut into lines as people and programs type them.

/// The longest line that is kept; what is beyond is dropped up to the line's end.
const LONGEST: usize = 1024;

/// The line that is under way.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// Whether keys such as backspace are to be obeyed.
    typed: bool,
}

impl Lines {
    /// Lines of somebody at a keyboard.
    pub fn typed() -> Self {
        Self { line: Vec::new(), typed: true }
    }

    /// Takes bytes; tells of each line that ends (CR, LF or both), without empty ones.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    if !self.line.is_empty() {
                        each(&String::from_utf8_lossy(&self.line));
                    }
                    self.line.clear();
                }
                0x08 | 0x7f if self.typed => {
                    self.line.pop();
                }
                // ^C and ^U take the line back
                0x03 | 0x15 if self.typed => self.line.clear(),
                0 => {}
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// What is there of the line under way.
    pub fn under_way(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }

    /// Forgets the line under way.
    pub fn clear(&mut self) {
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_any_way_and_keys_are_obeyed() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for part in [&b"USER a\r\nPA"[..], b"SS b\n\n", b"x\x08y\r\0"] {
            lines.feed(part, |line| found.push(line.to_owned()));
        }
        assert_eq!(found, ["USER a", "PASS b", "x\u{8}y"]);
        let mut typed = Lines::typed();
        typed.feed(b"rm\x7f\x7fls\rabc\x15pwd\r", |line| found.push(line.to_owned()));
        assert_eq!(found[3..], ["ls", "pwd"]);
        lines.feed(&[b'z'; 5000], |_| ());
        assert_eq!(lines.under_way().len(), LONGEST);
    }
}
