//! Files of weights that somebody broke, or made to break us: an error each, no panic, and no more
//! memory than the file and the network account for.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use burn::tensor::Device;
use distill_models::{
    Architecture, Network, Overrides, Signature,
    weights::{self, Precision},
};
use peak_alloc::PeakAlloc;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The peak is the process's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// What a file may cost beside the network: a table's entry is larger in memory than on disk.
fn bound(file: usize) -> usize {
    (4 << 20) + 128 * file
}

const ROUNDS: u64 = 1000;

const SIGNATURE: Signature = Signature::images([3, 8, 8], 10);

#[test]
fn mutated_files_are_errors_and_cost_no_memory() {
    let _turn = TURN.lock();
    let network = network();
    let folder = tempfile::tempdir().unwrap();
    let mut bases: Vec<(String, Vec<u8>)> = Vec::new();
    for file in [
        "state.pt",
        "legacy.pth",
        "nested.th",
        "module.pt",
        "beside.pt",
        "parametrised.pt",
        "script.pt",
        "state.safetensors",
    ] {
        bases.push((file.to_owned(), fs::read(fixture(file)).unwrap()));
    }
    let path = folder.path().join("weights");
    let own = weights::to_bytes(&network, Precision::Single, &path).unwrap();
    bases.push(("own.bpk".to_owned(), own));

    let (mut refused, mut read) = (0_u64, 0_u64);
    for (name, bytes) in bases {
        for round in 0..ROUNDS {
            let mutated = mutate(&bytes, round);
            fs::write(&path, &mutated).unwrap();
            let what = format!("{name}, round {round}");
            match within_bounds(&network, &path, mutated.len(), &what) {
                Ok(()) => read += 1,
                Err(message) => {
                    assert!(!message.is_empty(), "{what}");
                    refused += 1;
                }
            }
        }
    }
    // Numbers may change without a trace; tables, headers and lengths may not.
    assert!(refused > 2 * ROUNDS && read > ROUNDS / 10, "{refused} refused, {read} read");
}

#[cfg(feature = "onnx")]
#[test]
fn mutated_onnx_files_are_errors() {
    use distill_models::onnx::{OnnxNetwork, to_onnx};

    let _turn = TURN.lock();
    let network = network();
    let path = Path::new("network.onnx");
    let bytes = to_onnx(&network, Default::default(), Precision::Single, &Default::default(), path)
        .unwrap();
    let images = vec![0.5; 3 * 8 * 8];
    let (mut refused, mut answered) = (0_u64, 0_u64);
    for round in 0..ROUNDS {
        let mutated = mutate(&bytes, round);
        let size = mutated.len();
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let read = OnnxNetwork::from_bytes(mutated, path);
        match read.and_then(|network| network.logits(&images, &SIGNATURE)) {
            Ok(_) => answered += 1,
            Err(error) => {
                assert!(error.to_string().contains("network.onnx"), "{error}");
                refused += 1;
            }
        }
        let cost = MEMORY.peak_usage() - before;
        assert!(cost <= bound(size), "round {round}: {cost} bytes for a file of {size}");
    }
    assert!(
        refused > ROUNDS / 4 && answered > ROUNDS / 50,
        "{refused} refused, {answered} answered"
    );
}

#[test]
fn bombs_do_not_go_off() {
    let _turn = TURN.lock();
    let network = network();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb");
    let nested = [vec![0x80, 2], b"(".repeat(200_000), b"N".to_vec(), b"\x85".repeat(200_000)];
    let lying_header = [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat();
    let long_header = [(1_u64 << 40).to_le_bytes().as_slice(), b"{\"a\":1}"].concat();
    let cases = [
        (
            "a pickle that runs a command",
            b"\x80\x02cposix\nsystem\n(X\x05\x00\x00\x00touch\x85R.".to_vec(),
        ),
        ("a pickle nested deeper than a stack", nested.concat()),
        ("a pickle of a string of 4 GiB", b"\x80\x02X\xff\xff\xff\xff".to_vec()),
        ("a pickle of nothing but values", [b"\x80\x02".to_vec(), b"N".repeat(1 << 18)].concat()),
        ("a header longer than the file", lying_header),
        ("a header of a tebibyte", long_header),
        ("a zip that unpacks to a thousand times its size", zip_bomb()),
        ("nothing", Vec::new()),
        ("one byte", vec![0x80]),
    ];
    for (what, bytes) in cases {
        fs::write(&path, &bytes).unwrap();
        let message = within_bounds(&network, &path, bytes.len(), what).unwrap_err();
        assert!(message.contains("bomb"), "the file is named: {message}");
    }
    assert!(weights::load(network, folder.path()).is_err(), "a folder is no file");
}

/// Loads, and checks what it cost.
fn within_bounds(network: &Network, path: &Path, size: usize, what: &str) -> Result<(), String> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = weights::load(network.clone(), path).map(|_| ()).map_err(|e| e.to_string());
    let cost = MEMORY.peak_usage() - before;
    assert!(cost <= bound(size), "{what}: {cost} bytes for a file of {size}");
    result
}

/// One to eight changes of a kind that transfers, disks and people make.
fn mutate(bytes: &[u8], round: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(round);
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.next_u32() % 8 {
        let len = bytes.len().max(1);
        // Every other change falls on the first or last part, where tables and headers lie.
        let at = match rng.next_u32() % 4 {
            0 => rng.next_u64() as usize % len.min(256),
            1 => len - 1 - rng.next_u64() as usize % len.min(512),
            _ => rng.next_u64() as usize % len,
        };
        if bytes.is_empty() {
            break;
        }
        match rng.next_u32() % 6 {
            0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            1 => bytes[at] = rng.next_u32() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.next_u32() as u8),
            4 => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            _ => {
                let end = (at + rng.next_u32() as usize % 64).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// An archive whose `data.pkl` is 64 MiB of values in 64 KiB.
fn zip_bomb() -> Vec<u8> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("archive/data.pkl", options).unwrap();
    archive.write_all(b"\x80\x02").unwrap();
    let values = b"N".repeat(1 << 20);
    for _ in 0..64 {
        archive.write_all(&values).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/files").join(file)
}

fn network() -> Network {
    let overrides = Overrides { blocks: Some(vec![vec![4], vec![8]]), ..Default::default() };
    let architecture = Architecture::named("vgg-large", overrides).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    architecture.init(&SIGNATURE, &mut rng, &Device::flex()).unwrap()
}
