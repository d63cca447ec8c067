//! Numbers as people read them.

/// `311,029`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `92.41 %`; what is not quite all or nothing is not shown as if it were.
pub fn percent(share: f64) -> String {
    let text = format!("{:.2} %", 100.0 * share);
    match text.as_str() {
        "100.00 %" if share < 1.0 => "99.99 %".to_owned(),
        "0.00 %" if share > 0.0 => "0.01 %".to_owned(),
        _ => text,
    }
}

/// `0.871`.
pub fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 4_898_431].map(count), ["0", "999", "1,000", "4,898,431"]);
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(
            [0.0, 0.000_01, 0.5, 0.999_999, 1.0].map(percent),
            ["0.00 %", "0.01 %", "50.00 %", "99.99 %", "100.00 %"]
        );
    }
}
