//! Downloads that survive being cut: `name.part` grows, is verified, and only then gets its name.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use ureq::http::StatusCode;

use crate::{DataError, catalogue::RemoteFile, catalogue::sha256_of};

/// How far a dataset is on its way into memory.
#[derive(Debug, Clone, Copy)]
pub enum LoadEvent<'a> {
    /// A download.
    Fetching {
        /// The file.
        file: &'a RemoteFile,
        /// Bytes that are there.
        have: u64,
    },
    /// Images that are decoded.
    Reading {
        /// Number of files that were read.
        done: usize,
        /// Number of all files.
        total: usize,
    },
}

/// Receiver of the progress.
pub type LoadProgress<'a> = &'a mut dyn FnMut(LoadEvent<'_>);

/// Brings `file` into `folder`, going on where an earlier try was cut.
///
/// Nothing stands under the file's own name before size and sha256 are right. A part that is
/// complete but wrong is deleted, so that the next try starts anew.
///
/// # Errors
/// [`DataError::Fetch`] for a server that fails or sends something else, [`DataError::Io`] for a
/// folder that cannot be written.
pub fn fetch(
    file: &RemoteFile,
    folder: &Path,
    progress: LoadProgress<'_>,
) -> Result<(), DataError> {
    let target = folder.join(&file.path);
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(DataError::io(parent))?;
    let mut part = target.clone().into_os_string();
    part.push(".part");
    let part = Path::new(&part);

    let mut have = fs::metadata(part).map_or(0, |meta| meta.len());
    if have > file.bytes {
        fs::remove_file(part).map_err(DataError::io(part))?;
        have = 0;
    }
    if have < file.bytes {
        download(file, part, have, progress)?;
    }
    let sha256 = sha256_of(part)?;
    if sha256 != file.sha256 {
        fs::remove_file(part).map_err(DataError::io(part))?;
        let problem = format!("sha256 `{sha256}`, expected `{}`", file.sha256);
        return Err(failed(
            file,
            problem,
            "the source has changed or the transfer was disturbed; try again",
        ));
    }
    fs::rename(part, &target).map_err(DataError::io(target))
}

fn download(
    file: &RemoteFile,
    part: &Path,
    mut have: u64,
    progress: LoadProgress<'_>,
) -> Result<(), DataError> {
    const RETRY: &str = "call the same command again, it goes on where this one stopped";
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .build()
        .into();
    tracing::debug!(url = file.url, from = have, "fetching");
    let mut request = agent.get(&file.url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = request.call().map_err(|e| failed(file, e.to_string(), RETRY))?;
    // A server without ranges sends the whole file again.
    if response.status() != StatusCode::PARTIAL_CONTENT {
        have = 0;
    }
    let options = OpenOptions::new().create(true).append(true).to_owned();
    let mut out = options.open(part).map_err(DataError::io(part))?;
    if out.try_lock().is_err() {
        let problem = format!("`{}` is being written by another process", part.display());
        return Err(failed(file, problem, "wait until that one is done"));
    }
    out.set_len(have).map_err(DataError::io(part))?;

    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(|e| failed(file, e.to_string(), RETRY))?;
        if read == 0 {
            break;
        }
        have += read as u64;
        if have > file.bytes {
            drop(out);
            fs::remove_file(part).map_err(DataError::io(part))?;
            let problem = format!("more than the {} bytes that were expected", file.bytes);
            return Err(failed(file, problem, "the source has changed; get the file by hand"));
        }
        out.write_all(&buffer[..read]).map_err(DataError::io(part))?;
        progress(LoadEvent::Fetching { file, have });
    }
    out.sync_all().map_err(DataError::io(part))?;
    if have < file.bytes {
        let problem = format!("cut after {have} of {} bytes", file.bytes);
        return Err(failed(file, problem, RETRY));
    }
    Ok(())
}

fn failed(file: &RemoteFile, problem: String, hint: &str) -> DataError {
    DataError::Fetch { url: file.url.clone(), problem, hint: hint.to_owned() }
}
