//! The face of importing in a program without libtorch: no network can be run, so none is taken.

use std::path::Path;

use super::{ImportError, Recipe};
use crate::classify::LoadError;
use crate::classify::card::Card;

/// Imports nothing.
///
/// # Errors
/// Always: [`LoadError::WithoutTorch`].
pub fn import(_file: &Path, _recipe: &Recipe, _into: &Path) -> Result<Card, ImportError> {
    Err(LoadError::WithoutTorch.into())
}
