//! The threads that compute on the CPU: one pool for the kernels, flex and its matrix products. The
//! loader has a thread of its own beside it, which sleeps while batches are waiting.

use anyhow::Context;

/// Runs a command with so many threads, on one of them: an operation is then shared out where it
/// begins, and not handed over to the pool first, which costs more than some operations do.
pub(crate) fn with<T: Send>(
    threads: Option<u16>,
    command: impl FnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build_global()
        .context("the threads cannot be started")?;
    rayon::scope(|_| command())
}
