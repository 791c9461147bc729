//! Training without a recipe, from a source that reads each sample from disk.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use burn::tensor::Device;
use distill_collective::Solo;
use distill_datasets::{
    DataError, HostBatch, HostInput, ImageShape, Loader, Normalisation, Relabelled, SampleId,
    Source, Targets, ViewKey,
    keyed::{KeyedRng, Operation},
};
use distill_driver::{
    DriverError, Event, ImagePreprocessing, Observer, Preprocessing, Silent, Stage,
    teacher::{Teacher, TeacherOutputs},
    training::{
        Context, EarlyStopping, Learner, OptimizerConfig, Trained, TrainingConfig, TrainingData,
        train,
    },
};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_objective::{Objective, SoftTargetsConfig, TermConfig};

const SHAPE: ImageShape = ImageShape { channels: 1, height: 4, width: 4 };
const CLASSES: usize = 3;
/// Samples of a file.
const EACH: u64 = 20;

/// Files of samples, a shard each: 16 bytes and a class, again and again.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    shards: Vec<Range<SampleId>>,
}

impl Files {
    /// Writes `count` files of images that are bright in the third of their class.
    fn write(folder: &Path, count: u64) -> Self {
        fs::create_dir_all(folder).unwrap();
        for file in 0..count {
            let mut bytes = Vec::new();
            for id in file * EACH..(file + 1) * EACH {
                let class = (id % CLASSES as u64) as u8;
                let mut rng = KeyedRng::new(1, 0, id, Operation::Draw);
                for at in 0..16 {
                    let bright = if at / 6 == class { 120 } else { 0 };
                    bytes.push(bright + rng.below(100) as u8);
                }
                bytes.push(class);
            }
            fs::write(folder.join(file.to_string()), bytes).unwrap();
        }
        let shards = (0..count).map(|file| file * EACH..(file + 1) * EACH).collect();
        Self { folder: folder.to_owned(), shards }
    }
}

impl Source for Files {
    fn shards(&self) -> &[Range<SampleId>] {
        &self.shards
    }

    fn read(&self, ids: &[SampleId], _: ViewKey, into: &mut HostBatch) -> Result<(), DataError> {
        let (mut pixels, mut classes) = (Vec::new(), Vec::new());
        for id in ids {
            let path = self.folder.join((id / EACH).to_string());
            let bytes = fs::read(&path).map_err(|source| DataError::Io { path, source })?;
            let sample = &bytes[(id % EACH * 17) as usize..][..17];
            pixels.extend_from_slice(&sample[..16]);
            classes.push(i32::from(sample[16]));
        }
        into.input = HostInput::Images { shape: SHAPE, pixels };
        into.targets = Targets::Classes(classes);
        Ok(())
    }

    fn identity(&self) -> &str {
        "files of this test"
    }
}

fn network(seed: u64, device: &Device) -> Network {
    let overrides = Overrides { hidden: Some(vec![16]), ..Default::default() };
    let signature = Signature::images([1, 4, 4], CLASSES);
    let mut rng = KeyedRng::new(seed, 0, 0, Operation::Weights);
    let architecture = Architecture::named("mlp-800", overrides).unwrap();
    architecture.init(&signature, &mut rng, device).unwrap()
}

