//! Weights that a file holds in parts: weight norm, spectral norm and pruning masks, computed as PyTorch does.

use std::collections::{BTreeMap, HashMap};

use super::tensor::FileTensor;

type Table = BTreeMap<String, FileTensor>;

/// How a weight is made of its parts.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Length and direction: `g · v / |v|`, over the axes in which `g` has one number. Salimans and Kingma 2016,
    /// arXiv:1602.07868.
    WeightNorm,
    /// Divided by its largest singular value, `uᵀ W v`. Miyato et al. 2018, arXiv:1802.05957.
    SpectralNorm,
    /// Times a mask of zeros and ones.
    Mask,
}

/// What a parametrisation keeps in place of `NAME`: of `torch.nn.utils` and of `torch.nn.utils.parametrizations`.
/// A part that begins with a dot stands below `parametrizations.NAME`.
const PARTS: [(Rule, &[&str]); 5] = [
    (Rule::WeightNorm, &["_g", "_v"]),
    (Rule::WeightNorm, &[".original0", ".original1"]),
    (Rule::SpectralNorm, &["_orig", "_u", "_v"]),
    (Rule::SpectralNorm, &[".original", ".0._u", ".0._v"]),
    (Rule::Mask, &["_orig", "_mask"]),
];

/// The table with each such weight in the place of its parts.
pub(super) fn computed(mut tensors: Table) -> Table {
    for (rule, parts) in PARTS {
        for (name, keys) in places(&tensors, parts) {
            let held: Option<Vec<&FileTensor>> = keys.iter().map(|key| tensors.get(key)).collect();
            let Some(held) = held else { continue };
            if tensors.contains_key(&name) || !held.iter().all(|part| part.is_floats()) {
                continue;
            }
            let weight = rule.weight(held.into_iter().cloned().collect());
            for key in keys {
                tensors.remove(&key);
            }
            tensors.insert(name, weight);
        }
    }
    tensors
}

/// Names of the weights whose first part is there, with the keys of all parts.
fn places(tensors: &Table, parts: &[&str]) -> HashMap<String, Vec<String>> {
    let mut places = HashMap::new();
    for key in tensors.keys() {
        let Some(stem) = key.strip_suffix(parts[0]) else { continue };
        let name = if parts[0].starts_with('.') {
            let Some((layer, name)) = stem.rsplit_once("parametrizations.") else { continue };
            format!("{layer}{name}")
        } else {
            stem.to_owned()
        };
        places.insert(name, parts.iter().map(|part| format!("{stem}{part}")).collect());
    }
    places
}

impl Rule {
    fn weight(self, parts: Vec<FileTensor>) -> FileTensor {
        let whole = match self {
            Self::WeightNorm => &parts[1],
            Self::SpectralNorm | Self::Mask => &parts[0],
        };
        let (kind, shape, table) = (whole.kind.clone(), whole.shape.clone(), whole.table);
        let weight = FileTensor::floats(kind, shape, move || self.numbers(&parts));
        weight.in_table(table)
    }

    fn numbers(self, parts: &[FileTensor]) -> Result<Vec<f32>, String> {
        let shapes: Vec<&[usize]> = parts.iter().map(|part| part.shape.as_slice()).collect();
        if !self.takes(&shapes) {
            return Err(format!("its parts are of the shapes {shapes:?}, which do not fit"));
        }
        let read: Vec<Vec<f32>> =
            parts.iter().map(FileTensor::numbers).collect::<Result<_, _>>()?;
        Ok(match self {
            Self::WeightNorm => weight_norm((&read[0], shapes[0]), (&read[1], shapes[1])),
            Self::SpectralNorm => spectral_norm(&read[0], &read[1], &read[2]),
            Self::Mask => read[0].iter().zip(&read[1]).map(|(w, mask)| w * mask).collect(),
        })
    }

    /// Whether parts of these shapes make a weight. Asked before any number is read.
    fn takes(self, shapes: &[&[usize]]) -> bool {
        match (self, shapes) {
            (Self::WeightNorm, [[], _]) => true,
            (Self::WeightNorm, [g, v]) => {
                g.len() == v.len() && g.iter().zip(*v).all(|(g, v)| *g == 1 || g == v)
            }
            (Self::SpectralNorm, [[rows, rest @ ..], [u], [v]]) => {
                rows == u && *u > 0 && *v > 0 && rest.iter().product::<usize>() == *v
            }
            (Self::Mask, [weight, mask]) => weight == mask,
            _ => false,
        }
    }
}

