#![doc = include_str!("../README.md")]

use burn::tensor::Device;
#[cfg(any(feature = "wgpu", feature = "vulkan"))]
use burn::tensor::DeviceKind;
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
use burn::tensor::DeviceType;

/// A backend of the toolkit.
#[derive(Debug)]
pub struct Backend {
    /// Its name, which is its cargo feature's.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Makes its default device, where it is compiled in.
    pub device: Option<fn() -> Device>,
}

/// All backends, the preferred one first.
pub const BACKENDS: &[Backend] = &[
    Backend { name: "flex", description: "CPU, pure Rust, the default", device: FLEX },
    Backend { name: "ndarray", description: "CPU, ndarray (deprecated by Burn)", device: NDARRAY },
    Backend { name: "wgpu", description: "GPU through WebGPU (WGSL)", device: WGPU },
    Backend { name: "vulkan", description: "GPU through Vulkan (SPIR-V)", device: VULKAN },
    Backend { name: "cuda", description: "NVIDIA GPU", device: CUDA },
];

const FLEX: Option<fn() -> Device> = {
    #[cfg(feature = "flex")]
    {
        Some(Device::flex)
    }
    #[cfg(not(feature = "flex"))]
    None
};

const NDARRAY: Option<fn() -> Device> = {
    #[cfg(feature = "ndarray")]
    {
        #[expect(deprecated, reason = "the project runs on ndarray until Burn 0.23 drops it")]
        Some(Device::ndarray)
    }
    #[cfg(not(feature = "ndarray"))]
    None
};

const WGPU: Option<fn() -> Device> = {
    #[cfg(feature = "wgpu")]
    {
        Some(|| Device::wgpu(DeviceKind::DefaultDevice))
    }
    #[cfg(not(feature = "wgpu"))]
    None
};

const VULKAN: Option<fn() -> Device> = {
    #[cfg(feature = "vulkan")]
    {
        Some(|| Device::vulkan(DeviceKind::DefaultDevice))
    }
    #[cfg(not(feature = "vulkan"))]
    None
};

const CUDA: Option<fn() -> Device> = {
    #[cfg(feature = "cuda")]
    {
        Some(|| Device::cuda(0))
    }
    #[cfg(not(feature = "cuda"))]
    None
};

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
        match self.name {
            #[cfg(feature = "cuda")]
            "cuda" => !Device::enumerate(DeviceType::Cuda).into_vec().is_empty(),
            #[cfg(feature = "wgpu")]
            "wgpu" => !Device::enumerate(DeviceType::Wgpu).into_vec().is_empty(),
            #[cfg(feature = "vulkan")]
            "vulkan" => !Device::enumerate(DeviceType::Vulkan).into_vec().is_empty(),
            _ => self.device.is_some(),
        }
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
#[cfg(all(unix, any(feature = "wgpu", feature = "vulkan", feature = "cuda")))]
pub fn pin_default_device(name: &str) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    const VARIABLE: &str = "BURN_DEVICE";
    if std::env::var_os(VARIABLE).is_some_and(|value| value == name) {
        return Ok(());
    }
    let mut command = std::process::Command::new(std::env::current_exe()?);
    Err(command.args(std::env::args_os().skip(1)).env(VARIABLE, name).exec())
}

/// Without a GPU backend every default device is there.
///
/// # Errors
/// None.
#[cfg(not(all(unix, any(feature = "wgpu", feature = "vulkan", feature = "cuda"))))]
pub fn pin_default_device(_name: &str) -> std::io::Result<()> {
    Ok(())
}
