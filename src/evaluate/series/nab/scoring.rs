//! The official scoring of the Numenta Anomaly Benchmark: three profiles, thresholds that are optimised on the labels
//! themselves, and scores from 0 (never an alarm) to 100 (every window at once, and nothing else).
//!
//! Within a window an alarm is worth 1 at its left edge and just above 0 at its right, and only the best alarm of a window counts.
//! Outside, every alarm costs, little just behind a window and more further away. The first rows of a file are not scored.

/// What found windows, false points and missed windows weigh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    pub found: f64,
    pub wrong: f64,
    pub missed: f64,
}

/// Standard, few false positives, few false negatives.
pub(super) const PROFILES: [Profile; 3] = [
    Profile { found: 1.0, wrong: 0.11, missed: 1.0 },
    Profile { found: 1.0, wrong: 0.22, missed: 1.0 },
    Profile { found: 1.0, wrong: 0.11, missed: 2.0 },
];

/// Rows at the beginning of a file that are not scored: this share of it, at most so many.
const PROBATION: (f64, usize) = (0.15, 750);

/// One row that may be an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub score: f64,
    /// The number of its window, over all files.
    pub window: Option<usize>,
    /// What an alarm here is worth: above 0 in a window, below 0 elsewhere (but just behind one).
    pub worth: f64,
}

/// A threshold and what it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Best {
    /// 0 to 100, below 0 never, since to stay silent is a choice.
    pub score: f64,
    /// Infinite where silence is best.
    pub threshold: f64,
    pub windows_found: usize,
    /// Alarm rows in and outside of windows.
    pub right_rows: usize,
    pub wrong_rows: usize,
}

/// The worth of an alarm by where it lies: from −1 (left edge) to 0 (right edge) in a window, above 0 behind it.
fn sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * place).exp()) - 1.0 }
}

/// The scored rows of a file, whose windows (first and last row) are numbered from `first_window` on.
pub(super) fn rows(scores: &[f64], windows: &[(usize, usize)], first_window: usize) -> Vec<Row> {
    let probation = ((PROBATION.0 * scores.len() as f64) as usize).min(PROBATION.1);
    let most = sigmoid(-1.0);
    let mut rows = Vec::new();
    let mut next = 0;
    for (at, score) in scores.iter().enumerate() {
        while windows.get(next).is_some_and(|(_, last)| *last < at) {
            next += 1;
        }
        let inside = windows.get(next).filter(|(first, _)| *first <= at);
        let worth = match (inside, next.checked_sub(1)) {
            (Some((first, last)), _) => sigmoid(-((last - at + 1) as f64) / (last - first + 1) as f64) / most,
            (None, Some(before)) => {
                let (first, last) = windows[before];
                sigmoid((at - last) as f64 / (last - first) as f64)
            }
            (None, None) => -1.0,
        };
        if at >= probation {
            rows.push(Row { score: *score, window: inside.map(|_| first_window + next), worth });
        }
    }
    rows
}

/// For each profile the best of all thresholds, the highest of equals.
pub(super) fn optimise(mut rows: Vec<Row>, windows: usize) -> [Best; 3] {
    rows.sort_by(|one, other| other.score.total_cmp(&one.score));
    let mut sweep = Sweep { worth: vec![None; windows], found: 0, gained: 0.0, lost: 0.0, right: 0, wrong: 0 };
    let silent = Best { score: 0.0, threshold: f64::INFINITY, windows_found: 0, right_rows: 0, wrong_rows: 0 };
    let mut best = [silent; 3];
    for (at, row) in rows.iter().enumerate() {
        sweep.take(row);
        if rows.get(at + 1).is_some_and(|next| next.score == row.score) {
            continue;
        }
        for (best, profile) in best.iter_mut().zip(PROFILES) {
            let score = sweep.score(profile);
            if score > best.score {
                *best = sweep.best(score, row.score);
            }
        }
    }
    best
}

/// What the alarms down to some threshold have got.
struct Sweep {
    /// The best worth in each window.
    worth: Vec<Option<f64>>,
    found: usize,
    gained: f64,
    lost: f64,
    right: usize,
    wrong: usize,
}

impl Sweep {
    fn take(&mut self, row: &Row) {
        let Some(window) = row.window else {
            self.lost += row.worth;
            self.wrong += 1;
            return;
        };
        self.right += 1;
        let before = self.worth[window];
        if before.is_none_or(|before| row.worth > before) {
            self.found += usize::from(before.is_none());
            self.gained += row.worth - before.unwrap_or(0.0);
            self.worth[window] = Some(row.worth);
        }
    }

    /// Normalised: 0 for silence, 100 for all windows at their left edges and nothing else.
    fn score(&self, profile: Profile) -> f64 {
        let all = self.worth.len() as f64;
        let missed = (self.worth.len() - self.found) as f64;
        let raw = self.gained * profile.found + self.lost * profile.wrong - missed * profile.missed;
        let silence = -all * profile.missed;
        100.0 * (raw - silence) / (all * profile.found - silence)
    }

    fn best(&self, score: f64, threshold: f64) -> Best {
        Best { score, threshold, windows_found: self.found, right_rows: self.right, wrong_rows: self.wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worth_of_an_alarm_falls_from_the_left_edge_of_a_window_on() {
        assert!((sigmoid(-1.0) - 0.986_614_298_151_430_5).abs() < 1e-15);
        assert!((sigmoid(3.0) + 0.999_999_388_195_546_1).abs() < 1e-12 && sigmoid(3.01) == -1.0);
        let scores = [0.5; 100];
        let rows = rows(&scores, &[(40, 59)], 7);
        assert_eq!(rows.len(), 85, "15 rows of 100 are not scored");
        let at = |row: usize| rows[row - 15];
        assert_eq!((at(39).worth, at(39).window), (-1.0, None));
        assert_eq!((at(40).worth, at(40).window), (1.0, Some(7)));
        assert!(at(59).worth > 0.0 && at(59).worth < at(58).worth);
        assert!(at(60).worth < 0.0 && at(60).worth > -0.2 && at(99).worth < -0.99);
    }

    #[test]
    fn one_window_pays_once_and_every_false_row_costs() {
        let row = |score, window, worth| Row { score, window, worth };
        let rows = vec![
            row(0.9, Some(0), 0.5),
            row(0.8, Some(0), 1.0),
            row(0.7, None, -1.0),
            row(0.6, Some(1), 1.0),
            row(0.0, None, -1.0),
        ];
        let [standard, few_wrong, _] = optimise(rows, 2);
        assert_eq!((standard.threshold, standard.windows_found, standard.wrong_rows), (0.6, 2, 1));
        assert!((standard.score - 100.0 * (2.0 - 0.11 + 2.0) / 4.0).abs() < 1e-9);
        assert!((few_wrong.score - 100.0 * (2.0 - 0.22 + 2.0) / 4.0).abs() < 1e-9);
    }

    #[test]
    fn silence_is_best_where_every_alarm_is_false() {
        let rows = vec![Row { score: 1.0, window: None, worth: -1.0 }];
        assert_eq!(optimise(rows, 1)[0].threshold, f64::INFINITY);
    }
}
