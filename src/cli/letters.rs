//! Which dead letters a command means.

use std::ops::RangeInclusive;

use clap::Args;
use serde_json::{Value, json};

use crate::event::{EventTime, ReceivedTime};
use crate::spool::Filter;

/// Which dead letters are meant; all conditions together.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterOptions {
    /// Only letters whose reason contains this
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Only letters from this source, such as 'http 10.0.0.1'
    #[arg(long)]
    source: Option<String>,
    /// Only letters refused at this time or later, such as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<EventTime>,
    /// Only letters refused before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<EventTime>,
    /// Only the letter of this number, or those of a range such as 17-23
    #[arg(long, value_name = "NUMBERS", value_parser = numbers)]
    number: Option<RangeInclusive<u64>>,
}

impl FilterOptions {
    /// As the spool understands it.
    pub fn filter(&self) -> Filter {
        let received = |time: EventTime| ReceivedTime::from_micros(time.micros());
        Filter {
            after: self.number.as_ref().map_or(0, |numbers| numbers.start() - 1),
            up_to: self.number.as_ref().map(|numbers| *numbers.end()),
            since: self.from.map(received),
            until: self.to.map(received),
            reason: self.reason.clone(),
            source: self.source.clone(),
        }
    }

    /// As the API of a running oversight understands it.
    pub fn order(&self, dry_run: bool) -> Value {
        let mut order = json!({ "dry_run": dry_run });
        let texts = [("reason", self.reason.clone()), ("source", self.source.clone())];
        let times =
            [("from", self.from), ("to", self.to)].map(|(name, time)| (name, time.map(|time| time.to_string())));
        for (name, text) in texts.into_iter().chain(times) {
            if let Some(text) = text {
                order[name] = text.into();
            }
        }
        if let Some(numbers) = &self.number {
            order["after"] = (numbers.start() - 1).into();
            order["up_to"] = (*numbers.end()).into();
        }
        order
    }
}

fn time(text: &str) -> Result<EventTime, &'static str> {
    EventTime::parse_rfc3339(text).ok_or("write a time such as 2026-11-22T10:00:00Z")
}

fn numbers(text: &str) -> Result<RangeInclusive<u64>, &'static str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(first..=last),
        _ => Err("write a number such as 17, or a range such as 17-23"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_or_a_range() {
        assert_eq!((numbers("17"), numbers("17-23"), numbers("1 - 2")), (Ok(17..=17), Ok(17..=23), Ok(1..=2)));
        assert!(["", "0", "3-2", "x", "1-2-3", "-1"].iter().all(|text| numbers(text).is_err()));
    }

    #[test]
    fn the_filter_and_the_order_say_the_same() {
        let options = FilterOptions {
            reason: Some("mapping".to_owned()),
            from: EventTime::parse_rfc3339("2026-11-22T10:00:00Z"),
            number: Some(17..=23),
            ..FilterOptions::default()
        };
        let filter = options.filter();
        assert_eq!((filter.after, filter.up_to, filter.reason.as_deref()), (16, Some(23), Some("mapping")));
        let expected = json!({ "dry_run": true, "reason": "mapping", "from": "2026-11-22T10:00:00.000Z", "after": 16, "up_to": 23 });
        assert_eq!(options.order(true), expected);
    }
}
