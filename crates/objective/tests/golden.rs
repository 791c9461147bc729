//! Known answers, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::{Device, Int, Tensor};
use distill_objective::{Objective, Signals, TermConfig};
use distill_testkit::{Golden, cpu_devices, matrix, read_golden, relative_l2, values};

#[test]
fn cross_entropy_matches_its_golden_file() {
    check("cross_entropy");
}

#[test]
fn soft_targets_match_their_golden_file() {
    check("soft_targets");
}

#[test]
fn logit_mse_matches_its_golden_file() {
    check("logit_mse");
}

#[test]
fn decoupled_matches_its_golden_file() {
    check("decoupled");
}

#[test]
fn dist_matches_its_golden_file() {
    check("dist");
}

#[test]
fn reverse_kl_matches_its_golden_file() {
    check("reverse_kl");
}

#[test]
fn jensen_shannon_matches_its_golden_file() {
    check("jensen_shannon");
}

#[test]
fn skewed_kl_matches_its_golden_file() {
    check("skewed_kl");
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
            let student = matrix(&case.student, &device.clone().autodiff()).require_grad();
            let signals = signals(student.clone(), case, &device);
            let objective = objective(&[&case.term.to_string()]);
            let total = objective.evaluate(&signals).unwrap().total;
            let loss = values(total.clone())[0];
            let place = format!("{name}, {}, {backend}", case.name);
            // Terms of about one nat cancel in f32 before T² and a factor are applied to what is left.
            let number = |field: &str| case.term[field].as_f64().unwrap_or(1.0);
            let scale = number("temperature").powi(2) * number("non_target").max(1.0);
            let allowed = 2e-6 * case.loss.abs() + 1e-7 * scale;
            let off = (loss - case.loss).abs();
            assert!(off < allowed, "{place}: {loss}, expected {}", case.loss);

            let gradient = values(student.grad(&total.backward()).unwrap());
            let expected: Vec<f64> = case.gradient.iter().flatten().copied().collect();
            let off = relative_l2(&gradient, &expected);
            assert!(off < 5e-6, "{place}: gradient off by {off:e} relative");
        }
    }
}

fn signals(student: Tensor<2>, case: &distill_testkit::Case, device: &Device) -> Signals {
    let device =
        if student.device().is_autodiff() { device.clone().autodiff() } else { device.clone() };
    let labels = Tensor::<1, Int>::from_data(case.labels.as_slice(), &device);
    let teacher = matrix(&case.teacher, &device.inner());
    Signals::new(student, labels).unwrap().with_teacher(teacher).unwrap()
}

fn objective(terms: &[&str]) -> Objective {
    let parse = |text: &&str| serde_json::from_str::<TermConfig>(text).unwrap();
    Objective::new(&terms.iter().map(parse).collect::<Vec<_>>()).unwrap()
}
