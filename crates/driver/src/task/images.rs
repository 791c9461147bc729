//! Classification of images.

use std::{collections::BTreeMap, path::Path, path::PathBuf, sync::Arc};

use burn::tensor::{Device, Tensor};
use distill_datasets::{
    Dataset, ImageSet, ImageShape, ImageTransform, Input, Normalisation, Source,
};
use distill_models::{Architecture, Signature};
use serde_json::{Value, json};

use super::{Samples, Task};
use crate::{
    DriverError, ForeignPreprocessing, ImagePreprocessing, Preprocessing, Stage,
    recipe::{Origin, Plan, SinglePlan},
    records::ModelCard,
};

/// Images of a dataset with a class each.
#[derive(Debug)]
pub(crate) struct ImageTask {
    name: String,
    sha256: String,
    classes: Vec<String>,
    /// Bytes of all images.
    bytes: u64,
    /// From an image file to what the networks' preprocessing starts from.
    transform: ImageTransform,
    /// Training images of the recipe.
    train: Arc<ImageSet>,
    /// Places of their files, where each is one.
    train_files: Vec<String>,
    sets: BTreeMap<Stage, TrainingSet>,
    validation: Arc<ImageSet>,
    test: Arc<ImageSet>,
    /// Of a folder of images, the place of each test image's file in it; else empty.
    files: Vec<String>,
    /// Input preprocessing of each network.
    networks: BTreeMap<Stage, ImagePreprocessing>,
}

/// Training images of a stage.
#[derive(Debug, Clone)]
struct TrainingSet {
    images: Arc<ImageSet>,
    /// Of each class whether the stage is trained without it.
    missing: Vec<bool>,
}

/// Version of how image files become bytes; stages of folders that were read in another way are made again.
const DECODING: u32 = 2;

impl ImageTask {
    /// The images of `dataset` for the stages of `plan`, whose given weights are in the files `given`.
    ///
    /// # Errors
    /// [`DriverError`] for a model card beside given weights that does not fit, and for values of the recipe that do
    /// not fit the images.
    pub(crate) fn new(
        plan: &Plan,
        dataset: &Dataset,
        given: &BTreeMap<Stage, PathBuf>,
    ) -> Result<Self, DriverError> {
        let mut networks = BTreeMap::new();
        for (stage, single) in plan.singles() {
            let weights = given.get(&stage).map(PathBuf::as_path);
            let own = preprocessing(plan, single, dataset, weights)?;
            networks.insert(stage, own);
        }
        for (stage, single) in plan.singles() {
            if let Some(specialist) = single.specialist() {
                // It starts from weights that take images preprocessed as its generalist does.
                networks.insert(stage, networks[&specialist.of.stage].clone());
            }
        }
        let (train, validation) = plan.split_sizes(dataset)?;
        let (rest, validation) = dataset.held_out(validation);
        let train = Arc::new(rest.first(train));
        let mut bytes = 0;
        for set in [&dataset.train, &dataset.test].into_iter().chain(&dataset.validation) {
            bytes += (set.len() * set.shape().bytes()) as u64;
        }
        Ok(Self {
            name: dataset.name.clone(),
            sha256: dataset.sha256.clone(),
            classes: dataset.classes.clone(),
            bytes,
            transform: plan.transform(dataset),
            sets: training_sets(plan, &train, dataset)?,
            train_files: dataset.train_files(),
            train,
            validation,
            test: dataset.test.clone(),
            files: (0..dataset.test.len()).map_while(|index| dataset.test_file(index)).collect(),
            networks,
        })
    }

    fn images(&self, stage: Stage) -> &Arc<ImageSet> {
        &self.sets.get(&stage).expect("a stage with weights of its own").images
    }

    fn network(&self, stage: Stage) -> &ImagePreprocessing {
        self.networks.get(&stage).expect("a stage with weights of its own")
    }
}

impl Task for ImageTask {
    fn name(&self) -> &str {
        &self.name
    }

