//! Steps of one sample: refused where a batch norm has maps of 1x1, and allowed elsewhere.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::config;
use distill_driver::{DriverError, RunConfig, Silent, forecast, run};

/// Images of 4x4 are 1x1 in the third stage.
const SMALL: &str = r#"student={model="resnet20", size=4, epochs=1}"#;

fn flex(out: &Path, settings: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", settings)
}

fn refusal(settings: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run_it = |config: RunConfig| run(&config, &mut Silent, &AtomicBool::new(false)).map(drop);
    let error: DriverError = run_it(flex(&out, settings)).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(!out.exists(), "nothing is left behind");
    let foreseen = forecast(&flex(&out, settings), &mut Silent, &AtomicBool::new(false));
    assert_eq!(foreseen.unwrap_err().to_string(), error.to_string());
    error.to_string()
}

#[test]
fn steps_of_one_sample_are_refused_with_field_layer_and_way_out() {
    let layer = "the batch norm `layer3.0.bn1` of `resnet20` has maps of 1x1";
    for (settings, expected) in [
        (
            &[SMALL, "student.optimizer.batch=1"][..],
            ["`student: optimizer.batch` is `1`, expected at least 2 images", layer],
        ),
        (
            &[SMALL, "optimizer.accumulate=32"],
            ["`student: optimizer.accumulate` is `32`, expected parts of at least 2", layer],
        ),
        (
            &[SMALL, "optimizer.accumulate=20"],
            ["`student: optimizer.accumulate` is `20`", "hint: lower `optimizer.accumulate`"],
        ),
        (
            &[SMALL, "student.train=97"],
            ["`student: optimizer.batch` is `32`, expected a size that leaves no last", "hint: "],
        ),
        (
            &[r#"teacher={model="resnet20", size=4, epochs=1, optimizer={batch=1}}"#],
            ["`teacher: optimizer.batch` is `1`", layer],
        ),
        (
            &[
                "student.size=4",
                r#"networks.a={model="resnet20"}"#,
                r#"student.peers=["a"]"#,
                "student.optimizer.accumulate=32",
            ],
            ["`student: optimizer.accumulate` is `32`", layer],
        ),
    ] {
        let error = refusal(settings);
        for part in expected {
            assert!(error.contains(part), "{settings:?}: {error}, expected {part}");
        }
    }
}

#[test]
fn connectors_of_one_place_are_refused_too() {
    for (term, sizes) in [
        ("hint", ["teacher.size=4", "student.size=8"]),
        ("overhaul", ["teacher.size=4", "student.size=4"]),
        ("review", ["teacher.size=4", "student.size=4"]),
    ] {
        let taps = r#"taps=[["block2", "block2"]]"#;
        let objective =
            format!(r#"objective=[{{term="{term}", {taps}}}, {{term="cross-entropy"}}]"#);
        let [teacher, student] = sizes;
        let error = refusal(&[teacher, student, &objective, "student.optimizer.batch=1"]);
        assert!(error.contains(&format!("the batch norm of the term `{term}`")), "{error}");
    }
    // The deepest level of a review is averaged over the map, whatever the size of the map.
    let error = refusal(&[
        r#"objective=[{term="review"}, {term="cross-entropy"}]"#,
        "student.optimizer.batch=1",
    ]);
    assert!(error.contains("the batch norm of the term `review`"), "{error}");
}

#[test]
fn one_sample_is_enough_where_maps_are_larger_or_no_norm_is() {
    for settings in [
        &["optimizer.batch=1"][..],
        &["optimizer.accumulate=32"],
        &[r#"student={model="mlp-800", hidden=[8], size=2, epochs=1, optimizer={batch=1}}"#],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings.to_vec();
        settings.extend(["teacher.epochs=1", "data.train=32"]);
        let config = flex(folder.path(), &settings);
        let done = run(&config, &mut Silent, &AtomicBool::new(false));
        assert!(done.is_ok(), "{settings:?}: {:?}", done.err());
    }
}
