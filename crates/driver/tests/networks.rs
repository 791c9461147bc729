//! Networks beside teacher and student: ensembles, chains, generations, epochs of a teacher.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::{config, refused};
use distill_driver::{
    Comparison, DriverError, EVALUATION_BATCH, ModelCard, Report, RunConfig, Silent, Stage, run,
    teacher::Teacher,
};
use survival::{Notes, StopIn, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Two small networks of different kinds, and a teacher that is both of them.
const ENSEMBLE: [&str; 3] = [
    r#"networks.a={model="vgg-small", blocks=[[6], [6]], epochs=2}"#,
    r#"networks.b={model="mlp-800", hidden=[16], epochs=2}"#,
    r#"teacher={ensemble={members=["a", "b"], shares=[3.0, 1.0]}}"#,
];

#[test]
fn an_ensemble_teaches_with_the_mean_of_its_members() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let report = complete(&flex(&out, &ENSEMBLE));
    let [a, b] = ["a", "b"].map(|name| &report.networks[name]);
    let teacher = &report.models.teacher;
    assert_eq!(teacher.architecture, "vgg-small + mlp-800");
    assert_eq!(
        (teacher.parameters, teacher.macs, teacher.bytes, teacher.epochs),
        (a.parameters + b.parameters, a.macs + b.macs, a.bytes + b.bytes, 0)
    );
    assert!(a.test.last.teacher_agreement.is_none());
    assert!(report.models.student.test.last.teacher_agreement.is_some());

    // What the run says of the ensemble is what its members' files say, by the definition.
    let device = Device::flex();
    let [first, second] = ["a", "b"].map(|name| network(&out, name, "selected.bpk", &device));
    let data = distill_datasets::load(
        &distill_datasets::LoadConfig {
            name: "digits".to_owned(),
            data: out.clone(),
            offline: true,
            path: None,
            folder: distill_datasets::FolderConfig::new(distill_datasets::ImageShape {
                channels: 3,
                height: 32,
                width: 32,
            }),
        },
        &mut |_| {},
    )
    .unwrap();
    let (mut right, mut nll) = (0, 0.0);
    let loader = distill_datasets::Loader::in_order(data.test.clone(), EVALUATION_BATCH);
    for batch in loader.epoch(1, 0, distill_datasets::Part::whole()).unwrap() {
        let batch = batch.unwrap();
        let labels = batch.classes().unwrap().to_vec();
        let images = batch.to_device(&device).unwrap().images().unwrap();
        let [ours, theirs] = [&first, &second].map(|network| {
            let logits = network.logits(images.clone()).unwrap().into_data();
            logits.iter::<f32>().collect::<Vec<f32>>()
        });
        for (at, label) in labels.iter().enumerate() {
            let row = |logits: &[f32]| {
                let row = logits[10 * at..10 * at + 10].iter().map(|z| f64::from(*z).exp());
                let sum: f64 = row.clone().sum();
                row.map(|e| e / sum).collect::<Vec<f64>>()
            };
            let (p, q) = (row(&ours), row(&theirs));
            let mean: Vec<f64> = p.iter().zip(&q).map(|(p, q)| 0.75 * p + 0.25 * q).collect();
            let likeliest = (0..10).max_by(|x, y| mean[*x].total_cmp(&mean[*y])).unwrap();
            right += usize::from(likeliest as i32 == *label);
            nll -= mean[*label as usize].ln();
        }
    }
    let scores = teacher.test.last;
    assert_eq!(scores.count - scores.errors, right);
    assert!((scores.nll - nll / scores.count as f64).abs() < 1e-5, "{}", scores.nll);

    // Another mean is another teacher; its members stay as they are.
    let mut notes = Notes::default();
    let geometric = r#"teacher={ensemble={members=["a", "b"], average="geometric"}}"#;
    let config = flex(&out, &[ENSEMBLE[0], ENSEMBLE[1], geometric]);
    let other = run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert_eq!(other.networks["a"], report.networks["a"]);
    assert_ne!(other.models.teacher.test, teacher.test);
    assert_ne!(other.models.student.test, report.models.student.test);
    assert!(notes.0.iter().any(|note| note.starts_with("teacher: made again")), "{:?}", notes.0);
    // And what was made with the first one comes back.
    assert_eq!(complete(&flex(&out, &ENSEMBLE)).models.student.test, report.models.student.test);
}

