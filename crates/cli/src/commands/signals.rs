//! Signals that ask a command to save and stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context;

use crate::output;

/// The first signal asks the run to save and stop; the second one ends the process.
pub(crate) fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let asked = interrupt.clone();
    let stop = move || {
        if asked.swap(true, Ordering::Relaxed) {
            output::restore();
            output::note("stopped at once, without saving");
            std::process::exit(1);
        }
        output::note("stopping after this step; once more stops at once, without saving");
    };
    on_each(stop).context("the handler of Ctrl-C cannot be set")?;
    Ok(interrupt)
}

#[cfg(unix)]
fn on_each(stop: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };
    let mut taken = vec![SIGINT, SIGTERM];
    // `nohup` ignores SIGHUP before it starts a program, which then outlives its terminal.
    if !is_ignored(&status(), SIGHUP) {
        taken.push(SIGHUP);
    }
    let mut signals = Signals::new(taken)?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(|_| stop()))?;
    Ok(())
}

#[cfg(not(unix))]
fn on_each(stop: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(stop)
}

/// What Linux says of this process; empty on systems without `/proc`, where no signal is taken for ignored.
#[cfg(unix)]
fn status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether a process of this status ignores a signal: a bit for each, from 1.
#[cfg(unix)]
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_bits_of_a_mask() {
        let status = "Name:\tdistill\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        let ignored: Vec<i32> = (1..=64).filter(|signal| is_ignored(status, *signal)).collect();
        assert_eq!(ignored, [1, 13]);
        assert!(!is_ignored("", 1) && !is_ignored("SigIgn:\tnothing", 1));
    }
}
