//! Where a pass through a network can be parted.

use super::{Fusion, Graph};

impl Graph {
    /// First steps of all parts but the first one, of about `parts` parts that are as large as one another. One value
    /// alone goes over each cut, and no operation.
    pub(crate) fn cuts(&self, fusion: &Fusion, parts: usize) -> Vec<usize> {
        let nodes = &self.nodes;
        let size = |at: usize| nodes[at].shape.iter().product::<usize>();
        let total: usize = (0..nodes.len()).map(size).sum();
        let (mut cuts, mut before) = (Vec::new(), 0);
        // In front of the first step there is the image alone.
        for at in 2..nodes.len() {
            before += size(at - 1);
            let is_due = before * parts >= total * (cuts.len() + 1);
            if is_due && cuts.len() + 1 < parts && self.is_free(fusion, at) {
                cuts.push(at);
            }
        }
        cuts
    }

    /// Whether the value before `cut` alone goes over it, and no operation.
    fn is_free(&self, fusion: &Fusion, cut: usize) -> bool {
        let over = (0..cut).filter(|at| self.nodes[*at].last_use >= cut);
        over.eq([cut - 1])
            && (0..cut).all(|at| fusion.chains[at].map_or(at, |chain| chain.end) < cut)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Architecture, MODELS, Overrides, Signature, graph::Fusion};

    #[test]
    fn one_value_goes_over_each_cut_and_parts_are_of_a_size() {
        for model in MODELS {
            let signature = Signature::images([3, 32, 32], 10);
            let graph = Architecture::named(model.name, Overrides::default())
                .and_then(|architecture| architecture.graph(&signature))
                .expect("a network of the zoo");
            let fusion = Fusion::of(&graph, &[]);
            assert_eq!(graph.cuts(&fusion, 1), [0_usize; 0]);
            let cuts = graph.cuts(&fusion, 4);
            let expected = if model.name.starts_with("mlp") { 1..4 } else { 2..4 };
            assert!(expected.contains(&cuts.len()), "{}: {cuts:?}", model.name);
            for cut in cuts {
                let inside = &graph.nodes[cut..];
                let inputs = inside.iter().flat_map(|node| &node.inputs);
                assert!(inputs.filter(|input| **input < cut).all(|input| *input == cut - 1));
            }
        }
    }
}