#[test]
fn an_ensembles_answers_can_be_kept() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let softened = r#"teacher={ensemble={members=["a", "b"], temperature=4.0}}"#;
        complete(&flex(&out, &[&ENSEMBLE[..2], &[softened], more].concat()));
        metrics(&out, "student")
    };
    assert_eq!(made("live", &[]), made("kept", &["cache={}"]));
}

#[test]
fn a_chain_passes_on_what_the_first_one_knows() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let chain = [
        r#"networks.large={model="vgg-small", blocks=[[12], [12]], epochs=2}"#,
        r#"teacher.from=large"#,
        r#"networks.direct={model="vgg-small", blocks=[[4], [4]], epochs=3, from="large", paired=true}"#,
    ];
    let report = complete(&flex(&out, &chain));
    assert!(
        report.models.teacher.test.last.kl_to_teacher.is_some(),
        "it learnt from the large one"
    );
    assert!(report.networks["large"].test.last.kl_to_teacher.is_none());
    let started = |stage: &str| inputs(&out, stage)["objective"].clone();
    assert_eq!(started("teacher"), started("student"));
    assert_ne!(started("networks/large"), started("student"));

    // A paired network differs from the student by its teacher alone: with the same one it is the student.
    let same = r#"networks.direct={model="vgg-small", blocks=[[4], [4]], epochs=3, from="teacher", paired=true}"#;
    let report = complete(&flex(&out, &[chain[0], chain[1], same]));
    assert_eq!(report.networks["direct"].test, report.models.student.test);
    assert_eq!(metrics(&out, "networks/direct"), metrics(&out, "student"));
    // One that is not paired has random numbers of its own.
    let report = complete(&flex(&out, &[chain[0], chain[1], &same.replace(", paired=true", "")]));
    assert_ne!(report.networks["direct"].test, report.models.student.test);
}

#[test]
fn a_student_can_learn_from_an_epoch_of_its_teacher() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let of_epoch = |epoch: &str| {
        format!(
            r#"networks.of-{epoch}={{model="vgg-small", blocks=[[4], [4]], epochs=3, from="teacher@{epoch}", paired=true}}"#
        )
    };
    let sweep =
        [of_epoch("1"), of_epoch("2"), of_epoch("last"), "student.from=teacher@3".to_owned()];
    let sweep: Vec<&str> = sweep.iter().map(String::as_str).collect();
    let report = complete(&flex(&out, &sweep));
    let teacher = out.join("teacher");
    for epoch in 1..=3 {
        assert!(teacher.join(format!("epoch-{epoch:07}.bpk")).is_file());
    }
    let of = |name: &str| report.networks[name].test.clone();
    assert_eq!(of("of-last"), report.models.student.test, "its third epoch is its last one");
    assert_ne!(of("of-1"), of("of-2"));
    assert_ne!(of("of-2"), of("of-last"));

    // A kept epoch that is damaged is made again, with its stage.
    fs::write(teacher.join("epoch-0000002.bpk"), "no weights").unwrap();
    let mut notes = Notes::default();
    let again = run(&flex(&out, &sweep), &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(notes.0.iter().any(|note| note.contains("its weights are damaged")), "{:?}", notes.0);
    assert_eq!(again.networks["of-2"].test, of("of-2"));

    // One epoch fewer is no reason to train the teacher again.
    let mut notes = Notes::default();
    let fewer: Vec<&str> = [&sweep[..1], &sweep[2..]].concat();
    run(&flex(&out, &fewer), &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(!notes.0.iter().any(|note| note.starts_with("teacher")), "{:?}", notes.0);
}

#[test]
fn an_epoch_that_was_kept_and_is_lost_begins_its_stage_anew() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let of_first = ["student.from=teacher@1"];
    let expected = complete(&flex(&whole, &of_first));
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Teacher, epoch: 2, steps: 3, interrupt: &interrupt };
    assert!(run(&flex(&parts, &of_first), &mut stop, &interrupt).is_err());
    fs::remove_file(parts.join("teacher/epoch-0000001.bpk")).unwrap();
    let mut config = flex(&parts, &of_first);
    config.resume = true;
    let mut notes = Notes::default();
    let report = run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(notes.0.iter().any(|note| note.contains("begun anew")), "{:?}", notes.0);
    assert_eq!(report.models.student.test, expected.models.student.test);
}

