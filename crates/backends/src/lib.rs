#![doc = include_str!("../README.md")]

mod memory;

use burn::tensor::Device;
pub use memory::host as free_host_memory;

/// A backend of the toolkit.
#[derive(Debug)]
pub struct Backend {
    /// Its name, which is its cargo feature's.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Makes its default device, where it is compiled in.
    pub device: Option<fn() -> Device>,
    /// What it can do, compiled in or not.
    pub capabilities: Capabilities,
    /// Whether the machine has one of its devices, where that is not certain.
    finds_device: Option<fn() -> bool>,
}

/// What a backend can do beyond Burn's interface.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Whether it computes on the CPU, in the host's memory.
    pub host_memory: bool,
    /// Whether it multiplies single precision as TF32.
    pub tf32: bool,
    /// Whether a norm and what follows it are one operation.
    pub fused_norm: bool,
    /// Asks for the free bytes of the memory that it computes in; `None` where that cannot be known.
    pub free_memory: fn() -> Option<u64>,
}

/// On the CPU.
const CPU: Capabilities =
    Capabilities { host_memory: true, tf32: false, fused_norm: false, free_memory: memory::host };
/// On a GPU whose memory cannot be asked for.
const GPU: Capabilities =
    Capabilities { host_memory: false, tf32: false, fused_norm: false, free_memory: || None };

/// A value, where the cargo feature is on.
macro_rules! compiled {
    ($feature:literal, $value:expr) => {{
        #[cfg(feature = $feature)]
        {
            Some($value)
        }
        #[cfg(not(feature = $feature))]
        None
    }};
}

/// All backends, the preferred one first.
pub const BACKENDS: &[Backend] = &[
    Backend {
        name: "flex",
        description: "CPU, pure Rust, the default",
        device: compiled!("flex", Device::flex),
        capabilities: Capabilities { fused_norm: true, ..CPU },
        finds_device: None,
    },
    Backend {
        name: "ndarray",
        description: "CPU, ndarray (deprecated by Burn)",
        device: compiled!("ndarray", {
            #[expect(deprecated, reason = "the project runs on ndarray until Burn 0.23 drops it")]
            Device::ndarray
        }),
        capabilities: CPU,
        finds_device: None,
    },
    Backend {
        name: "wgpu",
        description: "GPU through WebGPU (WGSL)",
        device: compiled!("wgpu", || Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        capabilities: GPU,
        finds_device: compiled!("wgpu", || finds(burn::tensor::DeviceType::Wgpu)),
    },
    Backend {
        name: "vulkan",
        description: "GPU through Vulkan (SPIR-V)",
        device: compiled!("vulkan", || Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        capabilities: GPU,
        finds_device: compiled!("vulkan", || finds(burn::tensor::DeviceType::Vulkan)),
    },
    Backend {
        name: "cuda",
        description: "NVIDIA GPU",
        device: compiled!("cuda", || Device::cuda(0)),
        capabilities: Capabilities { tf32: true, free_memory: memory::first_nvidia_gpu, ..GPU },
        finds_device: compiled!("cuda", || finds(burn::tensor::DeviceType::Cuda)),
    },
];

#[allow(dead_code, reason = "without a GPU backend no device is looked for")]
fn finds(kind: burn::tensor::DeviceType) -> bool {
    !Device::enumerate(kind).into_vec().is_empty()
}

/// The backend called `name`, or the first one that is compiled in, and its default device.
///
/// Makes it Burn's default device too, for which the process may start anew: call it before anything else.
///
/// # Errors
/// [`BackendError`] for a name that there is not, that is not compiled in, or that finds no device.
pub fn choose(name: Option<&str>) -> Result<(&'static Backend, Device), BackendError> {
    let backend = match name {
        Some(name) => BACKENDS.iter().find(|backend| backend.name == name),
        None => BACKENDS.iter().find(|backend| backend.device.is_some()),
    };
    let name = || name.unwrap_or("none").to_owned();
    let backend = backend.ok_or_else(|| BackendError::Unknown { name: name() })?;
    let device = backend.device.ok_or_else(|| BackendError::NotCompiled { name: name() })?;
    if !backend.has_device() {
        return Err(BackendError::NoDevice { backend });
    }
    pin_default_device(backend.name).map_err(BackendError::Restart)?;
    Ok((backend, device()))
}

/// Why a backend cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No backend is called so.
    #[error("no backend is named `{name}`, expected one of {}", names(false))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It is not in this binary.
    #[error(
        "the backend `{name}` is not compiled in, expected one of {}\n\
         hint: build with `--features {name}`, or call `cargo xtask distill --backend {name}`",
        names(true)
    )]
    NotCompiled {
        /// What was asked for.
        name: String,
    },
    /// The machine has none of its devices.
    #[error(
        "the backend `{}` finds no device, expected {}\n\
         hint: `distill list backends` says what is compiled in",
        backend.name,
        backend.description
    )]
    NoDevice {
        /// The backend.
        backend: &'static Backend,
    },
    /// The process did not start anew.
    #[error("the program cannot start itself anew")]
    Restart(#[source] std::io::Error),
}

impl BackendError {
    /// Whether the command line is wrong, and not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::NotCompiled { .. })
    }
}

fn names(compiled: bool) -> String {
    let which = BACKENDS.iter().filter(|backend| !compiled || backend.device.is_some());
    which.map(|backend| backend.name).collect::<Vec<_>>().join(", ")
}

impl Backend {
    /// Whether the machine has what the backend needs: asking Burn for a device that is not there panics.
    pub fn has_device(&self) -> bool {
        self.device.is_some() && self.finds_device.is_none_or(|finds| finds())
    }
}

/// Makes the device of the backend `name` Burn's default one for this process.
///
/// Burn puts loaded optimizer state on its default device first and moves it afterwards. In a binary
/// with GPU backends that default is a GPU, also on a machine without one; the variable
/// `BURN_DEVICE` says otherwise, and is read once. Changing a variable of a running process is
/// unsafe, so the process starts itself anew with it.
///
/// # Errors
/// Where the process does not start.
pub fn pin_default_device(name: &str) -> std::io::Result<()> {
    const VARIABLE: &str = "BURN_DEVICE";
    // Without a GPU backend every default device is there.
    let has_gpu = BACKENDS.iter().any(|b| b.device.is_some() && !b.capabilities.host_memory);
    if !has_gpu || std::env::var_os(VARIABLE).is_some_and(|value| value == name) {
        return Ok(());
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        Err(command.args(std::env::args_os().skip(1)).env(VARIABLE, name).exec())
    }
    #[cfg(not(unix))]
    Ok(())
}
