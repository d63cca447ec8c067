//! Networks from elsewhere: a Keras network in HDF5, tensors in safetensors, or TorchScript, and a [`Recipe`] that says how it is fed
//! and what it answers. What comes out is a model folder like any other.

#[cfg(feature = "torch")]
mod convert;
mod error;
#[cfg(feature = "torch")]
mod keras;
#[cfg(feature = "torch")]
mod layers;
#[cfg(feature = "torch")]
mod network;
mod recipe;

#[cfg(not(feature = "torch"))]
#[path = "without_torch.rs"]
mod network;

pub use error::ImportError;
pub use network::import;
pub use recipe::Recipe;

#[cfg(all(test, feature = "torch"))]
mod tests;
