//! Agreement with the teacher.

use crate::evaluation::metric::{Better, Metric, MetricInfo, Rows, likeliest};

/// Share of samples on which the likeliest class is the teacher's; rows without a teacher do not count.
#[derive(Debug, Clone, Copy, Default)]
pub struct TeacherAgreement {
    /// Samples on which both agree, samples.
    sums: [f64; 2],
}

impl Metric for TeacherAgreement {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "teacher_agreement", unit: None, better: Better::Higher }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            let Some(teacher) = row.teacher else { continue };
            self.sums[0] += f64::from(u8::from(likeliest(row.logits) == likeliest(teacher)));
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
