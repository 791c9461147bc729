#!/usr/bin/env bash
# What:    a baseline JPEG whose components are in scans of their own (valid by T.81) and whose colour is subsampled
#          decodes with wrong colours, without an error.
# Version: image 0.25.10 with zune-jpeg 0.5.15 (beside Pillow 13.0.0).
# Matters: some cameras, and encoders told to write a scan per component, make such files; a student trained in Rust
#          sees green where its teacher saw skin.
# Here:    JPEG files are decoded by another library; such a file is in the tests.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name probe
cargo add --quiet image@=0.25.10 --no-default-features --features jpeg,png
cargo add --quiet zune-jpeg@=0.5.15
cat > src/main.rs <<'RUST'
/// Pixels of `own-scans.jpg` as text.
fn main() {
    image::open("own-scans.jpg").unwrap().to_rgb8().into_raw().iter().for_each(|level| println!("{level}"));
}
RUST
cargo build --quiet
env/bin/python - <<'PY'
import struct, subprocess
import numpy
from PIL import Image

# Each block is one colour, so that it is its step from the block before and the end of the block.
CODES = ["00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110", "11111110", "111111110"]

def segment(marker, data):
    return struct.pack(">BBH", 255, marker, len(data) + 2) + bytes(data)

def scan(component, levels):
    text = ""
    for step in numpy.diff(levels, prepend=0).tolist():
        size = abs(step).bit_length()
        text += CODES[size] + (f"{step + (step < 0) * (2 ** size - 1):0{size}b}" if size else "") + "0"
    text += "1" * (-len(text) % 8)
    coded = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    return segment(0xDA, [1, component, 0, 0, 63, 0]) + coded

jpeg = b"\xff\xd8" + segment(0xDB, [0] + [8] * 64)
jpeg += segment(0xC0, struct.pack(">BHHB", 8, 32, 32, 3) + bytes([1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]))
jpeg += segment(0xC4, [0, 0, 1, 5, 1, 1, 1, 1, 1, 1] + [0] * 7 + list(range(12)))
jpeg += segment(0xC4, [0x10, 1] + [0] * 15 + [0])
jpeg += scan(1, range(-60, 100, 10)) + scan(2, [80, 60, 40, 20]) + scan(3, [50, 20, -10, 50]) + b"\xff\xd9"
open("own-scans.jpg", "wb").write(jpeg)
pillow = numpy.asarray(Image.open("own-scans.jpg")).astype(int)
lines = subprocess.run(["target/debug/probe"], check=True, capture_output=True, text=True).stdout.split()
rust = numpy.array(lines, int).reshape(32, 32, 3)
print("image 0.25.10, zune-jpeg 0.5.15; centres of the four upper left blocks as RGB")
for name, pixels in ("Pillow", pillow), ("image", rust):
    print(f"{name:7}", pixels[4:16:8, 4:16:8].reshape(-1, 3).tolist())
print("mean difference", abs(pillow - rust).mean().round(1), "of 255 levels")
if abs(pillow - rust).mean() < 10:
    raise SystemExit("changed: the colours are right")
PY
