#!/usr/bin/env bash
# What:    image::open goes by the name's ending: a PNG named .jpg is an error, a PNG without an ending too. Pillow goes
#          by the content and reads both.
# Version: image 0.25.10 (beside Pillow 13.0.0).
# Matters: collected photos are often misnamed. What PyTorch trains on for years fails, or is skipped, in Rust.
# Here:    the first bytes decide how a file is decoded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet Pillow==13.0.0 numpy==2.4.6
export CARGO_TARGET_DIR=target CARGO_PROFILE_DEV_DEBUG=0
cargo init --quiet --vcs none --name probe
cargo add --quiet image@=0.25.10 --no-default-features --features jpeg,png
cat > src/main.rs <<'RUST'
/// What becomes of each file by its name and by its content.
fn main() {
    for name in ["right.png", "wrong.jpg", "none"] {
        let named = image::open(name).map(|_| "read").unwrap_or("error");
        let reader = image::ImageReader::open(name).unwrap().with_guessed_format().unwrap();
        println!("{name} {named} {}", reader.decode().map(|_| "read").unwrap_or("error"));
    }
}
RUST
cargo build --quiet
env/bin/python - <<'PY'
import subprocess
from PIL import Image

names = ["right.png", "wrong.jpg", "none"]
for name in names:
    Image.new("RGB", (8, 8), (200, 30, 60)).save(name, format="PNG")
pillow = [Image.open(name).convert("RGB").size == (8, 8) for name in names]
lines = subprocess.run(["target/debug/probe"], check=True, capture_output=True, text=True).stdout.splitlines()
for read, line in zip(pillow, lines):
    name, named, guessed = line.split()
    print(f"{name:10} Pillow: {'read' if read else 'error'}; image::open: {named}; with_guessed_format: {guessed}")
if [line.split()[1:] for line in lines] != [["read", "read"], ["error", "read"], ["error", "read"]] or not all(pillow):
    raise SystemExit("changed: the content decides in both")
PY
