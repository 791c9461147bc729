//! Which steps of a graph are made in one: a norm and what follows it, a convolution and its norm.

use distill_kernels::Activation;

use super::{Graph, Node, Op};

/// What follows a norm, as far as nobody else looks at the values between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The step whose result is added.
    pub(crate) residual: Option<usize>,
    /// The nonlinearity.
    pub(crate) activation: Activation,
    /// Whether 2x2 pixels are pooled.
    pub(crate) pool: bool,
    /// The last step, whose result it is.
    pub(crate) end: usize,
}

/// For each step that is a norm, what is made together with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fusion {
    /// By step: the only one that reads its result, where nobody else looks at it.
    pub(crate) next: Vec<Option<usize>>,
    /// By step; `None` where it is no norm.
    pub(crate) chains: Vec<Option<Chain>>,
    /// By step: for a convolution that only a norm reads, that norm.
    pub(crate) norms: Vec<Option<usize>>,
}

impl Fusion {
    /// Values of the steps `seen` are kept apart.
    pub(crate) fn of(graph: &Graph, seen: &[usize]) -> Self {
        let nodes = &graph.nodes;
        let mut readers = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for input in &node.inputs {
                readers[*input].push(index);
            }
        }
        let reader = |index: usize| match readers[index][..] {
            [reader] if !seen.contains(&index) => Some(reader),
            _ => None,
        };
        let next: Vec<Option<usize>> = (0..nodes.len()).map(reader).collect();

        let is_norm = |index: usize| matches!(nodes[index].op, Op::BatchNorm(_));
        let chains = (0..nodes.len())
            .map(|index| is_norm(index).then(|| chain(nodes, &next, index)))
            .collect();
        let mut norms = vec![None; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            if matches!(node.op, Op::Conv(_)) {
                norms[index] =
                    next[index].filter(|reader| *reader == index + 1 && is_norm(*reader));
            }
        }
        Self { next, chains, norms }
    }
}

/// What is made together with the step `norm`; `next` is the only reader of each step.
fn chain(nodes: &[Node], next: &[Option<usize>], norm: usize) -> Chain {
    let mut chain =
        Chain { residual: None, activation: Activation::Identity, pool: false, end: norm };
    while let Some(reader) = next[chain.end] {
        let node = &nodes[reader];
        let plain = chain.activation == Activation::Identity && !chain.pool;
        match &node.op {
            // What is added has to be there before the norm is made.
            Op::Add(_) if plain && chain.residual.is_none() => {
                let other = node.inputs.iter().copied().find(|input| *input != chain.end);
                let Some(other) = other.filter(|other| *other < norm) else { break };
                chain.residual = Some(other);
            }
            Op::Activation(activation) if plain => chain.activation = *activation,
            Op::MaxPool(pool) if pool.halves() && !chain.pool && chain.residual.is_none() => {
                chain.pool = true;
            }
            _ => break,
        }
        chain.end = reader;
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Overrides, Signature};

    fn fusion(name: &str, tapped: bool) -> (Graph, Fusion) {
        let signature = Signature::images([3, 32, 32], 10);
        let graph = Architecture::named(name, Overrides::default())
            .and_then(|architecture| architecture.graph(&signature))
            .expect("a network of the zoo");
        let all: Vec<usize> = graph.taps.iter().map(|(_, node)| *node).collect();
        let fusion = Fusion::of(&graph, if tapped { &all } else { &[] });
        (graph, fusion)
    }

    #[test]
    fn a_vgg_is_convolutions_with_what_follows_them() {
        let (graph, fusion) = fusion("vgg-small", false);
        let chains: Vec<Chain> = fusion.chains.iter().flatten().copied().collect();
        assert_eq!(fusion.norms.iter().flatten().count(), chains.len());
        assert!(chains.iter().all(|chain| chain.activation == Activation::Relu));
        let pools = chains.iter().filter(|chain| chain.pool).count();
        let all = graph.nodes.iter().filter(|node| matches!(node.op, Op::MaxPool(_))).count();
        assert_eq!(pools, all);
    }

    #[test]
    fn a_residual_block_adds_and_rectifies_behind_its_second_norm() {
        let (_, fusion) = fusion("resnet20", false);
        let chains: Vec<Chain> = fusion.chains.iter().flatten().copied().collect();
        assert_eq!(chains.len(), 19);
        let sums = chains.iter().filter(|chain| chain.residual.is_some()).count();
        // Where the width changes, the shortcut is made behind the norm and is not there yet.
        assert_eq!(sums, 7);
    }

    #[test]
    fn a_value_at_a_tap_is_kept() {
        let (graph, fused) = fusion("vgg8", true);
        for (_, tapped) in &graph.taps {
            let inside = fused.chains.iter().flatten().enumerate();
            let mut inside = inside.filter(|(_, chain)| chain.end > *tapped);
            assert!(inside.all(|(_, chain)| !chain.pool || chain.end != tapped + 1));
        }
        let (_, free) = fusion("vgg8", false);
        assert_ne!(free, fused);
    }
}
