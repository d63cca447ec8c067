//! Looks at events as the pipeline does, and judges none: which dialects they speak, and how good their features are.

use crate::config::Config;
use crate::features::{Settings, Windows};
use crate::normalise::{Normaliser, Unreadable};

use super::census::Census;
use super::dialects;
use super::quality::Quality;

/// A look at a sample of events.
pub struct Survey {
    normaliser: Normaliser,
    windows: Windows,
    census: Census,
}

impl Survey {
    /// With the dialects that `config` names.
    pub fn new(config: &Config) -> Self {
        let normaliser = Normaliser::with_rules(&[], &dialects::rules(config));
        Self { normaliser, windows: Windows::new(&Settings::default()), census: Census::default() }
    }

    /// Looks at an event.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn event(&mut self, event: &str) -> Result<(), Unreadable> {
        let view = self.normaliser.read(event.as_bytes())?;
        let quality = self.windows.alone(&view.record).map(|vector| Quality::of(&view, &vector));
        self.census.add(view.dialect, quality);
        self.normaliser.recycle(view);
        Ok(())
    }

    /// What was seen.
    pub fn census(&self) -> &Census {
        &self.census
    }
}
