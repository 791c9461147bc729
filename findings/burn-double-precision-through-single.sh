#!/usr/bin/env bash
# What:    in double precision two operations pass through single precision: the gradient of a division by a number (the
#          reciprocal is an f32), and the sigmoid of the ndarray backend. Other operations, and flex's sigmoid, do not.
# Version: burn==0.22.1 (burn-autodiff, burn-flex, burn-ndarray 0.22.1).
# Matters: a loss checked against finite differences in f64 is wrong in the eighth digit wherever a temperature or a batch
#          size divides it, and the search goes on in the wrong place.
# Here:    losses multiply by the reciprocal; the variance of VID has a sigmoid of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name double
cargo add --quiet burn@=0.22.1 --no-default-features --features std,autodiff,flex,ndarray
cat > src/main.rs <<'RUST'
use burn::tensor::{DType, Device, Tensor, activation::sigmoid};

fn number(tensor: Tensor<1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap()
}

#[allow(deprecated)]
fn main() {
    let double = |device: &Device, value: f64| Tensor::<1>::from_data([value], (device, DType::F64));
    let device = Device::flex().autodiff();
    let gradient = |change: fn(Tensor<1>) -> Tensor<1>| {
        let x = double(&device, 1.0).require_grad();
        number(x.grad(&change(x.clone()).backward()).unwrap())
    };
    let (divided, multiplied) = (gradient(|x| x / 20.0), gradient(|x| x * (1.0 / 20.0)));
    println!("gradient of x / 20: {divided:.17}; of x * 0.05: {multiplied:.17}");
    let exact = 1.0 / (1.0 + 1.0_f64.exp());
    let [flex, ndarray] = [Device::flex(), Device::ndarray()].map(|device| number(sigmoid(double(&device, -1.0))));
    println!("sigmoid(-1): flex {flex:.17}, ndarray {ndarray:.17}, exact {exact:.17}");
    let as_described = divided == f64::from(1.0_f32 / 20.0_f32)
        && multiplied == 0.05
        && (flex - exact).abs() < 1e-15
        && (ndarray - exact).abs() > 1e-10;
    if !as_described {
        println!("changed: not the numbers described");
        std::process::exit(1);
    }
}
RUST
cargo run --quiet
