//! Why distillation did not gain: what shows in a finished run, with its numbers and what to try.

use std::path::Path;

use distill_objective::TermConfig;
use serde::{Deserialize, Serialize};

use crate::{
    Stage,
    evaluation::TeacherSignal,
    evidence::Evidence,
    metrics::{self, EpochRecord, Line},
};

/// Something that a run shows about why its student did not gain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remark {
    /// Which of the known reasons.
    pub reason: Reason,
    /// What was found, a sentence with its numbers.
    pub found: String,
    /// What to try.
    pub hint: String,
}

/// Known reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Reason {
    /// The teacher is worse than the baseline on the test images.
    TeacherBelowBaseline,
    /// The teacher is hardly more often right on training images than chance.
    TeacherNearChance,
    /// The teacher is nearly always right and sure on training images.
    TeacherOverconfident,
    /// The soft targets are nearly the labels.
    SoftTargetsLikeLabels,
    /// The soft targets are nearly uniform.
    SoftTargetsUniform,
    /// The terms that look at the teacher hardly move the student.
    SmallGradientShare,
    /// As many test images were gained as lost, but for chance.
    WithinChance,
    /// None of the others.
    Unexplained,
}

/// What reasons are looked for in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Findings {
    /// Test accuracies of teacher (as it taught), baseline and student, in `[0, 1]`.
    pub(crate) top1: [f64; 3],
    /// Test images that the student alone gets right, and the baseline alone.
    pub(crate) changed: [usize; 2],
    /// Test images.
    pub(crate) test: usize,
    /// The teacher on training images.
    pub(crate) signal: Option<TeacherSignal>,
    /// Share of the gradient norms in the last epoch of the terms that look at the teacher.
    pub(crate) share: Option<f64>,
}

/// Mean probability of its class from which a teacher counts as overconfident on training images.
const SURE: f64 = 0.99;
/// As many times as often as chance a teacher has to be right on training images.
const BEYOND_CHANCE: f64 = 1.5;
/// Share of the largest entropy below which soft targets say little beside the labels.
const LIKE_LABELS: f64 = 0.05;
/// Share of the largest entropy above which no class stands out.
const UNIFORM: f64 = 0.98;
/// Share of the gradient norms below which terms hardly count.
const SMALL_SHARE: f64 = 0.05;

/// What there is to say: nothing where the gain is clear, but that the teacher is worse than the baseline.
pub(crate) fn remarks(findings: &Findings) -> Vec<Remark> {
    let Findings { top1: [_, baseline, student], changed: [gained, lost], .. } = *findings;
    let mut remarks: Vec<Remark> = below_baseline(findings).into_iter().collect();
    // 95 % of the normal approximation of a paired comparison.
    let difference = gained.abs_diff(lost) as f64;
    let is_clear = difference > 1.96 * ((gained + lost) as f64).sqrt();
    if student > baseline && is_clear {
        return remarks;
    }
    remarks.extend(findings.signal.iter().flat_map(of_teacher));
    remarks.extend(findings.share.and_then(small_share));
    if !is_clear {
        remarks.push(Remark {
            reason: Reason::WithinChance,
            found: format!(
                "{gained} test images are right with the student alone and {lost} with the baseline alone: that is \
                 within chance"
            ),
            hint: "several seeds (`--seeds 1,2,3`), or more test images, say whether there is a difference"
                .to_owned(),
        });
    } else if remarks.is_empty() {
        remarks.push(unexplained(findings));
    }
    remarks
}

/// What shows of a teacher alone, before any student is trained.
pub(crate) fn of_teacher(signal: &TeacherSignal) -> Vec<Remark> {
    [near_chance(signal), overconfident(signal), entropy(signal)].into_iter().flatten().collect()
}

impl Findings {
    /// What a finished run shows, beside the accuracies and changes that its records have.
    pub(crate) fn of_run(
        run: &Path,
        top1: [f64; 3],
        changed: [usize; 2],
        test: usize,
        objective: &[TermConfig],
    ) -> Self {
        // What is damaged gives no reason; those who show it say so.
        let evidence = Evidence::of_run(run).ok().flatten();
        let signal = evidence.and_then(|evidence| evidence.training);
        let lines = metrics::of_run(run, Stage::Student).unwrap_or_default();
        let last = lines.iter().rev().find_map(|line| match line {
            Line::Epoch(epoch) => Some(epoch),
            _ => None,
        });
        Self { top1, changed, test, signal, share: last.and_then(|last| share(last, objective)) }
    }
}

