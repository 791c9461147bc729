//! Our side of the comparison with PyTorch: `peer THREADS BACKEND PRECISION`. Reads a case a line, `train NETWORK
//! BATCH STEPS`, `forward NETWORK BATCH STEPS` or `distill TEACHER STUDENT BATCH STEPS`, and prints images a second;
//! `memory` prints the peak resident set in bytes. `benches/peer/peer.py` is the other side.
#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::{collections::BTreeMap, io::BufRead, time::Instant};

use burn::{
    module::Module,
    optim::{
        AdamConfig, GradientsParams, ModuleOptimizer,
        lr_scheduler::module_lr_scheduler::ModuleLearningRate,
    },
    tensor::{Device, FloatDType, Int, Tensor},
};
use distill_benches::{labels, numbers};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_objective::{CrossEntropyConfig, Objective, Signals, SoftTargetsConfig, TermConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;

fn main() {
    let argument = |at| std::env::args().nth(at).unwrap_or_default();
    let threads = argument(1).parse().unwrap_or(0);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    let (_, device) =
        distill_backends::choose(Some(&argument(2))).expect("a backend with a device");
    let precision = match argument(3).as_str() {
        "bf16" => FloatDType::BF16,
        "f16" => FloatDType::F16,
        _ => FloatDType::F32,
    };
    // On a thread of the pool, as the binary's commands are: no operation has to be handed over.
    rayon::scope(|_| Bench::new(device, precision).answer());
}

struct Bench {
    device: Device,
    precision: FloatDType,
    objective: Objective,
    batches: BTreeMap<usize, Batch>,
    learning: BTreeMap<String, (Network, ModuleOptimizer)>,
    answering: BTreeMap<String, Network>,
}

#[derive(Clone)]
struct Batch {
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    teacher: Tensor<2>,
}

impl Bench {
    fn new(device: Device, precision: FloatDType) -> Self {
        let (batches, learning, answering) = Default::default();
        Self { device, precision, objective: objective(), batches, learning, answering }
    }

    fn answer(&mut self) {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("text");
            let words: Vec<&str> = line.split_whitespace().collect();
            let answer = match words[..] {
                ["train", name, batch, steps] => self.train(name, None, count(batch), count(steps)),
                ["distill", teacher, name, batch, steps] => {
                    self.train(name, Some(teacher), count(batch), count(steps))
                }
                ["forward", name, batch, steps] => self.forward(name, count(batch), count(steps)),
                ["memory"] => peak_resident_set() as f64,
                ["path"] => {
                    println!("{}", distill_kernels::Path::chosen().name());
                    continue;
                }
                _ => panic!("`{line}` is no case"),
            };
            println!("{answer}");
        }
    }

    /// Training steps: the teacher's answers where there is one, forward, 0.40·T²·KL(T=5) + 0.50·CE, backward,
    /// Adam.
    fn train(&mut self, name: &str, teacher: Option<&str>, batch: usize, steps: usize) -> f64 {
        let Batch { images, labels, teacher: kept } = self.batch(batch);
        let teacher = teacher.map(|name| (name.to_owned(), self.frozen(name)));
        let known = self.learning.remove(name);
        let (mut network, mut optimizer) =
            known.unwrap_or_else(|| (self.network(name).train(), AdamConfig::new().init()));
        let started = Instant::now();
        for _ in 0..steps {
            let answers = teacher.as_ref().map(|(_, teacher)| teacher.forward(images.clone()));
            let logits = network.forward(images.clone().autodiff());
            let answers = answers.unwrap_or_else(|| kept.clone()).autodiff();
            let signals = Signals::new(logits, labels.clone().autodiff())
                .and_then(|signals| signals.with_teacher(answers));
            let signals = signals.expect("shapes that fit");
            let total = self.objective.evaluate(&signals).expect("all that it needs").total;
            let gradients = GradientsParams::from_grads(total.backward(), &network);
            network = optimizer.step(ModuleLearningRate::from(1e-4), network, gradients);
        }
        self.device.sync().expect("the device works");
        let seconds = started.elapsed().as_secs_f64();
        self.learning.insert(name.to_owned(), (network, optimizer));
        self.answering.extend(teacher);
        (batch * steps) as f64 / seconds
    }

    /// Logits in evaluation mode.
    fn forward(&mut self, name: &str, batch: usize, steps: usize) -> f64 {
        let images = self.batch(batch).images;
        let network = self.frozen(name);
        let started = Instant::now();
        for _ in 0..steps {
            let _ = network.forward(images.clone()).into_data();
        }
        let seconds = started.elapsed().as_secs_f64();
        self.answering.insert(name.to_owned(), network);
        (batch * steps) as f64 / seconds
    }

    fn batch(&mut self, size: usize) -> Batch {
        let device = &self.device;
        let batch = self.batches.entry(size).or_insert_with(|| Batch {
            images: numbers([size, 3, 32, 32], 1, device),
            labels: labels(size, CLASSES, device),
            teacher: numbers([size, CLASSES], 2, device),
        });
        batch.clone()
    }

    /// Taken out, to be put back: it keeps transformed weights from one call to the next.
    fn frozen(&mut self, name: &str) -> Network {
        self.answering.remove(name).unwrap_or_else(|| self.network(name).valid())
    }

    fn network(&self, name: &str) -> Network {
        let signature = Signature::images([3, 32, 32], CLASSES);
        let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
        Architecture::named(name, Overrides::default())
            .and_then(|architecture| architecture.init(&signature, &mut rng, &self.device))
            .expect("a network of the zoo")
            .computing_in(self.precision)
    }
}

fn objective() -> Objective {
    let soft =
        SoftTargetsConfig { temperature: 5.0.into(), weight: 0.4.into(), ..Default::default() };
    let hard = CrossEntropyConfig { weight: 0.5.into(), ..Default::default() };
    let terms = [TermConfig::SoftTargets(soft), TermConfig::CrossEntropy(hard)];
    Objective::new(&terms).expect("constants in range")
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
