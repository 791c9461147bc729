//! Tensors of an operation's state.

/// A tensor of the state, and its initial values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Name behind the layer's: `weight`, `bias`, `running_mean`.
    pub(crate) field: &'static str,
    /// PyTorch's: a linear layer's weight is `[outputs, inputs]`.
    pub(crate) shape: Vec<usize>,
    /// Distribution of its initial values.
    pub(crate) draw: Draw,
    /// Whether the module keeps it transposed, as Burn's linear layer does: `[inputs, outputs]`.
    pub(crate) transposed: bool,
}

/// Distribution of initial values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Uniform in ±1/√fan_in.
    Uniform {
        /// Inputs of a unit.
        fan_in: usize,
    },
    /// Weights of a convolution: uniform in ±1/√fan_in or, after He et al. 2015, in ±√(6/fan_out).
    Window {
        /// Inputs of an output, over the window.
        fan_in: usize,
        /// Outputs, over the window.
        fan_out: usize,
    },
    /// None: ones or zeros, which are learnt.
    Constant,
    /// None: ones or zeros, which training moves without learning them.
    Statistic,
}

impl Parameter {
    pub(crate) fn new(field: &'static str, shape: impl Into<Vec<usize>>, draw: Draw) -> Self {
        Self { field, shape: shape.into(), draw, transposed: false }
    }

    /// The same, which the module keeps transposed.
    pub(crate) fn transposed(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// Whether it is trained by gradients.
    pub(crate) fn is_learnt(&self) -> bool {
        self.draw != Draw::Statistic
    }

    /// How many numbers it has.
    pub(crate) fn count(&self) -> u64 {
        self.shape.iter().map(|side| *side as u64).product()
    }
}
