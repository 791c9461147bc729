//! The free memory of the host and of a GPU.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Free bytes of the host's memory, within the limits of the process's control groups.
pub fn host() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map(|limits| limits.free_memory);
    // sysinfo looks at the topmost group, the process may be in a smaller one below.
    let own = fs::read_to_string("/proc/self/cgroup").ok().and_then(|groups| free_in(&groups));
    let limits = [limit, own].into_iter().flatten();
    Some(limits.fold(system.available_memory(), u64::min))
}

/// Free bytes of the first NVIDIA GPU; `None` where `nvidia-smi` does not answer.
pub(crate) fn first_nvidia_gpu() -> Option<u64> {
    let query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", "--id=0"];
    let output = Command::new("nvidia-smi").args(query).output().ok()?;
    let mebibytes: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(mebibytes << 20)
}

/// The least that is free in a control group of the process or in one above it, for the lines of
/// `/proc/self/cgroup`.
fn free_in(groups: &str) -> Option<u64> {
    let lines = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        match controllers {
            "" => Some((PathBuf::from("/sys/fs/cgroup"), path, ["memory.max", "memory.current"])),
            _ if controllers.split(',').any(|one| one == "memory") => Some((
                PathBuf::from("/sys/fs/cgroup/memory"),
                path,
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
            )),
            _ => None,
        }
    });
    let free = lines.flat_map(|(root, path, files)| {
        let groups: Vec<PathBuf> = Path::new(path).ancestors().map(|own| root.join(own)).collect();
        groups.into_iter().filter_map(move |group| free_of(&group, files))
    });
    free.min()
}

/// Free bytes of one group: what is used, less the pages of files that go when memory is asked for.
fn free_of(group: &Path, [limit, used]: [&str; 2]) -> Option<u64> {
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()
    };
    let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let inactive = statistics.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let inactive: u64 = inactive.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    let used = number(used)?.saturating_sub(inactive);
    // A group without a limit says `max`, or a number beyond all memory.
    Some(number(limit)?.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("memory.max", "1000\n"),
            ("memory.current", "700\n"),
            ("memory.stat", "anon 1\ninactive_file 200\n"),
        ] {
            fs::write(root.path().join(file), text).unwrap();
        }
        assert_eq!(free_of(root.path(), ["memory.max", "memory.current"]), Some(500));
        fs::write(root.path().join("memory.max"), "max\n").unwrap();
        assert_eq!(free_of(root.path(), ["memory.max", "memory.current"]), None);
        assert_eq!(free_in("3:cpu:/a\nnonsense\n1:name=systemd:/b\n"), None);
    }
}
