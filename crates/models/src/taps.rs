use burn::tensor::Tensor;

/// Features of a network at a named place, `[batch, channels, height, width]`; a perceptron's are
/// `[batch, units, 1, 1]`.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Place in the network: `block1`, `hidden2`.
    pub name: String,
    /// The features.
    pub features: Tensor<4>,
}

/// Receives features while a network runs. Nothing is kept where nobody asked.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Option<Vec<Tap>>);

impl Recorder {
    pub(crate) fn off() -> Self {
        Self(None)
    }

    pub(crate) fn on() -> Self {
        Self(Some(Vec::new()))
    }

    pub(crate) fn record(&mut self, name: impl FnOnce() -> String, features: &Tensor<4>) {
        if let Some(taps) = &mut self.0 {
            taps.push(Tap { name: name(), features: features.clone() });
        }
    }

    pub(crate) fn into_taps(self) -> Vec<Tap> {
        self.0.unwrap_or_default()
    }
}
