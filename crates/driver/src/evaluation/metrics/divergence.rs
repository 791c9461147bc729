//! Divergence from the teacher.

use crate::evaluation::{
    metric::{Better, Metric, MetricInfo, Rows},
    softmax::log_softmax,
};

/// Mean KL(teacher‖network) at temperature 1, nats; rows without a teacher do not count.
#[derive(Debug, Clone, Copy, Default)]
pub struct TeacherDivergence {
    /// Divergences, samples.
    sums: [f64; 2],
}

impl Metric for TeacherDivergence {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "kl_to_teacher", unit: Some("nats"), better: Better::Lower }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            let Some(teacher) = row.teacher else { continue };
            let teacher = log_softmax(teacher);
            let terms = teacher.iter().zip(row.log_p).map(|(t, s)| t.exp() * (t - s));
            self.sums[0] += terms.sum::<f64>();
            self.sums[1] += 1.0;
        }
    }

    fn sums(&mut self) -> &mut [f64] {
        &mut self.sums
    }

    fn value(&self) -> f64 {
        self.sums[0] / self.sums[1]
    }
}
