//! The teacher's cached outputs: what a student learns from them, and how they survive.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use burn::tensor::Device;
use common::config;
use distill_driver::{
    Event, Observer, Report, RunConfig, Silent, run,
    teacher::{cache_clear, cache_list, cache_verify},
};
use survival::{Notes, bits, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

const VIEWS: &str = r#"data.augment=["pad-crop 2", "flip"]"#;

#[test]
fn a_student_of_kept_answers_has_the_bits_of_a_live_teachers() {
    let _turn = TURN.lock();
    let features = r#"objective=[{term="soft-targets"}, {term="hint"}, {term="attention"}, {term="crd", dim=8, negatives=16}]"#;
    // A perceptron's matrix products round by the batch; 192 images are six whole batches, 200 are not.
    let perceptron = vec![
        r#"teacher={model="mlp-800", hidden=[64, 64], epochs=3}"#,
        r#"student={model="mlp-800", hidden=[8], epochs=3}"#,
        "data.train=200",
    ];
    for (name, settings) in
        [("logits", vec![VIEWS]), ("features", vec![VIEWS, features]), ("perceptron", perceptron)]
    {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let flex = |out: &str, more: &[&str]| with_cache(folder.path(), out, more);
        let live = complete(&flex("live", &settings));
        let cached = [&settings[..], &["cache={}"]].concat();
        let first = complete(&flex("first", &cached));
        let mut notes = Notes::default();
        let second = run(&flex("second", &cached), &mut notes, &AtomicBool::new(false)).unwrap();
        for out in ["first", "second"] {
            assert!(
                metrics(&place(out), "student") == metrics(&place("live"), "student"),
                "{name}"
            );
            for file in ["student/last.bpk", "student/selected.bpk"] {
                assert!(bits(&place(out).join(file)) == bits(&place("live").join(file)), "{name}");
            }
        }
        assert!(live.models.student.teacher_seconds > 0.0, "{name}");
        for report in [&first, &second] {
            assert_eq!(report.models.student.teacher_seconds, 0.0, "{name}");
            assert_eq!(report.models.student.test, live.models.student.test, "{name}");
        }
        let text = "all 3 views are there, the teacher is not run";
        assert!(notes.0.iter().any(|note| note.contains(text)), "{name}: {:?}", notes.0);

        // Exact outputs are the live teacher's, so a finished student stands.
        let skipped = complete(&flex("live", &cached));
        assert_eq!(skipped, live, "{name}");
    }
}

#[test]
fn fewer_views_are_reused_and_the_baseline_sees_the_same() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let labels = r#"objective=[{term="cross-entropy"}, {term="soft-targets", weight=1e-30}]"#;
    let config = with_cache(folder.path(), "run", &[VIEWS, labels, "cache.views=1"]);
    complete(&config);
    let out = &config.out;
    let epochs = |stage: &str| -> Vec<f64> {
        let lines = metrics(out, stage);
        let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        let epochs = lines.filter(|line: &serde_json::Value| line["event"] == "epoch");
        epochs.map(|line| line["terms"]["cross-entropy"].as_f64().unwrap()).collect()
    };
    assert_eq!(epochs("baseline"), epochs("student"));
    let entries = cache_list(&config.cache).unwrap();
    assert_eq!((entries.len(), &entries[0].views[..]), (1, &[1][..]));
    assert_eq!(entries[0].record.as_ref().unwrap().image_bytes, 40);

    let more = with_cache(folder.path(), "run", &[VIEWS, labels, "cache.views=2"]);
    complete(&more);
    let entries = cache_list(&config.cache).unwrap();
    assert_eq!((entries.len(), &entries[0].views[..]), (1, &[1, 2][..]), "one entry grows");
}

