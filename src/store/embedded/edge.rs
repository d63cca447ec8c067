//! Values of a query, read in every way that a column may need.

use std::net::Ipv6Addr;

use super::dates::{Span, read};

/// A number of a query, exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// From the text of a number; none for anything else, NaN and infinities among it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse::<i128>() {
            return Some(Self::Integer(integer));
        }
        let digit = text.bytes().any(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|float: &f64| digit && float.is_finite()).map(Self::Float)
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            // -0 is kept as 0
            Self::Float(float) => float + 0.0,
        }
    }
}

/// A value of a query, read in every way that a column may need.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edge {
    /// As a string; none where the query has a bare number or truth value, which no string is compared with.
    pub(super) text: Option<String>,
    pub(super) number: Option<Number>,
    pub(super) date: Option<Span>,
    pub(super) address: Option<Ipv6Addr>,
    pub(super) truth: Option<bool>,
}

impl Edge {
    /// From a string; `now` in milliseconds since 1970.
    pub(super) fn of_text(text: &str, now: i64) -> Self {
        Self {
            text: Some(text.to_owned()),
            number: Number::parse(text),
            date: read(text, now),
            address: text.parse().ok().map(super::flatten::as_v6),
            truth: text.parse().ok(),
        }
    }

    /// From a bare number, which a date column reads as milliseconds since 1970.
    pub(super) fn of_number(number: Number) -> Self {
        let date = match number {
            Number::Integer(millis) => i64::try_from(millis).ok().map(Span::of_millis),
            Number::Float(millis) => Some(Span::of_millis(millis as i64)),
        };
        Self { text: None, number: Some(number), date, address: None, truth: None }
    }

    /// From a bare truth value.
    pub(super) fn of_truth(truth: bool) -> Self {
        Self { text: None, number: None, date: None, address: None, truth: Some(truth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_only_look_like_numbers_are_none() {
        for text in ["nan", "inf", "-infinity", "", "e", "1x"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        assert_eq!(Number::parse("1e3"), Some(Number::Float(1000.0)));
    }
}