#[test]
fn a_specialist_sees_images_as_its_generalist() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mean = SPECIALISTS[0].replace("epochs=3", "epochs=3, mean=[0.1, 0.2, 0.3]");
    complete(&flex(&out, &[&mean, SPECIALISTS[1], SPECIALISTS[2], SPECIALISTS[3]]));
    let card = |name: &str| {
        ModelCard::beside(&out.join("networks").join(name).join("selected.bpk")).unwrap().unwrap()
    };
    assert_eq!(card("first").mean, [0.1, 0.2, 0.3]);
    assert_eq!(card("first").preprocessing(), card("general").preprocessing());
}

#[test]
fn a_network_resumes_and_is_skipped_like_any_stage() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let expected = complete(&flex(&whole, &ENSEMBLE));
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::named("b"), epoch: 2, steps: 3, interrupt: &interrupt };
    let error = run(&flex(&parts, &ENSEMBLE), &mut stop, &interrupt).unwrap_err();
    assert!(matches!(error, DriverError::Interrupted { stage: "b" }), "{error}");
    let mut config = flex(&parts, &ENSEMBLE);
    config.resume = true;
    let report = complete(&config);
    for stage in expected.stages() {
        assert_eq!(report.of(stage).test, expected.of(stage).test, "{stage:?}");
    }
    for network in ["networks/a", "networks/b", "student"] {
        assert_eq!(metrics(&whole, network), metrics(&parts, network));
    }
}

#[test]
fn a_student_may_have_few_images_and_its_teacher_all() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let few = [
        "student.train=64",
        r#"networks.hard={model="vgg-small", blocks=[[4], [4]], epochs=3, train=64, paired=true}"#,
    ];
    let report = complete(&flex(folder.path(), &few));
    let steps = |stage: &str| metrics(folder.path(), stage).lines().count();
    assert!(steps("teacher") > 2 * steps("student"), "64 of 192 images");
    // On the same images, from the same weights, labels alone: it is the baseline.
    assert_eq!(report.networks["hard"].test.last.top1, report.models.baseline.test.last.top1);
}

const SPECIALISTS: [&str; 4] = [
    r#"networks.general={model="vgg-small", blocks=[[8], [8]], epochs=3}"#,
    r#"networks.first={specialist={of="general", cluster=1, clusters=2}, epochs=2}"#,
    r#"networks.second={specialist={of="general", cluster=2, clusters=2}, epochs=2}"#,
    r#"teacher={specialists={generalist="general", members=["first", "second"]}}"#,
];

