//! Our side of the comparison with PyTorch. Reads a case a line, `train NETWORK STEPS` or
//! `forward NETWORK STEPS`, does so many steps of 64 images and prints images a second; `memory`
//! prints the peak resident set in bytes. `benches/peer/peer.py` is the other side.
#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::{collections::BTreeMap, io::BufRead, time::Instant};

use burn::{
    module::Module,
    optim::{
        AdamConfig, GradientsParams, ModuleOptimizer,
        lr_scheduler::module_lr_scheduler::ModuleLearningRate,
    },
    tensor::{Device, Int, Tensor},
};
use distill_benches::{labels, numbers};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_objective::{CrossEntropyConfig, Objective, Signals, SoftTargetsConfig, TermConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 64;
const CLASSES: usize = 10;

fn main() {
    let threads = std::env::args().nth(1).and_then(|threads| threads.parse().ok()).unwrap_or(0);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    // On a thread of the pool, as the binary's commands are: no operation has to be handed over.
    rayon::scope(|_| answer());
}

fn answer() {
    let device = Device::flex();
    let mut bench = Bench {
        images: numbers([BATCH, 3, 32, 32], 1, &device),
        labels: labels(BATCH, CLASSES, &device),
        teacher: numbers([BATCH, CLASSES], 2, &device),
        objective: objective(),
        learning: BTreeMap::new(),
        answering: BTreeMap::new(),
        device,
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["train", name, steps] => println!("{}", bench.train(name, count(steps))),
            ["forward", name, steps] => println!("{}", bench.forward(name, count(steps))),
            ["memory"] => println!("{}", peak_resident_set()),
            ["path"] => println!("{}", distill_kernels::Path::chosen().name()),
            _ => panic!("`{line}` is no case"),
        }
    }
}

struct Bench {
    device: Device,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    teacher: Tensor<2>,
    objective: Objective,
    learning: BTreeMap<String, (Network, ModuleOptimizer)>,
    answering: BTreeMap<String, Network>,
}

impl Bench {
    /// Training steps: forward, 0.40·T²·KL(T=5) + 0.50·CE, backward, Adam.
    fn train(&mut self, name: &str, steps: usize) -> f64 {
        let (mut network, mut optimizer) = self
            .learning
            .remove(name)
            .unwrap_or_else(|| (network(name, &self.device).train(), AdamConfig::new().init()));
        let started = Instant::now();
        for _ in 0..steps {
            let logits = network.forward(self.images.clone().autodiff());
            let signals = Signals::new(logits, self.labels.clone().autodiff())
                .and_then(|signals| signals.with_teacher(self.teacher.clone().autodiff()));
            let signals = signals.expect("shapes that fit");
            let total = self.objective.evaluate(&signals).expect("all that it needs").total;
            let gradients = GradientsParams::from_grads(total.backward(), &network);
            network = optimizer.step(ModuleLearningRate::from(1e-4), network, gradients);
        }
        let seconds = started.elapsed().as_secs_f64();
        self.learning.insert(name.to_owned(), (network, optimizer));
        (BATCH * steps) as f64 / seconds
    }

    /// Logits in evaluation mode.
    fn forward(&mut self, name: &str, steps: usize) -> f64 {
        let made = || network(name, &self.device).valid();
        let network = self.answering.entry(name.to_owned()).or_insert_with(made);
        let started = Instant::now();
        for _ in 0..steps {
            let _ = network.forward(self.images.clone()).into_data();
        }
        (BATCH * steps) as f64 / started.elapsed().as_secs_f64()
    }
}

fn objective() -> Objective {
    let soft =
        SoftTargetsConfig { temperature: 5.0.into(), weight: 0.4.into(), ..Default::default() };
    let hard = CrossEntropyConfig { weight: 0.5.into(), ..Default::default() };
    let terms = [TermConfig::SoftTargets(soft), TermConfig::CrossEntropy(hard)];
    Objective::new(&terms).expect("constants in range")
}

fn network(name: &str, device: &Device) -> Network {
    let signature = Signature { channels: 3, height: 32, width: 32, classes: CLASSES };
    let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
    Architecture::named(name, Overrides::default())
        .and_then(|architecture| architecture.init(&signature, &mut rng, device))
        .expect("a network of the zoo")
}

fn count(word: &str) -> usize {
    word.parse().expect("a number of steps")
}

/// In bytes, as Linux says; 0 elsewhere.
fn peak_resident_set() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
