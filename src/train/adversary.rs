//! An adversary that guesses which capture a row is of, from what the network makes of it, given the row's class. The network learns to
//! give it nothing to go by: what tells captures apart within a class is of places, not of the class.
//!
//! Source: Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation" (2015), with the class given to the adversary as by
//! Long and others, "Conditional adversarial domain adaptation" (2018): captures differ in their classes, and that must stay.

use tch::nn::{Path, VarStore};
use tch::{Kind, Reduction, Tensor};

use super::TrainError;

/// The capture of a made-up row, which nobody guesses.
pub const NONE: i64 = -100;

/// The adversary: one linear layer, and what each class alone says.
pub struct Adversary {
    weight: Tensor,
    of_class: Tensor,
    share: f64,
}

impl Adversary {
    /// One that looks at `units`; `share` is how much the network heeds it.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn new(variables: &VarStore, [units, classes, captures]: [usize; 3], share: f64) -> Result<Self, TrainError> {
        let root = variables.root();
        Ok(Self {
            weight: nothing(&root, "adversary_weight", [units, captures])?,
            of_class: nothing(&root, "adversary_class", [classes, captures])?,
            share,
        })
    }

    /// What it loses on rows of these classes and captures, by what the network makes of them; to lessen this is to make the network
    /// lose it more.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn loss(&self, made: &Tensor, labels: &Tensor, captures: &[i64]) -> Result<Tensor, TrainError> {
        // the same values, but their gradient turned round
        let turned = made.f_detach()?.f_mul_scalar(1.0 + self.share)?.f_sub(&made.f_mul_scalar(self.share)?)?;
        let by_class = self.of_class.f_index_select(0, labels)?;
        let guesses = turned.f_matmul(&self.weight)?.f_add(&by_class)?.f_log_softmax(-1, Kind::Float)?;
        Ok(guesses.f_nll_loss(&Tensor::f_from_slice(captures)?, None::<Tensor>, Reduction::Mean, NONE)?)
    }
}

/// A variable that says nothing yet.
fn nothing(root: &Path<'_>, name: &str, shape: [usize; 2]) -> Result<Tensor, TrainError> {
    let zeros = Tensor::f_from_slice(&vec![0f32; shape[0] * shape[1]])?;
    Ok(root.var_copy(name, &zeros.f_view(shape.map(|size| size as i64))?))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn what_helps_the_adversary_is_turned_against_the_network() {
        let variables = VarStore::new(Device::Cpu);
        let adversary = Adversary::new(&variables, [1, 1, 2], 0.5).expect("made");
        let (made, labels) = (Tensor::from_slice(&[1.0f32, -1.0, 9.0]).view([3, 1]), Tensor::from_slice(&[0i64, 0, 0]));
        let made = made.set_requires_grad(true);
        let mut weight = adversary.weight.shallow_clone();
        tch::no_grad(|| weight.copy_(&Tensor::from_slice(&[1.0f32, -1.0]).view([1, 2])));
        let loss = adversary.loss(&made, &labels, &[0, 1, NONE]).expect("reckoned");
        assert!(loss.double_value(&[]) < 0.2, "it knows both captures, and of the third row there is none");
        loss.backward();
        let gradient = Vec::<f32>::try_from(made.grad().view([3])).expect("numbers");
        assert!(
            gradient[0] > 0.0 && gradient[1] < 0.0 && gradient[2] == 0.0,
            "{gradient:?}: down is towards each other"
        );
    }
}
