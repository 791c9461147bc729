//! How many numbers a network holds while it learns and while it answers.

use super::{Fusion, Graph, Op, ops::Saved};

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
        let inside = match fused {
            true => self.inside(&fusion),
            false => vec![false; self.nodes.len()],
        };
        let steps = 0..self.nodes.len();
        let kept: Vec<u64> = steps.clone().map(|at| self.kept(at, fused, &inside)).collect();
        let cuts = self.cuts(&fusion, parts);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([self.nodes.len()]);
        let of_parts = starts.zip(ends).map(|(start, end)| kept[start..end].iter().sum());
        let largest: u64 = of_parts.max().unwrap_or(0);
        Footprint {
            kept: largest + cuts.iter().map(|cut| self.size(cut - 1)).sum::<u64>(),
            backward: 2 * steps.map(|at| self.size(at)).max().unwrap_or(0),
            answering: self.held_at_most(&inside),
        }
    }

    /// Numbers of a step's result.
    fn size(&self, at: usize) -> u64 {
        self.nodes[at].shape.iter().map(|side| *side as u64).product()
    }

    /// By step, whether its result is no value of its own: it lies within a chain, in front of the end.
    fn inside(&self, fusion: &Fusion) -> Vec<bool> {
        let mut inside = vec![false; self.nodes.len()];
        for (at, chain) in fusion.chains.iter().enumerate() {
            let mut step = at;
            while let Some(chain) = chain.filter(|chain| chain.end != step) {
                inside[step] = true;
                step = fusion.next[step].unwrap_or(chain.end);
            }
        }
        inside
    }

    /// Numbers that are kept of a step for the backward pass.
    fn kept(&self, at: usize, fused: bool, inside: &[bool]) -> u64 {
        if inside[at] || self.is_only_dropped_from(at) {
            return 0;
        }
        match (fused, self.nodes[at].op.saved()) {
            // A mask is made again by the CPU's own kernels.
            (true, _) => self.size(at),
            (false, Saved::Mask) => 2 * self.size(at),
            (false, Saved::Result) => self.size(at),
            (false, _) if self.readers(at).any(|op| op.saved() == Saved::Input) => self.size(at),
            (false, _) => 0,
        }
    }

    /// Whether dropout alone reads a value: what is dropped from is not looked at again.
    fn is_only_dropped_from(&self, at: usize) -> bool {
        let mut readers = self.readers(at).map(|op| op.saved() == Saved::Mask).peekable();
        readers.peek().is_some() && readers.all(|is_mask| is_mask)
    }

    fn readers(&self, at: usize) -> impl Iterator<Item = &Op> {
        let readers = self.nodes.iter().filter(move |node| node.inputs.contains(&at));
        readers.map(|node| &node.op)
    }

    /// Numbers that are there at a time, at the most, where nothing is kept.
    fn held_at_most(&self, inside: &[bool]) -> u64 {
        let held = |at: usize| if inside[at] { 0 } else { self.size(at) };
        let (mut there, mut most) = (0, 0);
        for (at, node) in self.nodes.iter().enumerate() {
            there += held(at);
            most = most.max(there);
            let mut inputs = node.inputs.clone();
            inputs.dedup();
            let gone = inputs.into_iter().filter(|input| self.nodes[*input].last_use <= at);
            there -= gone.map(held).sum::<u64>();
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Overrides, Signature};

    fn footprint(name: &str, overrides: Overrides, fused: bool) -> Footprint {
        let signature = Signature::images([1, 4, 4], 2);
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
