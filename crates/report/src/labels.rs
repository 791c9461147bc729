//! Training images whose label the teacher contradicts.

use distill_driver::LabelNoiseRecord;
use maud::{Markup, html};

use crate::figures::thousands;

pub(crate) fn section(noise: &LabelNoiseRecord) -> Markup {
    let share = 100.0 * noise.count as f64 / noise.images.max(1) as f64;
    html! {
        section aria-labelledby="labels" {
            h2 id="labels" { "Labels that the teacher contradicts" }
            p {
                "With a probability of at least " (noise.threshold) " the teacher says another class than the label of "
                strong { (thousands(noise.count as u64)) } " of " (thousands(noise.images as u64))
                " training images (" (format!("{share:.2}")) " %)."
                @if noise.count > 0 {
                    " They are likely errors of labelling, or of the teacher: look at them. All of them are in "
                    code { "student/label_noise.json" } "."
                }
            }
            @if !noise.found.is_empty() {
                div.wide tabindex="0" role="region" aria-label="Table of labels that the teacher contradicts" { table {
                    thead { tr {
                        th scope="col" { "Image" }
                        @for name in ["Label", "Teacher", "Its probability", "Of the label"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody { @for one in &noise.found { tr {
                        th scope="row" {
                            @match &one.file {
                                Some(file) => (file),
                                None => { "training image " (one.index) },
                            }
                        }
                        td { (one.label) }
                        td { (one.teacher) }
                        td { (format!("{:.4}", one.probability)) }
                        td { (format!("{:.4}", one.label_probability)) }
                    } } }
                } }
            }
        }
    }
}
