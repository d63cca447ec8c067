//! What Zeek's history letters tell beside the ending: trouble on the way, and packets that nobody sends by accident.

/// Writes the features; missing where there is no history.
pub fn fill(history: Option<&str>, out: &mut [f32]) {
    let Some(history) = history else { return };
    let any = |letters: &[char]| f32::from(u8::from(history.contains(letters)));
    let midway = !history.contains(['S', 's', 'H', 'h']);
    out.copy_from_slice(&[
        any(&['D']),
        any(&['d']),
        any(&['T', 't']),
        any(&['G', 'g']),
        any(&['W', 'w']),
        any(&['I', 'i', 'Q', 'q', 'C', 'c']),
        any(&['^']),
        f32::from(u8::from(midway)),
    ]);
}
