//! One thing of the engine that is set up beside templates: what was found in its place, and what was done about it.

use std::fmt;

use crate::store::elasticsearch::Change;

/// A lifecycle policy or a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is, such as `lifecycle policy`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// What was found.
    pub found: Found,
    /// Whether something was done about it.
    pub done: bool,
}

/// What was found in the place of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: ours will be made.
    Missing,
    /// Ours, as it should be.
    Current,
    /// Ours, and otherwise than it should be: will be put right.
    Changed(Vec<Change>),
    /// Ours, and no longer asked for: will be taken away.
    Unwanted,
    /// Somebody else's: stays.
    Foreign,
    /// It cannot be had here, for this reason.
    Unavailable(&'static str),
    /// Who sets up may not look at it; somebody else may have made it.
    Hidden,
}

impl Item {
    /// Whether something has to be done.
    pub fn is_due(&self) -> bool {
        matches!(self.found, Found::Missing | Found::Changed(_) | Found::Unwanted)
    }

    /// Whether it is as it should be, as far as anybody can tell.
    pub fn is_as_installed(&self) -> bool {
        matches!(self.found, Found::Current | Found::Hidden) || self.done
    }
}

impl fmt::Display for Item {
    /// A line, and one more for each difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, verb) = match &self.found {
            Found::Missing => ("missing", "made"),
            Found::Current => ("as it should be", ""),
            Found::Changed(_) => ("not as it should be", "put right"),
            Found::Unwanted => ("no longer asked for", "taken away"),
            Found::Foreign => ("not made by oversight", ""),
            Found::Unavailable(reason) => (*reason, ""),
            Found::Hidden => ("who sets up may not look at it", ""),
        };
        match (self.is_due(), self.done) {
            (true, true) => writeln!(f, "{} {}: {verb} ({found})", self.what, self.name)?,
            (true, false) => writeln!(f, "{} {}: would be {verb} ({found})", self.what, self.name)?,
            (false, _) => writeln!(f, "{} {}: left as it is ({found})", self.what, self.name)?,
        }
        let changes: &[Change] = if let Found::Changed(changes) = &self.found { changes } else { &[] };
        changes.iter().try_for_each(|change| writeln!(f, "  {change}"))
    }
}
