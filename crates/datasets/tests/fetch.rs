//! Downloads against a server on the loopback address.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, io::Cursor, sync::Arc, thread};

use distill_datasets::catalogue::{RemoteFile, sha256_of};
use distill_datasets::{LoadEvent, fetch};
use tiny_http::{Header, Response, Server};

/// What the server does with the first request; later ones are answered well.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Good,
    Cut,
    TooLong,
    Wrong,
    Error,
    NoRanges,
}

const BYTES: usize = 300_000;

fn content() -> Vec<u8> {
    (0..BYTES).map(|i| (i * 31 % 251) as u8).collect()
}

/// Serves `content()`; gives its address and the `Range` headers that it was asked with.
fn serve(first: First) -> (RemoteFile, Arc<std::sync::Mutex<Vec<Option<String>>>>) {
    let server = Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}/data.bin", server.server_addr());
    let ranges = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = ranges.clone();
    thread::spawn(move || {
        for (at, request) in server.incoming_requests().enumerate() {
            let range = request.headers().iter().find(|h| h.field.equiv("Range"));
            let range = range.map(|h| h.value.as_str().to_owned());
            seen.lock().unwrap().push(range.clone());
            let start = range
                .and_then(|r| r.trim_start_matches("bytes=").trim_end_matches('-').parse().ok());
            let start: usize = if first == First::NoRanges { 0 } else { start.unwrap_or(0) };
            let mut body = content().split_off(start);
            let behaviour = if at == 0 { first } else { First::Good };
            match behaviour {
                First::Cut => body.truncate(100_000),
                First::TooLong => body.extend([0; 70_000]),
                First::Wrong => body[5] ^= 1,
                _ => {}
            }
            let status = match (behaviour, start) {
                (First::Error, _) => 503,
                (_, 0) => 200,
                _ => 206,
            };
            let length = body.len();
            let mut response =
                Response::new(status.into(), vec![], Cursor::new(body), Some(length), None);
            response.add_header(Header::from_bytes("Content-Type", "application/gzip").unwrap());
            let _ = request.respond(response);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    fs::write(&original, content()).unwrap();
    let sha256 = sha256_of(&original).unwrap();
    (RemoteFile { path: "sub/data.bin".into(), url, bytes: BYTES as u64, sha256 }, ranges)
}

#[test]
fn a_file_arrives_whole_with_progress() {
    let (file, _) = serve(First::Good);
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    fetch(&file, folder.path(), &mut |event| {
        if let LoadEvent::Fetching { have, .. } = event {
            last = have;
        }
    })
    .unwrap();
    assert_eq!(last, BYTES as u64);
    assert_eq!(fs::read(folder.path().join("sub/data.bin")).unwrap(), content());
    assert!(!folder.path().join("sub/data.bin.part").exists());
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let (file, ranges) = serve(First::Cut);
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&file, folder.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("cut after 100000 of 300000 bytes"), "{error}");
    assert!(!folder.path().join("sub/data.bin").exists());
    fetch(&file, folder.path(), &mut |_| {}).unwrap();
    assert_eq!(fs::read(folder.path().join("sub/data.bin")).unwrap(), content());
    assert_eq!(*ranges.lock().unwrap(), [None, Some("bytes=100000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (file, _) = serve(First::NoRanges);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/data.bin.part"), [9; 1000]).unwrap();
    fetch(&file, folder.path(), &mut |_| {}).unwrap();
    assert_eq!(fs::read(folder.path().join("sub/data.bin")).unwrap(), content());
}

#[test]
fn nothing_wrong_ever_gets_the_files_name() {
    let cases = [
        (First::Wrong, "sha256"),
        (First::TooLong, "more than the 300000 bytes"),
        (First::Error, "503"),
    ];
    for (first, expected) in cases {
        let (file, _) = serve(first);
        let folder = tempfile::tempdir().unwrap();
        let error = fetch(&file, folder.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, expected {expected}");
        assert!(!folder.path().join("sub/data.bin").exists());
        fetch(&file, folder.path(), &mut |_| {}).unwrap();
        assert!(folder.path().join("sub/data.bin").exists());
    }
}
