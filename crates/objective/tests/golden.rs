//! Known answers, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Bool, Device, Gradients, Int, Tensor, TensorData},
};
use distill_objective::{
    Connectors, Contrast, Features, Objective, Signals, TermConfig, rand_core::RngCore,
};
use distill_testkit::{
    Case, Golden, Numbers, cpu_devices, matrix, read_golden, relative_l2, values,
};

macro_rules! golden {
    ($($test:ident: $file:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            check($file);
        })*
    };
}

golden! {
    cross_entropy: "cross_entropy",
    soft_targets: "soft_targets",
    soft_cross_entropy: "soft_cross_entropy",
    logit_mse: "logit_mse",
    weighted_soft_targets: "weighted_soft_targets",
    decoupled: "decoupled",
    dist: "dist",
    top_k: "top_k",
    reverse_kl: "reverse_kl",
    jensen_shannon: "jensen_shannon",
    skewed_kl: "skewed_kl",
    standardised_logits: "standardised",
    masked_and_weighted_rows: "masked",
    hint: "hint",
    attention: "attention",
    nst: "nst",
    pkt: "pkt",
    similarity: "similarity",
    correlation: "correlation",
    rkd: "rkd",
    vid: "vid",
    overhaul: "overhaul",
    crd: "crd",
    review: "review",
}

