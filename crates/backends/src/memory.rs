//! The free memory of the host and of a GPU.

use std::process::Command;

/// Free bytes of the host's memory, within the limits of the process's control group.
pub(crate) fn host() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map(|limits| limits.free_memory);
    Some(system.available_memory().min(limit.unwrap_or(u64::MAX)))
}

/// Free bytes of the first NVIDIA GPU; `None` where `nvidia-smi` does not answer.
pub(crate) fn first_nvidia_gpu() -> Option<u64> {
    let query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id=0"];
    let output = Command::new("nvidia-smi").args(query).output().ok()?;
    let mebibytes: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(mebibytes << 20)
}
