#!/usr/bin/env bash
# What:    torch.save of a slice stores everything that the slice was cut from; safetensors stores the slice.
# Version: torch 2.15.0, safetensors 0.8.0.
# Matters: a head or a row of stored logits cut from a large tensor makes a large file, and publishes the rest with it:
#          whoever loads the file can read the numbers that were cut away.
# Here:    tensors are written from their own elements; a reader of .pt takes offset and stride into account.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
env/bin/python - <<'PY'
import os
import safetensors.torch, torch

everything = torch.arange(1_000_000.0).reshape(1000, 1000)
row = everything[3]
torch.save({"row": row}, "slice.pt")
torch.save({"row": row.clone()}, "clone.pt")
safetensors.torch.save_file({"row": row}, "slice.safetensors")
size = {name: os.path.getsize(name) for name in ("slice.pt", "clone.pt", "slice.safetensors")}
loaded = torch.load("slice.pt")["row"]
print("torch", torch.__version__)
print(f"a row of 1000 numbers (4000 bytes): {size}")
behind = loaded.untyped_storage().nbytes() // 4
cut_away = torch.as_strided(loaded, (1,), (1,), 999_999).item()
print(f"loaded, it has {loaded.numel()} elements over a storage of {behind}, whose last number is {cut_away}")
if size["slice.pt"] < 4_000_000 or size["clone.pt"] > 8000 or size["slice.safetensors"] > 8000 or cut_away != 999_999:
    raise SystemExit("changed: the slice is stored alone")
PY
