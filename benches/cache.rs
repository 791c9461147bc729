//! What a batch of kept answers costs, beside a batch of the live teacher's.

use std::sync::{Arc, atomic::AtomicBool};

use burn::tensor::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use distill_datasets::{
    Augment, Augmented, HostBatch, Loader,
    digits::{DigitsConfig, digits},
    keyed::{KeyedRng, Operation},
};
use distill_driver::{
    ImagePreprocessing, Silent,
    teacher::{CacheConfig, CacheRequest, OutputCache, Teacher},
};
use distill_models::{Architecture, Overrides, Signature};
use distill_objective::TapShape;

const BATCH: usize = 64;

fn cache(criterion: &mut Criterion) {
    let device = Device::flex();
    let set = digits(DigitsConfig { train: 2048, test: 10, seed: 0 });
    let augment = vec![Augment::PadCrop(4), Augment::Flip];
    let source = Arc::new(Augmented::new(set.train.clone(), augment));
    let batches = Loader::shuffled(source, BATCH, 1);
    let batch = batches.one(1, 0).expect("it is there").expect("a batch");
    let view =
        ImagePreprocessing { shape: set.train.shape(), normalisation: set.normalisation.clone() };
    let teacher = || {
        let signature = Signature::images([3, 32, 32], 10);
        let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
        let network = Architecture::named("resnet56", Overrides::default())
            .and_then(|architecture| architecture.init(&signature, &mut rng, &device))
            .expect("a network of the zoo");
        Teacher::new(&network, view.clone())
    };
    let mut group = criterion.benchmark_group("cache/batch-64");
    group.sample_size(20).throughput(Throughput::Elements(BATCH as u64));

    let live = teacher();
    let images = batch.clone().to_device(&device).expect("images").input;
    group.bench_function("live/resnet56", |b| {
        b.iter(|| live.logits(images.clone()).expect("images").into_data());
    });

    let folder = std::env::temp_dir().join(format!("distill-bench-{}", std::process::id()));
    let tap = TapShape::map("layer3", [64, 8, 8]);
    for (name, taps) in [("logits", vec![]), ("logits-and-layer3", vec![tap])] {
        let mut teacher = teacher();
        let names: Vec<&str> = taps.iter().map(|tap| tap.name.as_str()).collect();
        teacher.select(&names).expect("a tap of it");
        let filling = CacheRequest {
            cache: &folder,
            section: &CacheConfig::default(),
            classes: 10,
            taps,
            inputs: serde_json::json!({ "bench": name }),
            batches: batches.clone(),
            views: 1,
            plain: None,
            device: &device,
        };
        let kept = filling.fill(&teacher, &AtomicBool::new(false), &mut Silent).expect("it fits");
        group.bench_function(format!("kept/{name}"), |b| b.iter(|| read(&kept, &batch)));
    }
    group.finish();
    std::fs::remove_dir_all(&folder).expect("the folder is this bench's own");
}

fn read(kept: &OutputCache, batch: &HostBatch) -> usize {
    let (logits, taps) = kept.outputs(batch.view, &batch.samples).expect("they are there");
    logits.dims()[0] + taps.len()
}

criterion_group!(benches, cache);
criterion_main!(benches);