/// Share of the gradient norms of the terms that look at the teacher, where there are others.
fn share(epoch: &EpochRecord, objective: &[TermConfig]) -> Option<f64> {
    let terms: Vec<_> = objective.iter().filter_map(|config| config.build().ok()).collect();
    let of_teacher = |name: &str| {
        // Of several terms of one name the later ones have a number.
        let is_named = |own: &str| {
            let rest = name.strip_prefix(own).map(|rest| rest.trim_start_matches('-'));
            rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
        };
        terms.iter().any(|term| term.needs_teacher() && is_named(term.name()))
    };
    let shares = &epoch.gradient_shares;
    let of_teacher = shares.iter().filter(|(name, _)| of_teacher(name)).map(|(_, share)| share);
    (!shares.is_empty()).then(|| of_teacher.sum())
}

fn below_baseline(findings: &Findings) -> Option<Remark> {
    let [teacher, baseline, _] = findings.top1;
    // 95 % of the normal approximation of two shares of the same number of images.
    let variance = |share: f64| share * (1.0 - share) / findings.test.max(1) as f64;
    let within_chance = 1.96 * (variance(teacher) + variance(baseline)).sqrt();
    let worse = if baseline - teacher > within_chance { "worse" } else { "no better" };
    (teacher < baseline).then(|| Remark {
        reason: Reason::TeacherBelowBaseline,
        found: format!(
            "The teacher gets {} of the {} test images right and the baseline {}: it is {worse} than the network that it \
             teaches",
            percent(teacher),
            findings.test,
            percent(baseline)
        ),
        hint: "train the teacher for longer, take a larger one, or, where its weights were given, compare its mean, \
               std and resizing with those of its training (`distill evaluate`)"
            .to_owned(),
    })
}

fn near_chance(signal: &TeacherSignal) -> Option<Remark> {
    let chance = (-signal.largest_entropy).exp();
    (signal.top1 < BEYOND_CHANCE * chance).then(|| Remark {
        reason: Reason::TeacherNearChance,
        found: format!(
            "The teacher is right on {} of {} training images, and chance on {}",
            percent(signal.top1),
            signal.images,
            percent(chance)
        ),
        hint: "train the teacher for longer, or, where its weights were given, compare its classes (`classes` beside \
               `weights`), mean, std and resizing with those of its training"
            .to_owned(),
    })
}

fn overconfident(signal: &TeacherSignal) -> Option<Remark> {
    (signal.confidence >= SURE && signal.top1 >= SURE).then(|| Remark {
        reason: Reason::TeacherOverconfident,
        found: format!(
            "On {} training images the teacher is right on {} and gives its class a probability of {} on average: it \
             knows them by heart",
            signal.images,
            percent(signal.top1),
            percent(signal.confidence)
        ),
        hint: "data augmentation, an earlier epoch of the teacher (`NAME@EPOCH`), more training images or a higher \
               `temperature`"
            .to_owned(),
    })
}

fn entropy(signal: &TeacherSignal) -> Option<Remark> {
    let TeacherSignal { temperature, entropy, largest_entropy, .. } = *signal;
    let found = format!(
        "At T = {temperature} the soft targets of the training images have an entropy of {entropy:.4} nats, of \
         {largest_entropy:.4} where all classes are as likely"
    );
    match entropy / largest_entropy {
        share if share < LIKE_LABELS => Some(Remark {
            reason: Reason::SoftTargetsLikeLabels,
            found: format!("{found}: they say little that the labels do not"),
            hint: "a higher `temperature`".to_owned(),
        }),
        share if share > UNIFORM => Some(Remark {
            reason: Reason::SoftTargetsUniform,
            found: format!("{found}: hardly any class stands out"),
            hint: match signal.own_entropy / largest_entropy {
                ..=UNIFORM => "a lower `temperature`".to_owned(),
                _ => "train the teacher for longer: at T = 1 it is no surer".to_owned(),
            },
        }),
        _ => None,
    }
}

fn small_share(share: f64) -> Option<Remark> {
    (share < SMALL_SHARE).then(|| Remark {
        reason: Reason::SmallGradientShare,
        found: format!(
            "In the last epoch {} of the gradient norms came from the terms that look at the teacher",
            percent(share)
        ),
        hint: "a larger `weight` for these terms, or a smaller one for `cross-entropy`".to_owned(),
    })
}

