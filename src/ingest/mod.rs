//! ingest
mod format;
mod json;
mod resync;
mod settings;
mod text;
pub use settings::{HttpSettings, SettingFault};