    fn sha256(&self) -> &str {
        &self.sha256
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn train(&self) -> usize {
        self.train.len()
    }

    fn labels(&self, stage: Stage) -> &[u32] {
        self.images(stage).labels()
    }

    fn missing(&self, stage: Stage) -> &[bool] {
        self.sets.get(&stage).map_or(&[], |set| &set.missing)
    }

    fn places(&self, stage: Stage) -> Vec<usize> {
        let missing = self.missing(stage);
        // A stage's own number of images takes the first ones.
        let all = self.train.labels().iter().enumerate();
        let kept = all.filter(|(_, label)| !missing[**label as usize]);
        kept.map(|(place, _)| place).take(self.labels(stage).len()).collect()
    }

    fn train_file(&self, place: usize) -> Option<String> {
        self.train_files.get(place).cloned()
    }

    fn samples(&self, stage: Stage) -> Samples {
        Samples::from(self.images(stage).clone())
    }

    fn selected(&self, stage: Stage, chosen: &[usize], to: &[u32]) -> Samples {
        Samples::from(Arc::new(self.images(stage).selected(chosen).relabelled(to)))
    }

    fn first(&self, stage: Stage, count: usize) -> Arc<dyn Source> {
        Arc::new(self.images(stage).first(count))
    }

    fn validation(&self) -> Arc<dyn Source> {
        self.validation.clone()
    }

    fn test(&self) -> Arc<dyn Source> {
        self.test.clone()
    }

    fn preprocessing(&self, stage: Stage) -> Preprocessing {
        self.network(stage).clone().into()
    }

    fn signature(&self, stage: Stage, classes: usize) -> Signature {
        self.network(stage).signature(classes)
    }

    fn shape(&self) -> (&'static str, Value) {
        let ImageShape { channels, height, width } = self.transform.shape;
        ("image", json!([channels, height, width]))
    }

    fn settings(&self, stage: Stage) -> Vec<(&'static str, Value)> {
        let ImagePreprocessing { shape, normalisation } = self.network(stage);
        let Normalisation { mean, std } = normalisation;
        let mut settings = vec![("mean", json!(mean)), ("std", json!(std))];
        let own = self.transform.shape;
        if shape.height < own.height || shape.width < own.width {
            settings.push(("antialias", json!(true)));
        }
        if self.name == "folder" {
            settings.push(("transform", json!(self.transform)));
            settings.push(("decoding", json!(DECODING)));
        }
        settings
    }

    fn card(&self, stage: Stage, network: &SinglePlan, classes: Vec<String>) -> ModelCard {
        let Normalisation { mean, std } = self.network(stage).normalisation.clone();
        ModelCard {
            model: network.model.clone(),
            architecture: network.architecture.clone(),
            signature: self.signature(stage, classes.len()),
            classes,
            mean,
            std,
            transform: Some(self.transform),
            dataset: self.name.clone(),
            files: Default::default(),
        }
    }

    fn blank(&self, device: &Device) -> Input {
        let ImageShape { channels, height, width } = self.transform.shape;
        Input::Images(Tensor::zeros([1, channels, height, width], device))
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn picture(&self, index: usize) -> Vec<u8> {
        self.test.png(index)
    }

    fn file(&self, index: usize) -> Option<String> {
        self.files.get(index).cloned()
    }
}

impl From<Arc<ImageSet>> for Samples {
    fn from(images: Arc<ImageSet>) -> Self {
        Self { labels: images.labels().to_vec(), source: images }
    }
}

/// Input preprocessing of a network: of its table in the recipe, else of the card beside its weights, else of
/// `[data]` and the dataset.
fn preprocessing(
    plan: &Plan,
    single: &SinglePlan,
    dataset: &Dataset,
    weights: Option<&Path>,
) -> Result<ImagePreprocessing, DriverError> {
    let mut single = single.clone();
    let card = weights.map(ModelCard::beside).transpose()?.flatten();
    let foreign = weights.map(ForeignPreprocessing::beside).transpose()?.flatten();
    if let (None, Some(foreign)) = (&card, foreign) {
        single.size = single.size.or(Some(foreign.transform.shape.height));
        single.mean = single.mean.or(Some(foreign.mean));
        single.std = single.std.or(Some(foreign.std));
    }
    if let (Some(card), Some(weights)) = (card, weights) {
        let pairs = [
            (
                "architecture",
                in_evaluation(&card.architecture),
                in_evaluation(&single.architecture),
            ),
            (
                "signature.channels",
                json!(card.shape().channels),
                json!(dataset.train.shape().channels),
            ),
        ];
        if let Some((field, card, run)) = pairs.into_iter().find(|(_, card, run)| card != run) {
            let file = weights.with_file_name("model.json").display().to_string();
            return Err(DriverError::field(&file, field, card, &format!("this run's {run}")));
        }
        let shape = card.shape();
        let square = shape.height == shape.width;
        single.size = single.size.or(square.then_some(shape.height));
        single.mean = single.mean.or(Some(card.mean));
        single.std = single.std.or(Some(card.std));
    }
    plan.preprocessing(&single, dataset)
}

/// An architecture without what is off in a network that is not trained.
fn in_evaluation(architecture: &Architecture) -> Value {
    let mut fields = json!(architecture);
    for dropout in ["dropout", "input_dropout"] {
        fields.as_object_mut().and_then(|fields| fields.remove(dropout));
    }
    fields
}

/// The training images of each stage, those that are alike only once.
fn training_sets(
    plan: &Plan,
    train: &Arc<ImageSet>,
    dataset: &Dataset,
) -> Result<BTreeMap<Stage, TrainingSet>, DriverError> {
    let mut alike: Vec<(Option<usize>, TrainingSet)> = Vec::new();
    let mut sets: BTreeMap<Stage, TrainingSet> = BTreeMap::new();
    for (stage, single) in plan.singles() {
        if let Origin::Peer(lead) = &single.origin {
            sets.insert(stage, sets[lead].clone());
            continue;
        }
        let own = single.training().and_then(|training| training.train);
        let missing = plan.missing(stage, dataset)?;
        let there = alike.iter().find(|(same, set)| *same == own && set.missing == missing);
        let set = match there {
            Some((_, set)) => set.clone(),
            None => {
                let mut images = match own {
                    Some(own) => Arc::new(train.first(own)),
                    None => train.clone(),
                };
                if missing.contains(&true) {
                    images = Arc::new(images.without(&missing));
                }
                let set = TrainingSet { images, missing };
                alike.push((own, set.clone()));
                set
            }
        };
        let batch = single.training().map_or(0, |training| training.optimizer.batch);
        let left = set.images.len();
        if left < batch {
            let table = &single.table;
            let expected = format!("at most the {left} images that `{table}.without` leaves");
            let field = format!("{table}: optimizer.batch");
            return Err(DriverError::field(&plan.file, &field, batch, &expected));
        }
        sets.insert(stage, set);
    }
    Ok(sets)
}