#[test]
fn smaller_answers_teach_nearly_the_same() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let loss = |name: &str, cache: &str| {
        let config = with_cache(folder.path(), name, &[VIEWS, cache]);
        complete(&config);
        let text = metrics(&config.out, "student");
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["loss"].as_f64().unwrap()
    };
    let exact = loss("exact", "cache={}");
    for (name, cache, bound) in [
        ("half", r#"cache={precision="f16"}"#, 1e-3),
        ("top", r#"cache={top_k=9}"#, 1e-5),
        ("few", r#"cache={top_k=3, precision="f16"}"#, 0.2),
    ] {
        let kept = loss(name, cache);
        assert!((kept - exact).abs() <= bound * exact, "{name}: {kept} and {exact}");
        assert!(name == "top" || kept != exact, "{name}");
    }
    let sizes: Vec<u64> = cache_list(&folder.path().join("cache"))
        .unwrap()
        .iter()
        .map(|entry| entry.record.as_ref().unwrap().image_bytes)
        .collect();
    let mut sorted = sizes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [3 * 4 + 4 * 2, 20, 40, 9 * 4 + 10 * 4]);
}

#[test]
fn what_is_damaged_or_missing_is_computed_again() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let whole = with_cache(folder.path(), "whole", &[VIEWS, "cache={}"]);
    complete(&whole);
    let entry = cache_list(&whole.cache).unwrap().remove(0);
    let shard = |view: usize| whole.cache.join(format!("{}/view-{view:05}/00000", entry.name));
    assert_eq!(cache_verify(&whole.cache, &[]).unwrap(), []);

    let mut bytes = fs::read(shard(2)).unwrap();
    bytes[500] ^= 1;
    fs::write(shard(2), &bytes).unwrap();
    fs::write(shard(3), &bytes[..100]).unwrap();
    fs::remove_file(shard(1)).unwrap();
    let faults = cache_verify(&whole.cache, std::slice::from_ref(&entry.name)).unwrap();
    assert_eq!(faults.iter().map(|fault| &fault.path).collect::<Vec<_>>(), [&shard(2), &shard(3)]);
    assert_eq!(faults[0].problem, "its checksum differs");

    let again = with_cache(folder.path(), "again", &[VIEWS, "cache={}"]);
    let mut notes = Notes::default();
    run(&again, &mut notes, &AtomicBool::new(false)).unwrap();
    let warnings = notes.0.iter().filter(|note| note.starts_with("warning: ")).count();
    assert_eq!(warnings, 2, "{:?}", notes.0);
    assert!(notes.0.iter().any(|note| note.contains("computed 576 images")), "{:?}", notes.0);
    assert!(metrics(&again.out, "student") == metrics(&whole.out, "student"));
    assert_eq!(cache_verify(&whole.cache, &[]).unwrap(), []);
}

#[test]
fn a_damaged_record_is_told_and_written_again() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = |out: &str| with_cache(folder.path(), out, &["cache.views=1"]);
    complete(&config("one"));
    let cache = folder.path().join("cache");
    let name = cache_list(&cache).unwrap().remove(0).name;
    let record = cache.join(&name).join("entry.json");
    let whole = fs::read(&record).unwrap();
    let absurd = String::from_utf8(whole.clone()).unwrap().replace(
        "\"images\": 192,\n  \"shard_images\": 8192",
        "\"images\": 18446744073709551615,\n  \"shard_images\": 1",
    );
    assert_ne!(absurd.as_bytes(), whole);
    for damage in ["{", &absurd] {
        fs::write(&record, damage).unwrap();
        assert_eq!(cache_verify(&cache, &[]).unwrap().len(), 1, "{damage}");
        assert_eq!(cache_list(&cache).unwrap().len(), 1);
        let mut notes = Notes::default();
        let out = format!("again-{}", damage.len());
        run(&config(&out), &mut notes, &AtomicBool::new(false)).unwrap();
        let told = |text: &str| notes.0.iter().any(|note| note.contains(text));
        assert!(told("a damaged record of the teacher cache"), "{:?}", notes.0);
        assert!(told("the teacher is not run"), "the shards are whole: {:?}", notes.0);
        assert_eq!(fs::read(&record).unwrap(), whole);
    }
    // A cache of one's own that is full does not refuse what is there already.
    complete(&with_cache(folder.path(), "full", &["cache={views=1, limit_gib=1e-9}"]));
}

