#!/usr/bin/env bash
# What:    the crate's grey is 0.21 R + 0.72 G + 0.07 B (Rec. 709); Pillow, OpenCV and PyTorch take 0.30, 0.59, 0.11
#          (Rec. 601). A pure blue or red differs by up to 22 levels, a pure green by 32.
# Version: image 0.25.10 (beside Pillow 13.0.0).
# Matters: a network for grey images sees colour photos at other brightness in Rust than in training.
# Here:    colour becomes grey by Rec. 601 with Pillow's rounding, not through the crate's conversion.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name probe
cargo add --quiet image@=0.25.10 --no-default-features --features png
cat > src/main.rs <<'RUST'
/// Grey levels of `colours.png` as text.
fn main() {
    image::open("colours.png").unwrap().to_luma8().into_raw().iter().for_each(|level| println!("{level}"));
}
RUST
cargo build --quiet
env/bin/python - <<'PY'
import subprocess
import numpy
from PIL import Image

colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grass": (90, 140, 50), "grey": (80, 80, 80)}
Image.fromarray(numpy.array([list(colours.values())], numpy.uint8)).save("colours.png")
pillow = numpy.asarray(Image.open("colours.png").convert("L")).ravel().tolist()
lines = subprocess.run(["target/debug/probe"], check=True, capture_output=True, text=True).stdout.split()
rust = [int(line) for line in lines]
for name, theirs, ours in zip(colours, pillow, rust):
    print(f"{name:6} Pillow 13.0.0 {theirs:3}  image 0.25.10 {ours:3}")
if pillow[:3] != [76, 150, 29] or rust[:3] != [54, 182, 18] or pillow[4] != rust[4]:
    raise SystemExit("changed: one of the two weighs the colours otherwise")
PY