/// Values that others published or computed in double precision on the reference vectors.
#[test]
fn the_reference_vectors_give_their_published_values() {
    let case = &read_golden("tests/golden/soft_targets.json").cases[0];
    let device = Device::flex();
    for (term, expected) in [
        (r#"{"term": "decoupled"}"#, 4.897_566_228_7),
        (r#"{"term": "decoupled", "non_target": 0}"#, 0.671_991_684_9),
        (r#"{"term": "decoupled", "target": 0, "non_target": 1}"#, 0.528_196_818_0),
        (r#"{"term": "dist", "temperature": 1, "intra": 0, "weight": 1}"#, 0.190_331_777_0),
        (r#"{"term": "dist", "temperature": 1, "inter": 0, "weight": 1}"#, 0.295_546_815_5),
        (r#"{"term": "dist", "weight": 1}"#, 6.404_224_749_0),
        (r#"{"term": "reverse-kl"}"#, 0.692_121_507_2),
        // T² = 4 of the published mean.
        (
            r#"{"term": "soft-targets", "temperature": 2, "standardise": true}"#,
            4.0 * 0.035_215_487_9,
        ),
        (r#"{"term": "jensen-shannon", "mixing": 0.1}"#, 0.036_627_779_4),
        (r#"{"term": "jensen-shannon"}"#, 0.113_913_634_3),
        (r#"{"term": "jensen-shannon", "mixing": 0.9}"#, 0.052_898_782_1),
    ] {
        let signals = signals(matrix(&case.student, &device), case, &device);
        let value = values(objective(&[term]).evaluate(&signals).unwrap().total)[0];
        // The reference's ε weighs on DIST's norms, ours does not.
        let bound = if term.contains("dist") { 1e-5 } else { 2e-6 };
        assert!(
            (value - expected).abs() < bound * expected.max(1.0),
            "{term}: {value}, {expected}"
        );
    }
}

/// Sums and relations that others published on the reference vectors.
#[test]
fn published_sums_and_relations_have_their_values() {
    let case = &read_golden("tests/golden/soft_targets.json").cases[0];
    let device = Device::flex();
    let features = |rows: &[Vec<f64>]| -> Features {
        [("logits", matrix(rows, &device).reshape([3, 5, 1, 1]))].into_iter().collect()
    };
    let signals = signals(matrix(&case.student, &device), case, &device)
        .with_features(features(&case.student), features(&case.teacher));
    let hard = |weight| format!(r#"{{"term": "cross-entropy", "weight": {weight}}}"#);
    let terms = |soft: &str, weight: f64| vec![soft.to_owned(), hard(weight)];
    for (terms, expected) in [
        (
            terms(r#"{"term": "soft-targets", "temperature": 4, "weight": 0.9}"#, 0.1),
            0.987_443_047_1,
        ),
        (
            terms(
                r#"{"term": "soft-targets", "temperature": 2, "standardise": true, "weight": 9}"#,
                0.1,
            ),
            1.353_840_251_9,
        ),
        (vec![r#"{"term": "rkd", "distance": 1, "angle": 0}"#.to_owned()], 0.004_367_519_6),
        (vec![r#"{"term": "rkd", "distance": 0, "angle": 1}"#.to_owned()], 0.007_620_048_3),
        (vec![r#"{"term": "rkd"}"#.to_owned()], 0.490_190_403_0),
    ] {
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let value = values(objective(&terms).evaluate(&signals).unwrap().total)[0];
        assert!((value - expected).abs() < 2e-6, "{terms:?}: {value}, {expected}");
    }
}

/// `100·KLDivLoss(reduction="mean") + 0.5·CE` of the labml.ai tutorial at T = 5, on the five
/// classes of the reference vectors: 100 / 5 classes = 20 = 0.8·T².
#[test]
fn the_tutorials_loss_is_a_weighted_sum_of_ours() {
    let golden = read_golden("tests/golden/soft_targets.json");
    let case = &golden.cases[0];
    for (backend, device) in cpu_devices() {
        let signals = signals(matrix(&case.student, &device), case, &device);
        let objective = objective(&[
            r#"{"term": "soft-targets", "temperature": 5, "weight": 0.8}"#,
            r#"{"term": "cross-entropy", "weight": 0.5}"#,
        ]);
        let total = values(objective.evaluate(&signals).unwrap().total)[0];
        let expected = 100.0 * 0.008_100_294_8 + 0.5 * 0.860_826_886_5;
        assert!((total - expected).abs() < 2e-6, "{backend}: {total}, expected {expected}");
        assert!((total - 1.240_442_924_6).abs() < 2e-6, "{backend}: {total}");
    }
}

/// The same loss on ten classes, where it is `0.40·T²·KL(T=5) + 0.50·CE`: PyTorch's "mean" divides
/// by batch and classes, so it is computed here that way from plain probabilities.
#[test]
fn the_tutorials_loss_on_ten_classes_has_the_printed_formula() {
    let golden = read_golden("tests/golden/soft_targets.json");
    let case = golden.cases.iter().find(|case| case.name == "ten classes, T=5.0").unwrap();
    let softmax = |row: &[f64], t: f64| {
        let exps: Vec<f64> = row.iter().map(|z| (z / t).exp()).collect();
        let sum: f64 = exps.iter().sum();
        exps.into_iter().map(|e| e / sum).collect::<Vec<_>>()
    };
    let (mut kl_mean, mut ce) = (0.0, 0.0);
    for ((s, t), label) in case.student.iter().zip(&case.teacher).zip(&case.labels) {
        for (p_s, p_t) in softmax(s, 5.0).iter().zip(softmax(t, 5.0)) {
            kl_mean += p_t * (p_t / p_s).ln();
        }
        ce -= softmax(s, 1.0)[*label as usize].ln();
    }
    kl_mean /= (case.student.len() * 10) as f64;
    ce /= case.student.len() as f64;

    let objective = objective(&[
        r#"{"term": "soft-targets", "temperature": 5, "weight": 0.4}"#,
        r#"{"term": "cross-entropy", "weight": 0.5}"#,
    ]);
    assert_eq!(objective.formula(), "0.40·T²·KL(T=5) + 0.50·CE");
    for (backend, device) in cpu_devices() {
        let signals = signals(matrix(&case.student, &device), case, &device);
        let total = values(objective.evaluate(&signals).unwrap().total)[0];
        let expected = 100.0 * kl_mean + 0.5 * ce;
        assert!((total / expected - 1.0).abs() < 1e-6, "{backend}: {total}, expected {expected}");
    }
}

fn check(name: &str) {
    let golden: Golden = read_golden(format!("tests/golden/{name}.json"));
    assert!(golden.cases.len() >= 4, "{name}: a golden file with all its cases");
    for (backend, device) in cpu_devices() {
        for case in &golden.cases {
            check_case(case, &device, &format!("{name}, {}, {backend}", case.name));
        }
    }
}

fn check_case(case: &Case, device: &Device, place: &str) {
    let student = matrix(&case.student, &device.clone().autodiff()).require_grad();
    let tracked = |numbers: &Numbers| map(numbers, &device.clone().autodiff()).require_grad();
    let maps: Vec<Tensor<4>> = case.student_features.iter().map(tracked).collect();
    let named = case.student_features.iter().map(|numbers| &numbers.name);
    let signals = signals(student.clone(), case, device)
        .with_features(named.zip(maps.clone()).collect(), features(&case.teacher_features, device));
    let objective = objective(&[&case.term.to_string()]);
    let mut connectors = connectors(&objective, &signals, case);
    let as_given = connectors.clone();
    let total = objective.evaluate_with(&signals, &mut connectors).unwrap().total;
    let loss = values(total.clone())[0];
    // Terms of about one nat cancel in f32 before T² and a factor are applied to what is left.
    let number = |field: &str| case.term[field].as_f64().unwrap_or(1.0);
    let scale = number("temperature").powi(2) * number("non_target").max(1.0);
    let allowed = 2e-6 * case.loss.abs() + 1e-7 * scale;
    let off = (loss - case.loss).abs();
    assert!(off < allowed, "{place}: {loss}, expected {}", case.loss);

    let gradients = total.backward();
    let close = |what: &str, ours: Option<Vec<f64>>, expected: &[f64], bound: f64| {
        let ours = ours.unwrap_or_else(|| vec![0.0; expected.len()]);
        let off = relative_l2(&ours, expected);
        assert!(off < bound, "{place}: {what} off by {off:e} relative");
    };
    let expected: Vec<f64> = case.gradient.iter().flatten().copied().collect();
    close("gradient", student.grad(&gradients).map(values), &expected, 5e-6);
    // A norm over two values shows how they differ, whose digits are few where they are alike, and lets almost
    // no gradient through: such a rest is held to a share of the largest gradient.
    let norm = |values: &Vec<f64>| relative_l2(values, &vec![0.0; values.len()]);
    let all = || case.student_features.iter().chain(&case.connector);
    let largest = all().filter_map(|n| n.gradient.as_ref()).map(norm).fold(0.0, f64::max);
    let digits = if case.student.len() == 2 { 1e-4 } else { 2e-5 };
    let bound = |expected: &Vec<f64>| digits * (0.01 * largest / norm(expected)).max(1.0);
    for (numbers, map) in case.student_features.iter().zip(&maps) {
        let expected = numbers.gradient.as_ref().expect("the student's have a gradient");
        close(&numbers.name, map.grad(&gradients).map(values), expected, bound(expected));
    }
    for (at, numbers) in case.connector.iter().enumerate() {
        if let Some(expected) = &numbers.gradient {
            let ours = tensors(&as_given, &case.connector, Some(&gradients)).remove(at);
            close(&numbers.name, ours, expected, bound(expected));
        }
        if let Some(expected) = &numbers.after {
            let ours = tensors(&connectors, &case.connector, None).remove(at);
            close(&numbers.name, ours, expected, 2e-6);
        }
    }
}

fn signals(student: Tensor<2>, case: &Case, device: &Device) -> Signals {
    let device =
        if student.device().is_autodiff() { device.clone().autodiff() } else { device.clone() };
    let labels = Tensor::<1, Int>::from_data(case.labels.as_slice(), &device);
    let teacher = matrix(&case.teacher, &device.clone().inner());
    let mut signals = Signals::new(student, labels).unwrap().with_teacher(teacher).unwrap();
    if let Some(mask) = &case.mask {
        let mask = Tensor::<1, Bool>::from_data(mask.as_slice(), &device);
        signals = signals.with_mask(mask).unwrap();
    }
    if let Some(weights) = &case.sample_weights {
        let weights = Tensor::<1>::from_data(weights.as_slice(), &device);
        signals = signals.with_sample_weights(weights).unwrap();
    }
    if !case.positives.is_empty() {
        let (rows, columns) = (case.negatives.len(), case.negatives[0].len());
        let flat: Vec<i32> = case.negatives.iter().flatten().copied().collect();
        let bank = case.connector.iter().find(|numbers| numbers.name == "bank_student");
        signals = signals.with_contrast(Contrast {
            samples: bank.expect("a bank").shape[0],
            positives: Tensor::from_data(case.positives.as_slice(), &device),
            negatives: Tensor::from_data(TensorData::new(flat, [rows, columns]), &device),
        });
    }
    signals
}

fn map(numbers: &Numbers, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = numbers.values.iter().map(|value| *value as f32).collect();
    Tensor::from_data(TensorData::new(values, numbers.shape.clone()), device)
}

fn features(maps: &[Numbers], device: &Device) -> Features {
    maps.iter().map(|numbers| (numbers.name.clone(), map(numbers, device))).collect()
}

/// The objective's connectors with the weights of the file.
fn connectors(objective: &Objective, signals: &Signals, case: &Case) -> Connectors {
    let mut rng = Steps(0);
    let connectors = objective.connect(signals, &mut rng).unwrap();
    let mut given = Given { order: order(&case.connector), numbers: &case.connector };
    let connectors = connectors.map(&mut given);
    assert!(given.order.is_empty(), "the connector has every tensor of the file");
    connectors.train()
}

/// Places of the file's tensors in the order in which the module visits them.
fn order(connector: &[Numbers]) -> Vec<usize> {
    let visited = [
        "student.weight",
        "student.bias",
        "bank_student",
        "z_student",
        "teacher.weight",
        "teacher.bias",
        "bank_teacher",
        "z_teacher",
    ];
    let mut order: Vec<usize> = (0..connector.len()).collect();
    if connector.iter().any(|numbers| numbers.name == "bank_student") {
        order.sort_by_key(|at| visited.iter().position(|name| *name == connector[*at].name));
    }
    order.reverse();
    order
}

struct Given<'a> {
    /// What is still to come, the next one last.
    order: Vec<usize>,
    numbers: &'a [Numbers],
}

impl ModuleMapper for Given<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let numbers = &self.numbers[self.order.pop().expect("as many tensors as the file has")];
        assert_eq!(param.dims().to_vec(), numbers.shape, "{}", numbers.name);
        let values: Vec<f32> = numbers.values.iter().map(|value| *value as f32).collect();
        param.map(|old| {
            let data = TensorData::new(values, numbers.shape.clone());
            Tensor::<D>::from_data(data, &old.device()).set_require_grad(old.is_require_grad())
        })
    }
}

/// Values, or gradients, in the order of the file.
fn tensors(
    connectors: &Connectors,
    file: &[Numbers],
    gradients: Option<&Gradients>,
) -> Vec<Option<Vec<f64>>> {
    let mut read = Read { gradients, found: Vec::new() };
    connectors.visit(&mut read);
    let mut in_file = vec![None; file.len()];
    for (at, found) in order(file).into_iter().rev().zip(read.found) {
        in_file[at] = found;
    }
    in_file
}

struct Read<'a> {
    gradients: Option<&'a Gradients>,
    found: Vec<Option<Vec<f64>>>,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(match self.gradients {
            Some(gradients) => param.grad(gradients).map(values),
            None => Some(values(param.val())),
        });
    }
}

/// Numbers that do not matter: the file's take their place.
struct Steps(u64);

impl RngCore for Steps {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        unreachable!("numbers are drawn one by one")
    }
}

fn objective(terms: &[&str]) -> Objective {
    let parse = |text: &&str| serde_json::from_str::<TermConfig>(text).unwrap();
    Objective::new(&terms.iter().map(parse).collect::<Vec<_>>()).unwrap()
}
