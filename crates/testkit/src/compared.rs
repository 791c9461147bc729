//! An objective's values and gradients on a device, beside those of its golden file.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Bool, DType, Device, Gradients, Int, Tensor, TensorData},
};
use distill_objective::{Connectors, Contrast, Features, Objective, Signals, TermConfig};

use crate::{Case, Numbers, matrix_in, relative_l2, values};

/// How far something computed is from what it should be.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What was computed.
    pub what: String,
    /// Norm of the difference over the norm of what it should be.
    pub off: f64,
    /// What the precision may be off by.
    pub allowed: f64,
}

impl Case {
    /// The file's signals with these student logits.
    ///
    /// # Panics
    /// Where the file is malformed: it is part of the repository.
    pub fn signals(&self, student: Tensor<2>, device: &Device) -> Signals {
        let device =
            if student.device().is_autodiff() { device.clone().autodiff() } else { device.clone() };
        let student_type = student.dtype();
        let labels = Tensor::<1, Int>::from_data(self.labels.as_slice(), &device);
        let teacher = matrix_in(&self.teacher, &device.clone().inner(), student_type);
        let fits = "signals of one batch fit together";
        let mut signals =
            Signals::new(student, labels).expect(fits).with_teacher(teacher).expect(fits);
        if let Some(mask) = &self.mask {
            let mask = Tensor::<1, Bool>::from_data(mask.as_slice(), &device);
            signals = signals.with_mask(mask).expect(fits);
        }
        if let Some(weights) = &self.sample_weights {
            let weights = Tensor::<1>::from_data(weights.as_slice(), (&device, student_type));
            signals = signals.with_sample_weights(weights).expect(fits);
        }
        if !self.positives.is_empty() {
            let (rows, columns) = (self.negatives.len(), self.negatives[0].len());
            let flat: Vec<i32> = self.negatives.iter().flatten().copied().collect();
            let bank = self.connector.iter().find(|numbers| numbers.name == "bank_student");
            signals = signals.with_contrast(Contrast {
                samples: bank.expect("a bank").shape[0],
                positives: Tensor::from_data(self.positives.as_slice(), &device),
                negatives: Tensor::from_data(TensorData::new(flat, [rows, columns]), &device),
            });
        }
        signals
    }

    /// Loss, gradients and what a step leaves behind in single precision, each beside the file's numbers.
    ///
    /// # Panics
    /// Where the file is malformed: it is part of the repository.
    pub fn compare(&self, device: &Device) -> Vec<Compared> {
        self.compare_in(DType::F32, device)
    }

    /// The same in double precision, where `share` of what single precision may be off by is allowed.
    ///
    /// # Panics
    /// Where the file is malformed: it is part of the repository.
    pub fn compare_in_double(&self, device: &Device, share: f64) -> Vec<Compared> {
        let mut all = self.compare_in(DType::F64, device);
        all.iter_mut().for_each(|compared| compared.allowed *= share);
        all
    }

