//! Events in words.

use distill_driver::Event;

use crate::output::{duration, mebibytes, thousands};

/// What an event is to a reader.
pub(super) enum Words {
    /// Worth a line.
    Line(String),
    /// One step of many, whose line takes the place of the one before.
    Step { text: String, done: u64, total: u64 },
}

/// None for events that are for programs.
pub(super) fn of(event: &Event<'_>) -> Option<Words> {
    let line = |text: String| Some(Words::Line(text));
    match *event {
        Event::Fetching { file, have, total } => {
            let (have_so_far, all) = (mebibytes(have), mebibytes(total));
            let text = format!("fetching {file}: {have_so_far} of {all}");
            Some(Words::Step { text, done: have, total })
        }
        Event::Reading { done, total } => {
            let text = format!("reading images: {done} of {total}");
            Some(Words::Step { text, done: done as u64, total: total as u64 })
        }
        Event::Note(ref text) => line(text.clone()),
        Event::StageStarted { stage, model, parameters, formula, epochs } => line(format!(
            "{}: {model}, {} parameters, {epochs} epochs, minimises {formula}",
            stage.name(),
            thousands(parameters)
        )),
        Event::StageSkipped { stage, reason } => {
            line(format!("{}: skipped, {reason}", stage.name()))
        }
        Event::TeacherOutputs { done, total, images_per_second } => {
            images("teacher cache", done, total, images_per_second)
        }
        Event::Evaluated { stage, done, total, images_per_second } => {
            images(&format!("{}: evaluation", stage.name()), done, total, images_per_second)
        }
        Event::Steps {
            stage,
            epoch,
            epochs,
            step,
            steps,
            loss,
            images_per_second,
            seconds_left,
        } => {
            let text = format!(
                "{}: epoch {epoch}/{epochs}, step {step}/{steps}, loss {loss:.4}, {images_per_second:.0} images/s, \
                 {} left",
                stage.name(),
                duration(seconds_left)
            );
            let done = (epoch - 1) * steps + step;
            Some(Words::Step { text, done: done as u64, total: (epochs * steps) as u64 })
        }
        Event::Epoch { stage, epochs, record } => line(format!(
            "{}: epoch {}/{epochs} done, loss {:.4}, train {:.2} %, validation {:.2} %",
            stage.name(),
            record.epoch,
            record.loss,
            100.0 * record.train_top1,
            100.0 * record.validation_top1,
        )),
        Event::Evaluating { stage } => {
            line(format!("{}: evaluating on the test split", stage.name()))
        }
        _ => None,
    }
}

fn images(what: &str, done: u64, total: u64, images_per_second: f64) -> Option<Words> {
    let text = format!(
        "{what}: {} of {} images, {images_per_second:.0} images/s, {} left",
        thousands(done),
        thousands(total),
        duration((total - done) as f64 / images_per_second)
    );
    Some(Words::Step { text, done, total })
}
