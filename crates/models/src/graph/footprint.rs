//! How many numbers a network holds while it learns and while it answers.

use super::{Fusion, Graph, Op};

/// Numbers that a network holds for one image, weights aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Kept from the forward pass for the backward pass.
    pub kept: u64,
    /// The largest value and its gradients, which come on top of that.
    pub backward: u64,
    /// What is there at a time where nothing is kept, at the most.
    pub answering: u64,
}

impl Graph {
    /// What the network holds: where `fused`, a norm, its activation and pooling keep one value and not one each, as
    /// on the CPU's own kernels. In several parts one part's values are kept at a time, and what each begins with.
    pub fn footprint(&self, fused: bool, parts: usize) -> Footprint {
        let fusion = Fusion::of(self, &[]);
        let size = |at: usize| self.nodes[at].shape.iter().map(|n| *n as u64).product::<u64>();
        let mut inside = vec![false; self.nodes.len()];
        for (at, chain) in fusion.chains.iter().enumerate().filter(|_| fused) {
            let mut step = at;
            while let Some(chain) = chain.filter(|chain| chain.end != step) {
                inside[step] = true;
                step = fusion.next[step].unwrap_or(chain.end);
            }
        }
        let is_dropout = |at: usize| matches!(self.nodes[at].op, Op::Dropout { .. });
        // What is dropped from is not looked at again; a mask is, where it is not one of the CPU's own kernels that
        // asks for it again.
        let only_dropped = |at: usize| {
            let mut readers = (0..self.nodes.len()).filter(|r| self.nodes[*r].inputs.contains(&at));
            readers.next().is_some_and(is_dropout) && readers.all(is_dropout)
        };
        let is_kept =
            |at: &usize| !inside[*at] && !only_dropped(*at) && (fused || self.is_looked_at(*at));
        let kept = |at: usize| size(at) * (1 + u64::from(!fused && is_dropout(at)));
        let held = |at: usize| if inside[at] { 0 } else { size(at) };
        let (mut there, mut most) = (0, 0);
        for (at, node) in self.nodes.iter().enumerate() {
            there += held(at);
            most = most.max(there);
            let mut inputs = node.inputs.clone();
            inputs.dedup();
            let gone = inputs.into_iter().filter(|input| self.nodes[*input].last_use <= at);
            there -= gone.map(held).sum::<u64>();
        }
        let cuts = self.cuts(&fusion, parts);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([self.nodes.len()]);
        let of_part = |(start, end): (usize, usize)| (start..end).filter(is_kept).map(kept).sum();
        let largest: u64 = starts.zip(ends).map(of_part).max().unwrap_or(0);
        Footprint {
            kept: largest + cuts.iter().map(|cut| size(cut - 1)).sum::<u64>(),
            backward: 2 * (0..self.nodes.len()).map(size).max().unwrap_or(0),
            answering: most,
        }
    }

    /// Whether a backward pass of separate operations looks at a value: those of sums and rearrangements do not.
    fn is_looked_at(&self, at: usize) -> bool {
        let reads = |op: &Op| {
            matches!(
                op,
                Op::Conv(_) | Op::Linear { .. } | Op::Norm { .. } | Op::MaxPool(_) | Op::Relu6
            )
        };
        let read = self.nodes.iter().any(|node| node.inputs.contains(&at) && reads(&node.op));
        read || matches!(self.nodes[at].op, Op::Relu | Op::Dropout { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Overrides, Signature};

    fn footprint(name: &str, overrides: Overrides, fused: bool) -> Footprint {
        let signature = Signature { channels: 1, height: 4, width: 4, classes: 2 };
        Architecture::named(name, overrides)
            .and_then(|architecture| architecture.graph(&signature))
            .expect("a network of the zoo")
            .footprint(fused, 1)
    }

    #[test]
    fn a_small_vgg_is_counted_by_hand() {
        let overrides = Overrides { blocks: Some(vec![vec![2]]), ..Default::default() };
        // Image 16, convolution 32, pooled 8, their mean 2, logits 2.
        let fused = footprint("vgg-small", overrides.clone(), true);
        let expected = Footprint { kept: 60, backward: 64, answering: 48 };
        assert_eq!(fused, expected);
        // Elsewhere the ReLU is a value of its own, and what is only averaged, or returned, is not kept.
        let apart = footprint("vgg-small", overrides.clone(), false);
        assert_eq!(apart.kept, 16 + 32 + 32 + 2);
        assert_eq!(apart.answering, 32 + 32, "a convolution and its norm");
        // What is dropped from is let go. The mask, of the same size as the image, is only kept elsewhere.
        let dropping = Overrides { dropout: Some(0.5), ..overrides };
        assert_eq!(footprint("vgg-small", dropping.clone(), true).kept, fused.kept);
        assert_eq!(footprint("vgg-small", dropping, false).kept, apart.kept + 16);
    }
}