#[test]
fn an_interrupted_filling_keeps_what_is_whole() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    struct StopFilling<'a>(&'a AtomicBool);
    impl Observer for StopFilling<'_> {
        fn on(&mut self, event: Event<'_>) {
            if matches!(event, Event::TeacherOutputs { done, .. } if done > 250) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let config = with_cache(folder.path(), "run", &[VIEWS, "cache={}"]);
    let interrupt = AtomicBool::new(false);
    let error = run(&config, &mut StopFilling(&interrupt), &interrupt).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    assert!(error.to_string().contains("`teacher cache`"), "{error}");
    assert_eq!(cache_list(&config.cache).unwrap()[0].views, [1, 2]);
    assert_eq!(cache_verify(&config.cache, &[]).unwrap(), [], "what is unfinished is no fault");

    let mut notes = Notes::default();
    run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(notes.0.iter().any(|note| note.contains("computed 384 images")), "{:?}", notes.0);
}

#[test]
fn answers_in_use_are_not_cleared() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = with_cache(folder.path(), "run", &["cache.views=1"]);
    complete(&config);
    let entry = cache_list(&config.cache).unwrap().remove(0);
    let reader = fs::File::open(config.cache.join(&entry.name).join("use.lock")).unwrap();
    reader.lock_shared().unwrap();
    let cleared = cache_clear(&config.cache, &[]).unwrap();
    assert_eq!((cleared.bytes, &cleared.in_use[..]), (0, &[entry.name.clone()][..]));
    drop(reader);
    let error = cache_clear(&config.cache, &["0123".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("no cached outputs called `0123`"), "{error}");
    assert_eq!(cache_clear(&config.cache, &[entry.name]).unwrap().bytes, entry.bytes);
    assert!(cache_list(&config.cache).unwrap().is_empty());
}

#[test]
fn what_there_is_no_room_for_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, expected) in [
        ("cache={limit_gib=1e-6}", "`cache.limit_gib` allows 0.00 MiB"),
        // A thousand epochs of feature maps: more than any disk of a test machine has.
        (r#"objective=[{term="hint", taps=[["block1.preact", "block1.preact"]]}]"#, "MiB are free"),
        ("cache={top_k=10}", "`cache.top_k` is `10`, expected below the 10 classes"),
    ] {
        let epochs = "student.epochs=1000000";
        let more = if setting.contains("hint") {
            vec![epochs, "cache={}", setting]
        } else {
            vec![setting]
        };
        let config = with_cache(folder.path(), "run", &more);
        let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains(expected), "{error}, expected {expected}");
        assert!(
            !config.out.exists() && !config.cache.exists(),
            "{setting}: nothing is left behind"
        );
    }
}

#[test]
fn an_entry_names_everything_that_its_outputs_depend_on() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = with_cache(folder.path(), "run", &["cache={}"]);
    complete(&config);
    let entry = &cache_list(&config.cache).unwrap()[0];
    let entry = config.cache.join(&entry.name).join("entry.json");
    let entry = fs::read_to_string(entry).unwrap();
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    let mut names: Vec<&String> = entry["inputs"].as_object().unwrap().keys().collect();
    names.sort();
    let expected = "architecture augment backend batch burn classes dataset dataset_sha256 device format image \
                    images model plain_images precision seed taps teacher top_k validation without";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(entry["inputs"]["image"], serde_json::json!([3, 32, 32]));
}

fn with_cache(folder: &Path, out: &str, more: &[&str]) -> RunConfig {
    let mut config = flex(&folder.join(out), more);
    config.cache = folder.join("cache");
    config
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}
