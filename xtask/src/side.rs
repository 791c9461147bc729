//! Programs that do the same work in turn, and how many times as fast the first one is.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, ensure};

/// Threads of one side go on looking for work for a while after a step; the next side waits for them.
const PAUSE: Duration = Duration::from_millis(300);

/// What both sides do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// `train NETWORK`, `forward NETWORK` or `distill TEACHER STUDENT`.
    pub(crate) what: &'static str,
    /// Images of a step.
    pub(crate) batch: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.batch)
    }
}

/// Images a second of each side, round by round, each side of a round for about so many seconds.
pub(crate) fn measure(
    sides: &mut [Side],
    case: &Case,
    rounds: usize,
    seconds: f64,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut steps = Vec::new();
    for side in sides.iter_mut() {
        // The first steps compile kernels and take memory.
        side.ask(&format!("{case} 2"))?;
        let rate = side.number(&format!("{case} 2"))?;
        steps.push(((rate / case.batch as f64 * seconds) as usize).max(2));
    }
    let mut rates = vec![Vec::new(); sides.len()];
    for _ in 0..rounds {
        for ((side, steps), rates) in sides.iter_mut().zip(&steps).zip(&mut rates) {
            sleep(PAUSE);
            rates.push(side.number(&format!("{case} {steps}"))?);
        }
    }
    Ok(rates)
}

/// The median of a side, and of ours over it the median, smallest and largest of the rounds.
pub(crate) fn cell(ours: &[f64], side: &[f64]) -> String {
    let rate = median(side.to_vec());
    if std::ptr::eq(ours, side) {
        return format!("{rate:.0}");
    }
    let ratios: Vec<f64> = ours.iter().zip(side).map(|(ours, side)| ours / side).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{rate:.0}: **{:.2}** ({least:.2} to {most:.2})", median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// A program that answers a line with a line.
#[derive(Debug)]
pub(crate) struct Side {
    name: &'static str,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Side {
    pub(crate) fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let questions = child.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        Ok(Self { name, child, questions, answers })
    }

    pub(crate) fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        writeln!(self.questions, "{question}").with_context(|| format!("{} ended", self.name))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "{} ended at `{question}`: see above", self.name);
        Ok(answer.trim().to_owned())
    }

    pub(crate) fn number(&mut self, question: &str) -> anyhow::Result<f64> {
        let answer = self.ask(question)?;
        answer.parse().with_context(|| format!("{} answers `{answer}`", self.name))
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ours = [100.0, 200.0, 300.0];
        assert_eq!(cell(&ours, &ours), "200");
        assert_eq!(cell(&ours, &[50.0, 50.0, 100.0]), "50: **3.00** (2.00 to 4.00)");
    }
}
