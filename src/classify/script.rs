//! A TorchScript file as the tail of a network: it gets the inputs that its author fed it, which the layer before it makes.
//!
//! TorchScript is a program: it is taken only from the model folder, under the hash that the card states, and it is
//! asked once at loading, so that what it gives has the right shape before the first event.

use std::sync::Arc;

use tch::{CModule, Kind, TchError, Tensor};

use super::card::{Gives, NetworkCard};
use super::error::Fault;

/// What is added to probabilities so that their logarithm is finite.
const LEAST: f64 = 1e-30;

/// A loaded TorchScript file.
#[derive(Debug)]
pub struct Script {
    module: CModule,
    gives: Gives,
}

impl Script {
    /// Loads the content of a file for the network of a checked card; none where the card has no script.
    ///
    /// # Errors
    /// When it is another file, or libtorch does not take it, or its answer is of a wrong shape.
    pub fn load(card: &NetworkCard, content: &[u8]) -> Result<Option<Arc<Self>>, Fault> {
        let Some(claimed) = &card.script else { return Ok(None) };
        let actual = blake3::hash(content).to_hex().to_string();
        if actual != claimed.blake3 {
            return Err(Fault::WeightsHash { claimed: claimed.blake3.clone(), actual });
        }
        let refused = |fault: TchError| Fault::Script(fault.to_string().lines().next().unwrap_or_default().to_owned());
        let mut module = CModule::load_data(&mut &content[..]).map_err(refused)?;
        module.f_set_eval().map_err(refused)?;
        let script = Self { module, gives: claimed.gives };
        let inputs = card.hidden.first().map_or(0, |hidden| hidden.units);
        let _guard = tch::no_grad_guard();
        let rows = Tensor::f_zeros([2, inputs as i64], (Kind::Float, tch::Device::Cpu)).map_err(refused)?;
        let found = script.logits(&rows).map_err(refused)?.size();
        let needed = [2, card.outputs as i64];
        if found != needed {
            return Err(Fault::Script(format!("gives {found:?} for two rows, the labels need {needed:?}")));
        }
        Ok(Some(Arc::new(script)))
    }

    /// The logits for rows of its inputs. One output is taken for the second of two classes.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn logits(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let given = self.module.forward_ts(&[inputs])?.f_to_kind(Kind::Float)?;
        let single = given.size().last() == Some(&1);
        match (self.gives, single) {
            (Gives::Logits, false) => Ok(given),
            (Gives::Logits, true) => Tensor::f_cat(&[given.f_zeros_like()?, given], -1),
            (Gives::Probabilities, false) => given.f_clamp_min(LEAST)?.f_log(),
            (Gives::Probabilities, true) => {
                let other = given.f_neg()?.f_add_scalar(1.0)?;
                Tensor::f_cat(&[other, given], -1)?.f_clamp_min(LEAST)?.f_log()
            }
        }
    }

    /// Gradients of a logit at the inputs: for each row that of its class.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn gradients(&self, inputs: &Tensor, classes: &[i64]) -> Result<Tensor, TchError> {
        let inputs = inputs.f_detach()?.f_requires_grad_(true)?;
        let classes = Tensor::f_from_slice(classes)?.f_unsqueeze(1)?;
        let chosen = self.logits(&inputs)?.f_gather(1, &classes, false)?.f_sum(Kind::Float)?;
        let mut found = Tensor::f_run_backward(&[chosen], &[&inputs], false, false)?;
        Ok(found.remove(0))
    }
}
