//! What Zeek's history letters tell beside the ending: trouble on the way, and packets that nobody sends by accident.

/// Writes the features; missing where there is no history.
pub fn fill(history: Option<&str>, out: &mut [f32]) {
    let Some(history) = history else { return };
    let letters = set(history.as_bytes());
    let any = |of: &[u8]| f32::from(u8::from(letters & set(of) != 0));
    out.copy_from_slice(&[
        any(b"D"),
        any(b"d"),
        any(b"Tt"),
        any(b"Gg"),
        any(b"Ww"),
        any(b"IiQqCc"),
        any(b"^"),
        1.0 - any(b"SsHh"),
    ]);
}

/// The letters of a text as bits; each Latin letter and `^` have one of their own.
const fn set(text: &[u8]) -> u64 {
    let (mut bits, mut place) = (0, 0);
    while place < text.len() {
        // what lies outside of @ to DEL is no letter
        if text[place] >= b'@' && text[place] < 128 {
            bits |= 1 << (text[place] - b'@');
        }
        place += 1;
    }
    bits
}