/// Six epochs from the files of `data`, with a teacher where there is one, into the folder `out`.
fn trained(
    data: &Path,
    teacher: Option<&TeacherOutputs>,
    out: &Path,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Trained, DriverError> {
    let config = TrainingConfig {
        epochs: 6,
        optimizer: OptimizerConfig { learning_rate: 0.01, batch: 8, ..Default::default() },
        log_every: 5,
        checkpoint_every: Some(2),
        ..TrainingConfig::default()
    };
    with(config, data, teacher, out, interrupt, observer)
}

fn with(
    config: TrainingConfig,
    data: &Path,
    teacher: Option<&TeacherOutputs>,
    out: &Path,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Trained, DriverError> {
    from(Arc::new(Files::write(data, 6)), config, teacher, out, interrupt, observer)
}

fn from(
    source: Arc<dyn Source>,
    config: TrainingConfig,
    teacher: Option<&TeacherOutputs>,
    out: &Path,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Trained, DriverError> {
    let (device, preprocessing) = (Device::flex(), preprocessing());
    let terms = match teacher {
        Some(_) => vec![TermConfig::SoftTargets(SoftTargetsConfig::default())],
        None => vec![TermConfig::CrossEntropy(Default::default())],
    };
    let data = TrainingData {
        train: &Loader::shuffled(source.clone(), 8, 1).with_window(2).with_workers(2),
        validation: &Loader::in_order(source, 50),
        preprocessing: &preprocessing,
        negatives: None,
    };
    let mut context = Context {
        stage: Stage::named("own"),
        folder: out,
        fingerprint: "of this test",
        seed: 1,
        device: &device,
        collective: &Solo,
        interrupt,
        observer,
    };
    let learner = Learner::new(network(2, &device));
    train(learner, &data, &Objective::new(&terms).unwrap(), teacher, &config, &mut context)
}

fn preprocessing() -> Preprocessing {
    let normalisation = Normalisation { mean: vec![0.4], std: vec![0.3] };
    ImagePreprocessing { shape: SHAPE, normalisation }.into()
}

#[test]
fn a_network_learns_from_files_that_are_read_sample_by_sample() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("teacher"));
    let go_on = AtomicBool::new(false);
    let teacher = trained(&data, None, &out, &go_on, &mut Silent).unwrap();
    assert!(teacher.best.top1 > 0.9, "{:?}", teacher.best);

    // And another one from it, with soft targets alone.
    let device = Device::flex();
    let network = distill_models::weights::load(network(2, &device), &out.join("last.bpk"));
    let outputs = TeacherOutputs::live(Teacher::new(&network.unwrap(), preprocessing()));
    let out = folder.path().join("student");
    let student = trained(&data, Some(&outputs), &out, &go_on, &mut Silent).unwrap();
    assert!(student.best.top1 > 0.9, "{:?}", student.best);
}

/// Asks for a stop after some steps.
struct StopAfter<'a> {
    steps: usize,
    interrupt: &'a AtomicBool,
}

impl Observer for StopAfter<'_> {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Steps { epoch: 2, step, .. } = event {
            self.interrupt.store(step >= self.steps, Ordering::Relaxed);
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let optimizer = |change: fn(&mut OptimizerConfig)| {
        let mut config = TrainingConfig::default();
        change(&mut config.optimizer);
        config
    };
    let refused = [
        ("epochs", TrainingConfig { epochs: 0, ..Default::default() }),
        ("log_every", TrainingConfig { log_every: 0, ..Default::default() }),
        ("checkpoint_every", TrainingConfig { checkpoint_every: Some(0), ..Default::default() }),
        (
            "patience",
            TrainingConfig {
                early_stopping: Some(EarlyStopping { patience: 0, min_delta: 0.0 }),
                ..Default::default()
            },
        ),
        ("accumulate", optimizer(|own| own.accumulate = 0)),
        ("learning_rate", optimizer(|own| own.learning_rate = f64::NAN)),
    ];
    for (field, config) in refused {
        let folder = tempfile::tempdir().unwrap();
        let (go_on, out) = (AtomicBool::new(false), folder.path().join("out"));
        let data = folder.path().join("data");
        let result = with(config, &data, None, &out, &go_on, &mut Silent);
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(&format!("own: `{field}` is ")), "{error}");
    }
}