fn unexplained(findings: &Findings) -> Remark {
    let [teacher, baseline, _] = findings.top1;
    let entropy = findings.signal.map_or_else(String::new, |signal| {
        format!(
            ", and at T = {} its soft targets have {} of the largest entropy",
            signal.temperature,
            percent(signal.entropy / signal.largest_entropy)
        )
    });
    Remark {
        reason: Reason::Unexplained,
        found: format!(
            "None of the usual reasons shows: the teacher is {:.2} points above the baseline{entropy}",
            100.0 * (teacher - baseline)
        ),
        hint: "more epochs for the student, which has two things to learn; another temperature and weights (`distill \
               sweep`); a teacher nearer to the student in size"
            .to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNAL: TeacherSignal = TeacherSignal {
        images: 500,
        top1: 0.97,
        confidence: 0.95,
        temperature: 4.0,
        entropy: 1.2,
        own_entropy: 0.4,
        largest_entropy: std::f64::consts::LN_10,
    };

    fn findings() -> Findings {
        Findings {
            top1: [0.9, 0.85, 0.82],
            changed: [10, 60],
            test: 1000,
            signal: Some(SIGNAL),
            share: Some(0.7),
        }
    }

    fn reasons(findings: &Findings) -> Vec<Reason> {
        remarks(findings).into_iter().map(|remark| remark.reason).collect()
    }

    #[test]
    fn each_reason_is_found_with_its_numbers() {
        assert_eq!(reasons(&findings()), [Reason::Unexplained]);
        let text = &remarks(&findings())[0].found;
        assert!(text.contains("5.00 points") && text.contains("52.12 %"), "{text}");
        let below = Findings { top1: [0.8, 0.85, 0.82], ..findings() };
        assert_eq!(reasons(&below), [Reason::TeacherBelowBaseline]);
        let text = &remarks(&below)[0].found;
        assert!(text.contains("80.00 %") && text.contains("85.00 %"), "{text}");
        let sure = TeacherSignal { top1: 1.0, confidence: 0.998, entropy: 0.02, ..SIGNAL };
        let sure = Findings { signal: Some(sure), ..findings() };
        assert_eq!(reasons(&sure), [Reason::TeacherOverconfident, Reason::SoftTargetsLikeLabels]);
        let luck = Findings { signal: Some(TeacherSignal { top1: 0.14, ..SIGNAL }), ..findings() };
        assert_eq!(reasons(&luck), [Reason::TeacherNearChance]);
        assert!(remarks(&luck)[0].found.contains("14.00 % of 500"), "{:?}", remarks(&luck));
        let flat =
            Findings { signal: Some(TeacherSignal { entropy: 2.3, ..SIGNAL }), ..findings() };
        assert_eq!(reasons(&flat), [Reason::SoftTargetsUniform]);
        assert_eq!(
            reasons(&Findings { share: Some(0.01), ..findings() }),
            [Reason::SmallGradientShare]
        );
        let chance = Findings { changed: [20, 26], ..findings() };
        assert_eq!(reasons(&chance), [Reason::WithinChance]);
        assert!(remarks(&chance)[0].found.contains("20 test images"));
    }

    #[test]
    fn terms_that_look_at_the_teacher_are_summed() {
        let terms = ["soft-targets", "cross-entropy", "soft-targets"]
            .map(|term| serde_json::from_value(serde_json::json!({ "term": term })).unwrap());
        let shares = [("soft-targets", 0.02), ("cross-entropy", 0.95), ("soft-targets-2", 0.03)];
        let epoch = serde_json::json!({
            "epoch": 1, "step": 1, "learning_rate": 0.1, "loss": 1.0, "terms": {},
            "gradient_shares": shares.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "train_top1": 0.5, "validation_top1": 0.5, "validation_nll": 1.0,
        });
        let mut epoch: EpochRecord = serde_json::from_value(epoch).unwrap();
        assert!((share(&epoch, &terms).unwrap() - 0.05).abs() < 1e-12);
        epoch.gradient_shares.clear();
        assert_eq!(share(&epoch, &terms), None);
    }

    #[test]
    fn a_teacher_within_chance_of_the_baseline_is_no_better() {
        let of = |teacher| {
            let below = Findings { top1: [teacher, 0.85, 0.82], ..findings() };
            remarks(&below)[0].found.clone()
        };
        assert!(of(0.845).contains("no better") && of(0.8).contains("it is worse"));
    }

    #[test]
    fn a_clear_gain_needs_no_reason() {
        let gain = Findings { top1: [0.9, 0.85, 0.88], changed: [60, 10], ..findings() };
        assert_eq!(reasons(&gain), []);
        let sure = TeacherSignal { top1: 1.0, confidence: 1.0, entropy: 0.0, ..SIGNAL };
        assert_eq!(reasons(&Findings { signal: Some(sure), ..gain }), []);
        let below = Findings { top1: [0.84, 0.85, 0.88], ..gain };
        assert_eq!(reasons(&below), [Reason::TeacherBelowBaseline]);
        // A gain within chance is none.
        assert_eq!(reasons(&Findings { changed: [30, 22], ..gain }), [Reason::WithinChance]);
    }
}
