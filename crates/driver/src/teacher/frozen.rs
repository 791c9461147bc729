//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Tensor},
};
use distill_datasets::{DataError, Input, Loader};
use distill_models::{Feature, Graph, Network};
use distill_objective::{Average, Specialist, ensemble_logits, specialist_logits};

use crate::{DriverError, Preprocessing, evaluation::Predictions};

/// Frozen networks with the output of one: logits, and of one network features too.
#[derive(Debug, Clone)]
pub struct Teacher {
    /// At least one.
    members: Vec<Member>,
    together: Together,
}

#[derive(Debug, Clone)]
struct Member {
    network: Network,
    preprocessing: Preprocessing,
}

/// How several networks make one output.
#[derive(Debug, Clone)]
enum Together {
    /// Their mean, with the share of each.
    Mean { shares: Vec<f64>, average: Average, temperature: f64 },
    /// A generalist, and specialists with the classes and the dustbin's shift of each.
    Specialists { own: Vec<(Vec<bool>, f64)>, top: usize },
}

impl Teacher {
    /// Freezes `network`: dropout off, running statistics fixed, no gradients, single precision.
    pub fn new(network: &Network, preprocessing: impl Into<Preprocessing>) -> Self {
        Self::ensemble([(network.clone(), preprocessing, 1.0)], Average::Geometric, 1.0)
    }

    /// Several networks with their shares, which sum to 1, as one: [`ensemble_logits`] of their logits.
    ///
    /// # Panics
    /// Without networks.
    pub fn ensemble(
        networks: impl IntoIterator<Item = (Network, impl Into<Preprocessing>, f64)>,
        average: Average,
        temperature: f64,
    ) -> Self {
        let (mut members, mut shares) = (Vec::new(), Vec::new());
        for (network, preprocessing, share) in networks {
            members.push(frozen(&network, preprocessing));
            shares.push(share);
        }
        assert!(!members.is_empty(), "an ensemble has members");
        Self { members, together: Together::Mean { shares, average, temperature } }
    }

    /// A generalist with specialists, each with the classes that are its own and the shift of its dustbin, as one:
    /// [`specialist_logits`] of their logits.
    pub fn specialists(
        generalist: (Network, impl Into<Preprocessing>),
        specialists: impl IntoIterator<Item = (Network, impl Into<Preprocessing>, Vec<bool>, f64)>,
        top: usize,
    ) -> Self {
        let (network, preprocessing) = generalist;
        let mut members = vec![frozen(&network, preprocessing)];
        let mut own = Vec::new();
        for (network, preprocessing, classes, dustbin_shift) in specialists {
            members.push(frozen(&network, preprocessing));
            own.push((classes, dustbin_shift));
        }
        Self { members, together: Together::Specialists { own, top } }
    }

    /// The same, whose networks compute in `precision`: [`Network::computing_in`].
    #[must_use]
    pub fn computing_in(mut self, precision: FloatDType) -> Self {
        for member in &mut self.members {
            member.network = member.network.clone().computing_in(precision);
        }
        self
    }

    /// The same for evaluation: a mean of unsoftened probabilities.
    #[must_use]
    pub fn for_evaluation(mut self) -> Self {
        if let Together::Mean { temperature, .. } = &mut self.together {
            *temperature = 1.0;
        }
        self
    }

    /// Logits of a batch, without a gradient: each network has its own preprocessing of the input.
    ///
    /// # Shapes
    /// - `input`: as [`Input`] says: images `[batch, channels, height, width]`, pixels as fractions in `[0, 1]`
    /// - output: `[rows, classes]`, on the plain device
    ///
    /// # Errors
    /// [`DataError::Batch`] for input that a network does not take.
    pub fn logits(&self, input: impl Into<Input>) -> Result<Tensor<2>, DataError> {
        let input = input.into().without_autodiff();
        let mut logits = Vec::new();
        for member in &self.members {
            logits.push(member.network.forward(member.preprocessing.apply(input.clone())?));
        }
        Ok(match &self.together {
            Together::Mean { .. } if logits.len() == 1 => logits.remove(0),
            Together::Mean { shares, average, temperature } => {
                let shared = logits.into_iter().zip(shares.iter().copied());
                ensemble_logits(shared, *average, *temperature)
            }
            Together::Specialists { own, top } => {
                let generalist = logits.remove(0);
                let specialists: Vec<Specialist> = logits
                    .into_iter()
                    .zip(own.iter().cloned())
                    .map(|(logits, (own, dustbin_shift))| Specialist { logits, own, dustbin_shift })
                    .collect();
                specialist_logits(generalist, &specialists, *top)
            }
        })
    }

    /// The same, read back: the rows one after another.
    pub(crate) fn logits_on_host(&self, input: Input) -> Result<Vec<f32>, DataError> {
        Ok(self.logits(input)?.into_data().iter::<f32>().collect())
    }

    /// Logits of everything that `loader` gives, in its order.
    ///
    /// # Errors
    /// [`DataError`] where a batch cannot be read.
    pub fn predictions(&self, loader: &Loader, device: &Device) -> Result<Predictions, DataError> {
        Predictions::collect(loader, device, |input| self.logits_on_host(input))
    }

    /// The same logits, and the [selected](Self::select) features where they are asked for.
    ///
    /// # Errors
    /// As those of [`logits`](Self::logits).
    pub fn outputs(
        &self,
        input: Input,
        with_features: bool,
    ) -> Result<(Tensor<2>, Vec<Feature>), DataError> {
        match &self.members[..] {
            [one] if with_features => {
                let input = one.preprocessing.apply(input.without_autodiff())?;
                Ok(one.network.forward_with_features(input))
            }
            _ => Ok((self.logits(input)?, Vec::new())),
        }
    }

    /// Names the features of its output; an ensemble has none.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the network has not.
    pub fn select(&mut self, taps: &[&str]) -> Result<(), DriverError> {
        if let [one] = &mut self.members[..] {
            one.network = one.network.clone().selecting(taps)?;
        }
        Ok(())
    }

    /// Layers and taps, of an ensemble those of its first network.
    pub fn graph(&self) -> &Graph {
        self.members[0].network.graph()
    }
}

fn frozen(network: &Network, preprocessing: impl Into<Preprocessing>) -> Member {
    let network = network.valid().computing_in(FloatDType::F32);
    Member { network, preprocessing: preprocessing.into() }
}