#[test]
fn specialists_know_the_classes_of_their_cluster() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let report = complete(&flex(&out, &SPECIALISTS));
    let own = |name: &str| {
        let own = inputs(&out, &format!("networks/{name}"))["specialist"]["own"].take();
        serde_json::from_value::<Vec<bool>>(own).unwrap()
    };
    let (first, second) = (own("first"), own("second"));
    assert!(first.iter().zip(&second).all(|(a, b)| a != b), "each class is one's own");
    assert!(first[0] && first.contains(&false));

    // A specialist is evaluated on its own classes and the dustbin, to which all other test images belong.
    let specialist = &report.networks["first"];
    let images: Vec<usize> = specialist.classes.iter().map(|class| class.images).collect();
    let expected = first.iter().map(|own| if *own { 500 } else { 0 });
    let others = 500 * second.iter().filter(|own| **own).count();
    assert_eq!(images, expected.chain([others]).collect::<Vec<_>>());
    assert_eq!(specialist.classes[10].name, "others");
    let parts = ["general", "first", "second"].map(|name| report.networks[name].parameters);
    assert_eq!(report.models.teacher.parameters, parts.iter().sum::<u64>());
    assert!(report.models.student.test.last.kl_to_teacher.is_some());

    // With cached outputs it is the same student, and other classes are other specialists.
    let kept = complete(&flex(&out, &[&SPECIALISTS[..], &["cache={}"]].concat()));
    assert_eq!(kept.models.student.test, report.models.student.test);
    let three = SPECIALISTS[1].replace("clusters=2", "clusters=3");
    let other = complete(&flex(&out, &[SPECIALISTS[0], &three, SPECIALISTS[2], SPECIALISTS[3]]));
    assert_ne!(own("first"), first);
    assert_eq!(other.networks["second"].test, report.networks["second"].test);
}

/// The student's network and another one that learn together, on labels or from each other as well.
const TOGETHER: [&str; 2] = [
    r#"networks.one={model="vgg-small", blocks=[[4], [4]], epochs=3, paired=true, peers=["other"]}"#,
    r#"networks.other={model="mlp-800", hidden=[16]}"#,
];

#[test]
fn networks_learn_together() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mutual = complete(&flex(&out, &TOGETHER));
    let [one, other] = ["one", "other"].map(|name| mutual.networks[name].clone());
    assert_eq!((one.epochs, other.epochs), (3, 3));
    assert_ne!(one.test, mutual.models.baseline.test);

    // Where the objective looks at labels alone, each of them learns alone: the first one is the baseline.
    let labels = r#"networks.one.objective=[{term="cross-entropy"}]"#;
    let alone = complete(&flex(&out, &[TOGETHER[0], TOGETHER[1], labels]));
    assert_eq!(alone.networks["one"].test.last.nll, alone.models.baseline.test.last.nll);
    assert_ne!(alone.networks["other"].test, other.test);

    // A peer whose weights are damaged takes them from where it was trained.
    let weights = out.join("networks/other/selected.bpk");
    fs::write(&weights, "no weights").unwrap();
    let mut notes = Notes::default();
    let config = flex(&out, &[TOGETHER[0], TOGETHER[1], labels]);
    let again = run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(notes.0.iter().any(|note| note.starts_with("other: made again")), "{:?}", notes.0);
    assert_eq!(again.networks["other"].test, alone.networks["other"].test);
}

#[test]
fn networks_that_learn_together_resume_together() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let peers = [r#"student.peers=["other"]"#, TOGETHER[1]];
    let expected = complete(&flex(&whole, &peers));
    for steps in [2, 5] {
        let interrupt = AtomicBool::new(false);
        let mut stop = StopIn { stage: Stage::Student, epoch: 2, steps, interrupt: &interrupt };
        let mut config = flex(&parts, &peers);
        config.resume = steps > 2;
        assert!(run(&config, &mut stop, &interrupt).is_err());
    }
    let mut config = flex(&parts, &peers);
    config.resume = true;
    let report = complete(&config);
    assert_eq!(metrics(&parts, "student"), metrics(&whole, "student"));
    for stage in expected.stages() {
        assert_eq!(report.of(stage).test, expected.of(stage).test, "{stage:?}");
    }
}

