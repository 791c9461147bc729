//! Which backend runs: the only place that names Burn's backends.

use anyhow::{Context, ensure};
use burn::tensor::Device;
#[cfg(any(feature = "wgpu", feature = "vulkan"))]
use burn::tensor::DeviceKind;
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
use burn::tensor::DeviceType;
use std::fmt;

/// A backend of the toolkit.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its name, which is its cargo feature's.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) description: &'static str,
    /// Makes its default device, where it is compiled in.
    pub(crate) device: Option<fn() -> Device>,
}

/// All backends, the preferred one first.
pub(crate) const BACKENDS: &[Backend] = &[
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

/// The backend called `name`, or the first one that is compiled in.
pub(crate) fn choose(name: Option<&str>) -> anyhow::Result<(&'static Backend, Device)> {
    let backend = match name {
        Some(name) => BACKENDS.iter().find(|backend| backend.name == name),
        None => BACKENDS.iter().find(|backend| backend.device.is_some()),
    };
    let error = || BackendError { name: name.unwrap_or("none").to_owned() };
    let backend = backend.ok_or_else(error)?;
    let device = backend.device.ok_or_else(error)?;
    ensure!(
        has_device(backend),
        "the backend `{}` finds no device, expected {}\n\
         hint: `distill list backends` says what is compiled in",
        backend.name,
        backend.description
    );
    pin_default_device(backend).context("the program cannot start itself anew")?;
    Ok((backend, device()))
}

/// A backend that there is not, or not in this binary.
#[derive(Debug)]
pub(crate) struct BackendError {
    name: String,
}

impl std::error::Error for BackendError {}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |compiled: bool| {
            let which = BACKENDS.iter().filter(|backend| !compiled || backend.device.is_some());
            which.map(|backend| backend.name).collect::<Vec<_>>().join(", ")
        };
        let name = &self.name;
        if BACKENDS.iter().any(|backend| backend.name == *name) {
            write!(
                f,
                "the backend `{name}` is not compiled in, expected one of {}\n\
                 hint: build with `--features {name}`, or call `cargo xtask distill --backend {name}`",
                names(true)
            )
        } else {
            write!(f, "no backend is named `{name}`, expected one of {}", names(false))
        }
    }
}

/// Whether the machine has what the backend needs: asking Burn for a device that is not there panics.
fn has_device(backend: &Backend) -> bool {
    match backend.name {
        #[cfg(feature = "cuda")]
        "cuda" => !Device::enumerate(DeviceType::Cuda).into_vec().is_empty(),
        #[cfg(feature = "wgpu")]
        "wgpu" => !Device::enumerate(DeviceType::Wgpu).into_vec().is_empty(),
        #[cfg(feature = "vulkan")]
        "vulkan" => !Device::enumerate(DeviceType::Vulkan).into_vec().is_empty(),
        _ => true,
    }
}

/// Makes the chosen backend Burn's default device for this process.
///
/// Burn puts loaded optimizer state on its default device first and moves it afterwards. In a binary
/// with GPU backends that default is a GPU, also on a machine without one; the variable
/// `BURN_DEVICE` says otherwise, and is read once. Changing a variable of a running process is
/// unsafe, so the process starts itself anew with it.
#[cfg(all(unix, any(feature = "wgpu", feature = "vulkan", feature = "cuda")))]
fn pin_default_device(backend: &Backend) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    const VARIABLE: &str = "BURN_DEVICE";
    if std::env::var_os(VARIABLE).is_some_and(|value| value == backend.name) {
        return Ok(());
    }
    let mut command = std::process::Command::new(std::env::current_exe()?);
    Err(command.args(std::env::args_os().skip(1)).env(VARIABLE, backend.name).exec())
}

/// Without a GPU backend every default device is there.
#[cfg(not(all(unix, any(feature = "wgpu", feature = "vulkan", feature = "cuda"))))]
fn pin_default_device(_backend: &Backend) -> std::io::Result<()> {
    Ok(())
}
