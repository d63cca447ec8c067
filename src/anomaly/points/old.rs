//! What snapshots of version 2 hold of the combined detector: 25 kB in another form, which is passed over. It learns anew.

use crate::anomaly::codec::{Damaged, Reader};

/// Passes over the state of one detector.
pub(in crate::anomaly) fn skip(input: &mut Reader<'_>) -> Result<(), Damaged> {
    let views = if input.u8()? != 0 { 7 } else { 4 };
    // weight and number of points; means and window, slots of day and week; histograms with their ranges
    input.take(16 + 27 * 8 + (48 + 24 + 336) * 12 + views * (5 * 3 + 229) * 8)?;
    // moves: last values, spreads and tails
    input.take(1 + 3 * 8 + 4 + 26 * 24 + 3 * 28)?;
    // sequences: spread, last values, shapes
    input.take(24 + 24)?;
    let values = input.count(8)?;
    input.take(8 * values)?;
    let shapes = input.count(80)?;
    input.take(80 * shapes)?;
    // a tail, and alarms
    input.take(28 + 8 + 1)?;
    let alarms = usize::from(input.u8()?);
    input.take(16 * alarms)?;
    Ok(())
}
