#!/usr/bin/env bash
# What:    resize of an image with transparency mixes the invisible pixels' colour into the visible ones. Pillow weighs
#          colours by their opacity.
# Version: image 0.25.10 (beside Pillow 13.0.0).
# Matters: icons and cut-out products have arbitrary colours where they are transparent (often black); their outlines
#          become dark or coloured fringes, which a classifier learns or trips over.
# Here:    opacity is dropped before the resize, as convert("RGB") does in PyTorch's loaders, so both see the same.
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
/// Pixels of `cutout.png`, shrunk to two by two, as text.
fn main() {
    let image = image::open("cutout.png").unwrap().resize_exact(2, 2, image::imageops::FilterType::Triangle);
    image.to_rgba8().into_raw().iter().for_each(|level| println!("{level}"));
}
RUST
cargo build --quiet
env/bin/python - <<'PY'
import subprocess
import numpy
from PIL import Image

cutout = numpy.zeros((4, 4, 4), numpy.uint8)
cutout[:, :2] = 255, 0, 0, 255
cutout[:, 2:] = 0, 255, 0, 0
Image.fromarray(cutout).save("cutout.png")
pillow = numpy.asarray(Image.open("cutout.png").resize((2, 2), Image.Resampling.BILINEAR))
lines = subprocess.run(["target/debug/probe"], check=True, capture_output=True, text=True).stdout.split()
rust = numpy.array(lines, int).reshape(2, 2, 4)
print("left half red, right half green and wholly transparent; the upper row after the resize, as RGBA")
print("Pillow 13.0.0", pillow[0].tolist())
print("image 0.25.10", rust[0].tolist())
if pillow[..., 1].max() > 0 or rust[0, 1, 1] < 100:
    raise SystemExit("changed: both weigh colours by their opacity, or neither does")
PY
