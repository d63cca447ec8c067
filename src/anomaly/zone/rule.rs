//! Rules of zones as POSIX writes them in `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3` is an hour ahead of UTC in winter, two in summer, from
//! the last Sunday of March at two to the last of October at three.

use super::Shown;

const DAY: i64 = 86_400;

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    standard: Shown,
    summer: Option<Summer>,
}

/// When another time holds.
#[derive(Debug, Clone, PartialEq)]
struct Summer {
    shown: Shown,
    /// By the clock that is about to be changed.
    from: Change,
    to: Change,
}

/// A time of each year.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    day: Day,
    /// Seconds behind midnight; may lie in another day.
    time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Day {
    /// Month, which one of such weekdays (5 is the last), weekday from Sunday on.
    Weekday(i64, i64, i64),
    /// Day of the year from 1 on, never the 29th of February.
    Julian(i64),
    /// Day of the year from 0 on.
    Ordinal(i64),
}

impl Rule {
    /// Reads one; none where it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut input = text;
        let standard = Shown { name: name(&mut input)?, ahead: -offset(&mut input, 24)? };
        if input.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let name = name(&mut input)?;
        let ahead = if input.starts_with(',') { standard.ahead + 3_600 } else { -offset(&mut input, 24)? };
        let (from, to) = input.strip_prefix(',')?.split_once(',')?;
        let summer = Summer { shown: Shown { ahead, name }, from: Change::read(from)?, to: Change::read(to)? };
        Some(Self { standard, summer: Some(summer) })
    }

    /// What the clock shows at a time.
    pub(super) fn at(&self, seconds: i64) -> &Shown {
        let Some(Summer { shown, from, to }) = &self.summer else { return &self.standard };
        let year = year_of((seconds.saturating_add(i64::from(self.standard.ahead))).div_euclid(DAY));
        let begins = from.in_year(year) - i64::from(self.standard.ahead);
        let ends = to.in_year(year) - i64::from(shown.ahead);
        let is_summer =
            if begins < ends { (begins..ends).contains(&seconds) } else { !(ends..begins).contains(&seconds) };
        if is_summer { shown } else { &self.standard }
    }
}

impl Change {
    fn read(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('/').map_or((text, None), |(day, time)| (day, Some(time)));
        let within = |number: &str, least: i64, most: i64| {
            let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<i64>().ok().filter(|number| is_plain && (least..=most).contains(number))
        };
        let day = if let Some(parts) = day.strip_prefix('M') {
            let mut parts = parts.split('.');
            let (month, week, weekday) = (parts.next()?, parts.next()?, parts.next()?);
            let is_whole = parts.next().is_none();
            Some(Day::Weekday(within(month, 1, 12)?, within(week, 1, 5)?, within(weekday, 0, 6)?))
                .filter(|_| is_whole)?
        } else if let Some(number) = day.strip_prefix('J') {
            Day::Julian(within(number, 1, 365)?)
        } else {
            Day::Ordinal(within(day, 0, 365)?)
        };
        let time = match time {
            None => 7_200,
            Some(mut time) => Some(i64::from(offset(&mut time, 167)?)).filter(|_| time.is_empty())?,
        };
        Some(Self { day, time })
    }

    /// Seconds since the epoch by the clock itself.
    fn in_year(self, year: i64) -> i64 {
        let day = match self.day {
            Day::Weekday(month, week, weekday) => {
                let first = day_of(year, month);
                let next = if month == 12 { day_of(year + 1, 1) } else { day_of(year, month + 1) };
                // 1970-01-01 was a Thursday
                let early = first + (weekday - (first + 4)).rem_euclid(7);
                let day = early + 7 * (week - 1);
                if day < next { day } else { day - 7 }
            }
            Day::Julian(number) => {
                let is_behind_february = number > 59 && day_of(year, 3) - day_of(year, 2) == 29;
                day_of(year, 1) + number - 1 + i64::from(is_behind_february)
            }
            Day::Ordinal(number) => day_of(year, 1) + number,
        };
        day * DAY + self.time
    }
}

/// Letters, or anything in angle brackets.
fn name(input: &mut &str) -> Option<String> {
    let (name, rest) = match input.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?,
        None => input.split_at(input.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(input.len())),
    };
    *input = rest;
    ((3..=10).contains(&name.len())).then(|| name.to_owned())
}

/// `[+-]hours[:minutes[:seconds]]` in seconds.
fn offset(input: &mut &str, most: i32) -> Option<i32> {
    let end = input.find(|letter: char| !letter.is_ascii_digit() && !"+-:".contains(letter)).unwrap_or(input.len());
    let (text, rest) = input.split_at(end);
    *input = rest;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut seconds = 0;
    for (place, part) in text.split(':').enumerate() {
        let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = part.parse::<i32>().ok().filter(|_| is_plain)?;
        let (limit, worth) = *[(most, 3_600), (59, 60), (59, 1)].get(place)?;
        seconds += Some(number).filter(|number| *number <= limit)? * worth;
    }
    Some(sign * seconds)
}

/// Days since the epoch of the first of a month (H. Hinnant, "chrono-compatible low-level date algorithms").
fn day_of(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year of a day since the epoch.
fn year_of(day: i64) -> i64 {
    // within a year of it, by the mean length of the calendar's years
    let near = 1970 + (day as f64 / 365.2425).floor() as i64;
    if day < day_of(near, 1) {
        near - 1
    } else if day >= day_of(near + 1, 1) {
        near + 1
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_years_are_those_of_the_calendar() {
        for (year, month, day) in [(1970, 1, 0), (1970, 3, 59), (2000, 3, 11_017), (2026, 1, 20_454), (1969, 12, -31)] {
            assert_eq!(day_of(year, month), day, "{year}-{month}");
        }
        for day in -200_000..200_000 {
            let year = year_of(day);
            assert!(day_of(year, 1) <= day && day < day_of(year + 1, 1), "{day}: {year}");
        }
    }

    #[test]
    fn all_three_kinds_of_days_are_read() {
        // noon of the 60th day that is no 29th of February is the 1st of March in any year
        for (year, day) in [(2023, day_of(2023, 3)), (2024, day_of(2024, 3))] {
            let change = Change::read("J60/12").expect("fine");
            assert_eq!(change.in_year(year), day * DAY + 43_200);
        }
        assert_eq!(Change::read("0/0").map(|change| change.in_year(2024)), Some(day_of(2024, 1) * DAY));
        assert_eq!(
            Change::read("M3.5.0").map(|change| change.in_year(2026)),
            Some((day_of(2026, 3) + 28) * DAY + 7_200)
        );
        assert_eq!(Change::read("M2.1.0/-1").map(|change| change.in_year(2026)), Some(day_of(2026, 2) * DAY - 3_600));
        for text in ["M3.6.0", "M3.5", "M3.5.0.1", "J0", "J366", "366", "M3.5.0/", "M3.5.0/168", "M3.5.0/2x", "", "-1"]
        {
            assert_eq!(Change::read(text), None, "{text}");
        }
    }
}