    fn compare_in(&self, dtype: DType, device: &Device) -> Vec<Compared> {
        let autodiff = device.clone().autodiff();
        let student = matrix_in(&self.student, &autodiff, dtype).require_grad();
        let maps = self.student_features.iter().map(|numbers| map(numbers, &autodiff, dtype));
        let maps: Vec<Tensor<4>> = maps.map(Tensor::require_grad).collect();
        let names = self.student_features.iter().map(|numbers| numbers.name.clone());
        let ours: Features = names.zip(maps.clone()).collect();
        let theirs = self.teacher_features.iter();
        let theirs = theirs.map(|numbers| (numbers.name.clone(), map(numbers, device, dtype)));
        let signals = self.signals(student.clone(), device).with_features(ours, theirs.collect());
        let term: TermConfig = serde_json::from_value(self.term.clone()).expect("a term");
        let objective = Objective::new(&[term]).expect("a valid term");
        let mut connectors = self.connectors(&objective, &signals);
        let as_given = connectors.clone();
        let total = objective.evaluate_with(&signals, &mut connectors).expect("it fits").total;
        let loss = values(total.clone())[0];
        let gradients = total.backward();

        // Where a file says what is allowed, small losses count like large ones.
        let floor = if self.allowed.is_some() { 1e-9 } else { 0.05 };
        let off = (loss - self.loss).abs() / (self.loss.abs() + floor);
        let mut all = vec![Compared { what: "loss".to_owned(), off, allowed: 2e-6 }];
        let mut compare = |what: &str, ours: Option<Vec<f64>>, expected: &[f64], floor, allowed| {
            let ours = ours.unwrap_or_else(|| vec![0.0; expected.len()]);
            let size = norm(expected);
            let part = if size > 0.0 { size / size.max(floor) } else { 1.0 };
            let off = relative_l2(&ours, expected) * part;
            all.push(Compared { what: what.to_owned(), off, allowed });
        };
        let expected: Vec<f64> = self.gradient.iter().flatten().copied().collect();
        compare("gradient", student.grad(&gradients).map(values), &expected, 0.0, 5e-6);
        // A norm over two values shows how they differ, whose digits are few where they are alike, and lets
        // almost no gradient through: such a rest is held to a share of the largest gradient.
        let numbers = self.student_features.iter().chain(&self.connector);
        let norms = numbers.filter_map(|numbers| numbers.gradient.as_deref()).map(norm);
        let floor = 0.01 * norms.fold(0.0, f64::max);
        let floor = if self.allowed.is_some() { floor } else { floor.max(1e-6) };
        let allowed = if self.student.len() == 2 { 1e-4 } else { 2e-5 };
        for (numbers, map) in self.student_features.iter().zip(&maps) {
            let expected = numbers.gradient.as_ref().expect("the student's have a gradient");
            let ours = map.grad(&gradients).map(values);
            compare(&numbers.name, ours, expected, floor, allowed);
        }
        for (at, numbers) in self.connector.iter().enumerate() {
            if let Some(expected) = &numbers.gradient {
                let ours = tensors(&as_given, &self.connector, Some(&gradients)).remove(at);
                compare(&numbers.name, ours, expected, floor, allowed);
            }
            if let Some(expected) = &numbers.after {
                let ours = tensors(&connectors, &self.connector, None).remove(at);
                compare(&numbers.name, ours, expected, 0.0, 2e-6);
            }
        }
        if let Some(allowed) = self.allowed {
            all.iter_mut().for_each(|compared| compared.allowed = allowed);
        }
        all
    }

    /// The objective's connectors with the weights of the file.
    fn connectors(&self, objective: &Objective, signals: &Signals) -> Connectors {
        let connectors = objective.connect(signals, 0).expect("features that fit");
        let mut given = Given { order: order(&self.connector), numbers: &self.connector };
        let connectors = connectors.map(&mut given);
        assert!(given.order.is_empty(), "the connector has every tensor of the file");
        connectors.train()
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn map(numbers: &Numbers, device: &Device, dtype: DType) -> Tensor<4> {
    let data = TensorData::new(numbers.values.clone(), numbers.shape.clone());
    Tensor::from_data(data, (device, dtype))
}

/// Places of the file's tensors in the order in which the module visits them.
fn order(connector: &[Numbers]) -> Vec<usize> {
    let visited = [
        "student.weight",
        "student.bias",
        "bank_student",
        "z_student",
        "teacher.weight",
        "teacher.bias",
        "bank_teacher",
        "z_teacher",
    ];
    let mut order: Vec<usize> = (0..connector.len()).collect();
    if connector.iter().any(|numbers| numbers.name == "bank_student") {
        order.sort_by_key(|at| visited.iter().position(|name| *name == connector[*at].name));
    }
    order.reverse();
    order
}

struct Given<'a> {
    /// What is still to come, the next one last.
    order: Vec<usize>,
    numbers: &'a [Numbers],
}

impl ModuleMapper for Given<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let numbers = &self.numbers[self.order.pop().expect("as many tensors as the file has")];
        assert_eq!(param.dims().to_vec(), numbers.shape, "{}", numbers.name);
        param.map(|old| {
            let data = TensorData::new(numbers.values.clone(), numbers.shape.clone());
            let given = Tensor::<D>::from_data(data, (&old.device(), old.dtype()));
            given.set_require_grad(old.is_require_grad())
        })
    }
}

/// Values, or gradients, in the order of the file.
fn tensors(
    connectors: &Connectors,
    file: &[Numbers],
    gradients: Option<&Gradients>,
) -> Vec<Option<Vec<f64>>> {
    let mut read = Read { gradients, found: Vec::new() };
    connectors.visit(&mut read);
    let mut in_file = vec![None; file.len()];
    for (at, found) in order(file).into_iter().rev().zip(read.found) {
        in_file[at] = found;
    }
    in_file
}

struct Read<'a> {
    gradients: Option<&'a Gradients>,
    found: Vec<Option<Vec<f64>>>,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(match self.gradients {
            Some(gradients) => param.grad(gradients).map(values),
            None => Some(values(param.val())),
        });
    }
}
