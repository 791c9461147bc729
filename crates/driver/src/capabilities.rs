//! What a backend can do, as far as a run depends on it.

/// What a backend can do beyond Burn's interface. The default is a backend of which nothing is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capabilities {
    /// Whether it computes on the CPU, in the host's memory.
    pub host_memory: bool,
    /// Whether it multiplies single precision as TF32.
    pub tf32: bool,
    /// Whether a norm and what follows it are one operation.
    pub fused_norm: bool,
    /// Asks for the free bytes of the memory that it computes in; the answer is `None` where that cannot be known.
    pub free_memory: Option<fn() -> Option<u64>>,
    /// Asks for the free bytes of the host's memory, where data lies whatever the backend.
    pub free_host_memory: Option<fn() -> Option<u64>>,
}
