//! What the name that was asked for looks like: those that programs make up differ from those that people do.

/// The features of a name, in their order; the name itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NameShape([f32; 5]);

impl NameShape {
    /// Of a name; none where it is nothing but dots.
    pub fn of(name: &str) -> Option<Self> {
        let name = Some(name.trim_end_matches('.')).filter(|name| !name.is_empty())?;
        let (labels, longest) =
            name.split('.').fold((0_u32, 0), |(labels, longest), label| (labels + 1, longest.max(label.len())));
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        let length = name.len() as f32;
        Some(Self([length, entropy(name), digits as f32 / length, labels as f32, longest as f32]))
    }
}

/// Writes the features; missing where there is no name.
pub fn fill(name: Option<NameShape>, out: &mut [f32]) {
    if let Some(NameShape(features)) = name {
        out.copy_from_slice(&features);
    }
}

/// Shannon's entropy of the bytes but the dots, in bits; letters of either case are alike.
fn entropy(name: &str) -> f32 {
    let mut counts = [0_u32; 256];
    name.bytes().filter(|byte| *byte != b'.').for_each(|byte| counts[usize::from(byte.to_ascii_lowercase())] += 1);
    let all: u32 = counts.iter().sum();
    let part = |count: u32| {
        let share = count as f32 / all as f32;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(part).sum::<f32>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> [f32; 5] {
        let mut out = [f32::NAN; 5];
        fill(NameShape::of(name), &mut out);
        out
    }

    #[test]
    fn a_made_up_name_has_more_entropy_than_a_word() {
        assert_eq!(of("AAaa.aa."), [7.0, 0.0, 0.0, 2.0, 4.0]);
        assert_eq!(of("ab12")[1..3], [2.0, 0.5]);
        assert!(of("x7f3q9zk2m4v8.example")[1] > of("mail.example")[1]);
        assert!(of("").iter().chain(&of("...")).all(|value| value.is_nan()));
    }
}
