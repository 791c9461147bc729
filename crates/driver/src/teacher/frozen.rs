//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Tensor},
};
use distill_datasets::{DataError, Loader};
use distill_models::{Graph, Network, Tap};
use distill_objective::{Average, Specialist, ensemble_logits, specialist_logits};

use crate::{DriverError, View, evaluation::Predictions};

/// Frozen networks that answer as one with logits; one network also with features where it is asked.
#[derive(Debug, Clone)]
pub struct Teacher {
    /// At least one.
    members: Vec<Member>,
    together: Together,
}

#[derive(Debug, Clone)]
struct Member {
    network: Network,
    view: View,
}

/// How several answer as one.
#[derive(Debug, Clone)]
enum Together {
    /// Their mean, with the share of each.
    Mean { shares: Vec<f64>, average: Average, temperature: f64 },
    /// A generalist, and specialists with the classes and the dustbin's shift of each.
    Specialists { own: Vec<(Vec<bool>, f64)>, top: usize },
}

impl Teacher {
    /// Freezes `network`: dropout off, running statistics fixed, no gradients, single precision.
    pub fn new(network: &Network, view: View) -> Self {
        Self::ensemble([(network.clone(), view, 1.0)], Average::Geometric, 1.0)
    }

    /// Several networks with their shares, which sum to 1, as one: [`ensemble_logits`] of their logits.
    ///
    /// # Panics
    /// Without networks.
    pub fn ensemble(
        networks: impl IntoIterator<Item = (Network, View, f64)>,
        average: Average,
        temperature: f64,
    ) -> Self {
        let (mut members, mut shares) = (Vec::new(), Vec::new());
        for (network, view, share) in networks {
            members.push(frozen(&network, view));
            shares.push(share);
        }
        assert!(!members.is_empty(), "an ensemble has members");
        Self { members, together: Together::Mean { shares, average, temperature } }
    }

    /// A generalist with specialists, each with the classes that are its own and the shift of its dustbin, as one:
    /// [`specialist_logits`] of their logits.
    pub fn specialists(
        generalist: (Network, View),
        specialists: impl IntoIterator<Item = (Network, View, Vec<bool>, f64)>,
        top: usize,
    ) -> Self {
        let (network, view) = generalist;
        let mut members = vec![frozen(&network, view)];
        let mut own = Vec::new();
        for (network, view, classes, dustbin_shift) in specialists {
            members.push(frozen(&network, view));
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

    /// Logits of a batch, without a gradient: the teacher looks at the student's images in its own way.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, pixels as fractions in `[0, 1]`
    /// - output: `[batch, classes]`, on the plain device
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let images = images.without_autodiff();
        let answer = |member: &Member| member.network.forward(member.view.apply(images.clone()));
        let (first, others) = self.members.split_first().expect("a teacher has a network");
        match &self.together {
            Together::Mean { .. } if others.is_empty() => answer(first),
            Together::Mean { shares, average, temperature } => {
                let logits = self.members.iter().map(answer).zip(shares.iter().copied());
                ensemble_logits(logits, *average, *temperature)
            }
            Together::Specialists { own, top } => {
                let specialist = |(member, (own, shift)): (&Member, &(Vec<bool>, f64))| {
                    Specialist { logits: answer(member), own: own.clone(), dustbin_shift: *shift }
                };
                let specialists: Vec<Specialist> = others.iter().zip(own).map(specialist).collect();
                specialist_logits(answer(first), &specialists, *top)
            }
        }
    }

    /// The same, read back: the rows one after another.
    pub(crate) fn logits_on_host(&self, images: Tensor<4>) -> Vec<f32> {
        self.logits(images).into_data().iter::<f32>().collect()
    }

    /// Logits of everything that `loader` gives, in its order.
    ///
    /// # Errors
    /// [`DataError`] where a batch cannot be read.
    pub fn predictions(&self, loader: &Loader, device: &Device) -> Result<Predictions, DataError> {
        Predictions::collect(loader, device, |images| Ok(self.logits_on_host(images)))
    }

    /// The same logits, and the features that are [watched](Self::watch) where they are asked for.
    pub fn answers(&self, images: Tensor<4>, with_features: bool) -> (Tensor<2>, Vec<Tap>) {
        match &self.members[..] {
            [one] if with_features => {
                one.network.forward_with_taps(one.view.apply(images.without_autodiff()))
            }
            _ => (self.logits(images), Vec::new()),
        }
    }

    /// Names the features that it answers with; an ensemble has none.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the network has not.
    pub fn watch(&mut self, taps: &[&str]) -> Result<(), DriverError> {
        if let [one] = &mut self.members[..] {
            one.network = one.network.clone().watching(taps)?;
        }
        Ok(())
    }

    /// Layers and taps, of an ensemble those of its first network.
    pub fn graph(&self) -> &Graph {
        self.members[0].network.graph()
    }
}

fn frozen(network: &Network, view: View) -> Member {
    Member { network: network.valid().computing_in(FloatDType::F32), view }
}