#[test]
fn a_batch_norm_of_one_value_is_refused_and_one_in_the_last_batch_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Files::write(&folder.path().join("data"), 2));
    let samples = source.samples() as usize;
    let (device, preprocessing, go_on) = (Device::flex(), preprocessing(), AtomicBool::new(false));
    // Images of 4x4 are 1x1 in its third stage.
    let network = Architecture::named("resnet20", Overrides::default()).unwrap();
    let signature = Signature::images([1, 4, 4], CLASSES);
    let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
    let network = network.init(&signature, &mut rng, &device).unwrap();
    let train_in = |batch: usize, accumulate: usize| {
        let mut notes = Notes::default();
        let data = TrainingData {
            train: &Loader::shuffled(source.clone(), batch, 1),
            validation: &Loader::in_order(source.clone(), 50),
            preprocessing: &preprocessing,
            negatives: None,
        };
        let mut context = Context {
            stage: Stage::named("own"),
            folder: &folder.path().join("out"),
            fingerprint: &format!("{batch} {accumulate}"),
            seed: 1,
            device: &device,
            collective: &Solo,
            interrupt: &go_on,
            observer: &mut notes,
        };
        let objective = Objective::new(&[TermConfig::CrossEntropy(Default::default())]).unwrap();
        let optimizer = OptimizerConfig { accumulate, ..Default::default() };
        let config = TrainingConfig { optimizer, ..Default::default() };
        let learner = Learner::new(network.clone());
        let result = train(learner, &data, &objective, None, &config, &mut context);
        (result.map(drop).map_err(|error| error.to_string()), notes.0)
    };
    let norm = "the batch norm `layer3.0.bn1` sees one value per channel";
    for (batch, accumulate, expected) in [
        (1, 1, "own: `batch` is `1`, expected at least 2 images"),
        (4, 3, "own: `accumulate` is `3`, expected parts of at least 2 images"),
    ] {
        let error = train_in(batch, accumulate).0.unwrap_err();
        assert!(error.starts_with(expected) && error.contains(norm), "{error}");
        assert!(!folder.path().join("out").exists(), "nothing is left behind");
    }
    let (result, notes) = train_in(samples - 1, 1);
    assert_eq!(result, Ok(()));
    let warning = format!("warning: own: in the last batch of an epoch {norm}");
    assert!(notes.iter().any(|note| note.starts_with(&warning)), "{notes:?}");
}

/// Everything that a training had to say.
#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Note(text) = event {
            self.0.push(text);
        }
    }
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::write(&folder.path().join("data"), 2);
    let none = Files { folder: files.folder.clone(), shards: Vec::new() };
    let sources: [(Arc<dyn Source>, &str); 2] = [
        (Arc::new(none), "own: the training set has no samples, expected at least one"),
        (
            Arc::new(Relabelled::new(Arc::new(files), vec![0, 1, 7])),
            "targets: class 7, expected classes from 0 to below the network's 3",
        ),
    ];
    for (source, expected) in sources {
        let (go_on, out) = (AtomicBool::new(false), folder.path().join("out"));
        let result = from(source, TrainingConfig::default(), None, &out, &go_on, &mut Silent);
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_interruption_changes_no_bit_and_a_lost_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (data, whole) = (folder.path().join("data"), folder.path().join("whole"));
    let go_on = AtomicBool::new(false);
    trained(&data, None, &whole, &go_on, &mut Silent).unwrap();

    let parted = folder.path().join("parted");
    let interrupt = AtomicBool::new(false);
    let mut stop = StopAfter { steps: 5, interrupt: &interrupt };
    let stopped = trained(&data, None, &parted, &interrupt, &mut stop);
    assert!(matches!(stopped, Err(DriverError::Interrupted { .. })), "{stopped:?}");
    trained(&data, None, &parted, &go_on, &mut Silent).unwrap();
    let last = |out: &Path| fs::read(out.join("last.bpk")).unwrap();
    assert!(last(&whole) == last(&parted), "the weights differ");

    let lost = folder.path().join("lost");
    let source = Files::write(&lost, 6);
    fs::remove_file(lost.join("3")).unwrap();
    let loader = Loader::in_order(Arc::new(source), 50);
    let network = Teacher::new(&network(2, &Device::flex()), preprocessing());
    let error = network.predictions(&loader, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("lost"), "{error}");
}
