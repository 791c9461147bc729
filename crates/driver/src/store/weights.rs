//! Names of the weights that a stage leaves in its folder.

/// Which weights of a network's training are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Those of the epoch that the validation split selected.
    Selected,
    /// Those after the last epoch.
    Last,
    /// Those after this epoch, from 1.
    After(usize),
}

impl Weights {
    /// Their file in the stage's folder.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Selected => "selected.bpk".to_owned(),
            Self::Last => "last.bpk".to_owned(),
            Self::After(epoch) => format!("epoch-{epoch:07}.bpk"),
        }
    }
}

/// File of the weights of a peer, from 0, in the folder of the stage that it learns in.
pub(crate) fn peer_file(at: usize, weights: Weights) -> String {
    format!("peer-{}-{}", at + 1, weights.file())
}
