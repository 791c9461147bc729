//! Known answers, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::Device;
use distill_objective::{Features, Objective, TermConfig};
use distill_testkit::{Case, Compared, Golden, cpu_devices, matrix, read_golden, values};

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
        let signals = case.signals(matrix(&case.student, &device), &device);
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
    let signals = case
        .signals(matrix(&case.student, &device), &device)
        .with_features(features(&case.student), features(&case.teacher));
    let terms = |soft: &str, weight: f64| {
        vec![soft.to_owned(), format!(r#"{{"term": "cross-entropy", "weight": {weight}}}"#)]
    };
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
        let signals = case.signals(matrix(&case.student, &device), &device);
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
        let signals = case.signals(matrix(&case.student, &device), &device);
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
    // Most references differ from ours in how small numbers are added, by less than 1e-7.
    let double = case.compare_in_double(device, 0.1);
    for compared in case.compare(device).into_iter().chain(double) {
        let Compared { what, off, allowed } = compared;
        assert!(off < allowed, "{place}: {what} off by {off:e}, expected below {allowed:e}");
    }
}

fn objective(terms: &[&str]) -> Objective {
    let terms: Vec<TermConfig> = terms.iter().map(|s| serde_json::from_str(s).unwrap()).collect();
    Objective::new(&terms).unwrap()
}