#[test]
fn other_networks_are_compared_over_seeds() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let runs = [1, 2].map(|seed| {
        let out = folder.path().join(format!("seed{seed}"));
        complete(&RunConfig { seed, ..flex(&out, &ENSEMBLE) });
        out
    });
    let comparison = Comparison::of(&runs).unwrap();
    let names: Vec<&str> =
        comparison.groups[0].models.iter().map(|model| model.stage.name()).collect();
    assert_eq!(names, ["teacher", "baseline", "student", "a", "b"]);
    assert!(comparison.groups[0].models[3].top1_last.deviation.is_some());
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, expected) in [
        (r#"teacher={epochs=3}"#, "`teacher` needs `model`"),
        (r#"teacher.from=nobody"#, "`teacher.from` is `nobody`, expected a network of this recipe"),
        (r#"teacher.from=student"#, "teacher <- student <- teacher"),
        (r#"teacher.from=teacher"#, "teacher <- teacher"),
        (
            r#"student.from=teacher@9"#,
            "`student.from` is `teacher@9`, expected an epoch from 1 to its 3",
        ),
        (r#"student.from=teacher@0"#, "expected an epoch from 1 to its 3"),
        (r#"student.from=baseline"#, "`student.from` is `baseline`, expected `teacher`"),
        (r#"student.from="teacher@best""#, "expected `NAME`, `NAME@EPOCH` or `NAME@last`"),
        (r#"student.train=193"#, "`student.train` is `193`, expected from 1 to the 192"),
        (r#"student.train=8"#, "`student: optimizer.batch` is `32`, expected at most the 8"),
        (r#"student.ensemble={members=["a", "b"]}"#, "a student is one network"),
        (r#"teacher.ensemble={members=["a", "b"]}"#, "expected nothing else in `[teacher]`"),
        (r#"teacher={ensemble={members=["student"]}}"#, "expected two networks at the least"),
        (
            r#"teacher={ensemble={members=["baseline", "student"]}}"#,
            "teacher <- student <- teacher",
        ),
        (
            r#"teacher={ensemble={members=["baseline", "baseline"]}}"#,
            "`teacher.ensemble.members` is `baseline`",
        ),
        (
            r#"teacher={ensemble={members=["baseline", "baseline@last"], shares=[1.0]}}"#,
            "a number for each of the 2 members",
        ),
        (
            r#"teacher={ensemble={members=["baseline", "baseline@last"], shares=[1.0, -1.0]}}"#,
            "expected finite numbers above 0",
        ),
        (
            r#"teacher={ensemble={members=["baseline", "baseline@last"], temperature=0.0}}"#,
            "`teacher.ensemble.temperature` is `0`",
        ),
        (
            r#"networks.a={model="vgg-small", epochs=1, from="student@1"}"#,
            "those of baseline and student are not kept",
        ),
        (r#"networks.teacher={model="vgg-small", epochs=1}"#, "`networks` is `teacher`"),
        (r#"networks."a/b"={model="vgg-small", epochs=1}"#, "`networks`"),
        (r#"networks.a={model="vgg-smal", epochs=1}"#, "[networks.a]"),
        (
            r#"networks.a={model="vgg-small", epochs=1, objective=[{term="soft-targets"}]}"#,
            "expected `networks.a.from` to name it",
        ),
        ("teacher.paired=true", "`teacher.paired` is `true`"),
        (
            r#"networks.a={specialist={of="teacher", cluster=3, clusters=2}, epochs=1}"#,
            "`networks.a.specialist.cluster` is `3`, expected from 1 to the 2",
        ),
        (
            r#"networks.a={specialist={of="student", cluster=1, clusters=2}, epochs=1}"#,
            "`networks.a.specialist.of` is `student`",
        ),
        (
            r#"networks.a={model="vgg-small", specialist={of="teacher", cluster=1, clusters=2}, epochs=1}"#,
            "expected beside it no more than `epochs`",
        ),
        (
            r#"networks.a={specialist={of="teacher", cluster=1, clusters=11}, epochs=1}"#,
            "`networks.a.specialist.clusters` is `11`, expected from 2 to the 10 classes",
        ),
        (
            r#"networks={a={specialist={of="teacher", cluster=1, clusters=2}, epochs=1}, b={model="vgg-small", epochs=1, from="a"}}"#,
            "`networks.b.from` is `a`, expected a network that knows all classes",
        ),
        (
            r#"networks.a={specialists={generalist="teacher", members=["b"]}}"#,
            "`networks.a.specialists.members` is `b`",
        ),
        (
            r#"networks.a={specialist={of="teacher", cluster=1, clusters=1}, epochs=1}"#,
            "`networks.a.specialist.clusters` is `1`, expected from 2",
        ),
        (
            r#"networks={a={specialist={of="teacher", cluster=1, clusters=2}, epochs=1}, b={specialists={generalist="a", members=["a"]}}}"#,
            "`networks.b.specialists.members` is `a`",
        ),
        (
            r#"networks={a={specialist={of="teacher", cluster=1, clusters=2}, epochs=1, peers=["b"]}, b={model="vgg-small"}}"#,
            "expected beside it no more than `epochs`",
        ),
        (
            r#"networks.a={model="vgg-small", epochs=1, from="teacher", objective=[{term="top-k", k=20}]}"#,
            "[networks.a]",
        ),
        (
            r#"networks.a={model="vgg-small", epochs=1, from="teacher", objective=[{term="cross-entropy"}]}"#,
            "`networks.a.from` is `teacher`, expected to be left out, or an objective",
        ),
        (
            r#"networks.a={model="vgg-small", weights="x.bpk", train=10}"#,
            "`networks.a.train` is `given`, expected to be left out",
        ),
        (r#"student.specialist={of="teacher", cluster=1, clusters=2}"#, "`student.specialist`"),
        (r#"student.peers=["nobody"]"#, "`student.peers` is `nobody`"),
        (r#"networks.a={model="vgg-small", epochs=1, peers=["a"]}"#, "`networks.a.peers` is `a`"),
        (
            r#"networks={a={model="vgg-small", epochs=1, peers=["b"]}, b={model="vgg-small", epochs=2}}"#,
            "`networks.b` is a peer of `a`, expected a model and nothing else",
        ),
        (
            r#"networks={a={model="vgg-small"}, b={model="vgg-small", epochs=1, peers=["a"], objective=[{term="cross-entropy", weight=-1.0}]}}"#,
            "[networks.b] `objective[0].weight` is `-1`",
        ),
        (
            r#"networks={a={model="vgg-small"}, b={model="vgg-small", epochs=1, peers=["a"], size=0}}"#,
            "`networks.b.size` is `0`",
        ),
        (
            r#"networks={a={model="vgg-small", epochs=1, from="teacher", peers=["b"]}, b={model="vgg-small"}}"#,
            "`networks.a.from` is `teacher`, expected to be left out",
        ),
        (
            r#"networks={a={model="vgg-small", epochs=2, peers=["b"]}, b={model="vgg-small"}, c={model="vgg-small", epochs=1, from="b@1"}}"#,
            "`networks.c.from` is `b@1`",
        ),
    ] {
        let error = refused(&folder.path().join("out"), setting);
        assert!(error.contains(expected), "{setting}: {error}, expected {expected}");
    }
}

#[test]
fn an_ensemble_has_no_features() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let similarity = r#"objective=[{term="similarity", weight=1.0}]"#;
    let config = flex(&out, &[&ENSEMBLE[..], &[similarity]].concat());
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.to_string().contains("`student.from` is `teacher`, expected one network"),
        "{error}"
    );
}

fn network(run: &Path, name: &str, file: &str, device: &Device) -> Teacher {
    let weights = run.join("networks").join(name).join(file);
    let card = ModelCard::beside(&weights).unwrap().unwrap();
    Teacher::new(&card.load(&weights, device).unwrap(), card.preprocessing())
}

fn inputs(run: &Path, stage: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(run.join(stage).join("inputs.json")).unwrap()).unwrap()
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}
