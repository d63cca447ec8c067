//! KDD-99 records: the comma-separated lines of the KDD Cup 1999 files, and JSON objects with the same names.

use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES, Symbol, Symbols};
use crate::features::{FeatureVector, NAMES};

/// A line of a KDD or NSL-KDD file.
#[derive(Debug, Clone, PartialEq)]
pub struct KddLine<'a> {
    /// Its 41 features.
    pub features: FeatureVector,
    /// Its label without the trailing dot, where it has one.
    pub label: Option<&'a str>,
}

/// Why a line is not a KDD record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LineError {
    /// Too few or too many columns.
    #[error("{found} columns, where a KDD record has 41, 42 with its label, or 43 (NSL-KDD, with a difficulty)")]
    Columns {
        /// How many there are.
        found: usize,
    },
    /// A number cannot be read.
    #[error("column {column} ({name}): '{text}' is not a number")]
    Number {
        /// Counted from 1.
        column: usize,
        /// The feature.
        name: &'static str,
        /// What stands there.
        text: String,
    },
}

/// Reads one line: 41 features, then perhaps the label, then perhaps NSL-KDD's difficulty, which is dropped.
///
/// # Errors
/// When the number of columns is wrong or a number cannot be read.
pub fn parse_line(line: &str) -> Result<KddLine<'_>, LineError> {
    let columns = line.trim_end_matches(['\r', '\n']).split(',').count();
    if !(41..=43).contains(&columns) {
        return Err(LineError::Columns { found: columns });
    }
    let mut features = FeatureVector::MISSING;
    let mut words = ["", "", ""];
    let mut numeric = 0;
    let mut label = None;
    for (place, text) in line.split(',').map(str::trim).enumerate() {
        match place {
            1..=3 => words[place - 1] = text,
            0..=40 => {
                features.numeric[numeric] = text.parse().map_err(|_| LineError::Number {
                    column: place + 1,
                    name: NAMES[place],
                    text: text.to_owned(),
                })?;
                numeric += 1;
            }
            41 => label = Some(text.trim_end_matches('.')),
            _ => {}
        }
    }
    features.symbols = Symbols {
        protocol: Symbol::of(PROTOCOLS, words[0]),
        service: Symbol::of(SERVICES, words[1]),
        flag: Symbol::of(FLAGS, words[2]),
    };
    Ok(KddLine { features, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00,normal.";

    #[test]
    fn a_line_gives_41_features_and_its_label_without_the_dot() {
        let line = parse_line(LINE).expect("valid");
        assert_eq!(line.label, Some("normal"));
        assert_eq!(line.features.known(), 41);
        assert_eq!(line.features.numeric[1..3], [181.0, 5450.0]);
        assert_eq!(line.features.symbols.service, Symbol::of(SERVICES, "http"));
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_column() {
        assert_eq!(parse_line("1,2"), Err(LineError::Columns { found: 2 }));
        let broken = LINE.replacen("181", "x81", 1);
        assert_eq!(
            parse_line(&broken),
            Err(LineError::Number { column: 5, name: "src_bytes", text: "x81".to_owned() })
        );
    }
}