fn weight_norm((g, of_g): (&[f32], &[usize]), (v, of_v): (&[f32], &[usize])) -> Vec<f32> {
    let sizes = if of_g.is_empty() { vec![1; of_v.len()] } else { of_g.to_vec() };
    // Of each number of `v`, which one of `g` is its own.
    let mut owner = vec![0];
    for (of_g, of_v) in sizes.iter().zip(of_v) {
        let own =
            |place: usize| (0..*of_v).map(move |at| place * of_g + if *of_g == 1 { 0 } else { at });
        owner = owner.into_iter().flat_map(own).collect();
    }
    let mut squares = vec![0.0; g.len()];
    for (value, own) in v.iter().zip(&owner) {
        squares[*own] += f64::from(*value).powi(2);
    }
    let scaled = v
        .iter()
        .zip(&owner)
        .map(|(value, own)| (f64::from(*value) * f64::from(g[*own]) / squares[*own].sqrt()) as f32);
    scaled.collect()
}

fn spectral_norm(weight: &[f32], u: &[f32], v: &[f32]) -> Vec<f32> {
    let products = weight.chunks(v.len()).zip(u).map(|(row, u)| {
        let row: f64 = row.iter().zip(v).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum();
        f64::from(*u) * row
    });
    let sigma: f64 = products.sum();
    weight.iter().map(|weight| (f64::from(*weight) / sigma) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<const N: usize>(parts: [(&str, &[usize], &[f32]); N]) -> Table {
        let tensor = |(name, shape, numbers): (&str, &[usize], &[f32])| {
            let numbers = numbers.to_vec();
            let tensor = FileTensor::floats("f32", shape.to_vec(), move || Ok(numbers.clone()));
            (name.to_owned(), tensor)
        };
        parts.into_iter().map(tensor).collect()
    }

    fn weight(table: Table, name: &str) -> Vec<f32> {
        let table = computed(table);
        assert_eq!(table.keys().collect::<Vec<_>>(), [name], "the parts are gone");
        table[name].numbers().expect("numbers")
    }

    #[test]
    fn weight_norm_scales_rows_columns_or_all() {
        let v: &[f32] = &[3.0, 4.0, 0.0, 5.0];
        let old = table([("a.weight_g", &[2, 1], &[10.0, 1.0]), ("a.weight_v", &[2, 2], v)]);
        assert_eq!(weight(old, "a.weight"), [6.0, 8.0, 0.0, 1.0]);
        let new = table([
            ("a.parametrizations.weight.original0", &[1, 2], &[3.0, 41_f32.sqrt()]),
            ("a.parametrizations.weight.original1", &[2, 2], v),
        ]);
        assert_eq!(weight(new, "a.weight"), [3.0, 4.0, 0.0, 5.0]);
        let whole = table([("weight_g", &[], &[100_f32.sqrt()]), ("weight_v", &[2, 2], v)]);
        let expected = v.iter().map(|v| v * 10.0 / 50_f32.sqrt());
        for (given, expected) in weight(whole, "weight").iter().zip(expected) {
            assert!((given - expected).abs() < 1e-5, "{given}, expected {expected}");
        }
    }

    #[test]
    fn spectral_norm_divides_by_the_kept_singular_value() {
        let (w, u, v): (&[f32], &[f32], &[f32]) = (&[2.0, 0.0, 0.0, 1.0], &[1.0, 0.0], &[1.0, 0.0]);
        for names in [
            ["a.weight_orig", "a.weight_u", "a.weight_v"],
            [
                "a.parametrizations.weight.original",
                "a.parametrizations.weight.0._u",
                "a.parametrizations.weight.0._v",
            ],
        ] {
            let parts = [(names[0], &[2, 2][..], w), (names[1], &[2], u), (names[2], &[2], v)];
            assert_eq!(weight(table(parts), "a.weight"), [1.0, 0.0, 0.0, 0.5]);
        }
    }

    #[test]
    fn masks_of_weights_and_biases_are_applied() {
        let parts =
            [("fc.bias_orig", &[2][..], &[3.0, 4.0][..]), ("fc.bias_mask", &[2], &[0.0, 1.0])];
        assert_eq!(weight(table(parts), "fc.bias"), [0.0, 4.0]);
    }

    #[test]
    fn parts_that_do_not_belong_together_stay_or_are_refused() {
        let alone = computed(table([("a.weight_g", &[2, 1], &[1.0, 1.0])]));
        assert!(alone.contains_key("a.weight_g"), "half a weight is none");
        let unfit = computed(table([
            ("a.weight_g", &[3, 1], &[1.0; 3]),
            ("a.weight_v", &[2, 2], &[1.0; 4]),
        ]));
        let error = unfit["a.weight"].numbers().expect_err("refused");
        assert!(error.contains("[[3, 1], [2, 2]]"), "{error}");
    }
}
