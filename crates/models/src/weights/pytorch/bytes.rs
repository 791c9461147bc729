//! Numbers and texts of a pickle's stream. Every one of these fails where the stream ends too early.

use std::io::{BufRead, Read, copy, sink};

/// The next byte.
pub(super) fn byte(reader: &mut impl BufRead) -> Result<u8, String> {
    Ok(array::<1>(reader)?[0])
}

/// The next `N` bytes.
pub(super) fn array<const N: usize>(reader: &mut impl BufRead) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|_| cut())?;
    Ok(bytes)
}

/// A number of `width` bytes without a sign.
pub(super) fn length(reader: &mut impl BufRead, width: usize) -> Result<u64, String> {
    let mut bytes = [0; 8];
    reader.read_exact(&mut bytes[..width]).map_err(|_| cut())?;
    Ok(u64::from_le_bytes(bytes))
}

/// So many bytes; no memory is taken for bytes that are not there.
pub(super) fn bytes(reader: &mut impl BufRead, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.by_ref().take(len).read_to_end(&mut bytes).map_err(|_| cut())?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(cut()) }
}

/// Passes over so many bytes.
pub(super) fn skip(reader: &mut impl BufRead, len: u64) -> Result<(), String> {
    let skipped = copy(&mut reader.by_ref().take(len), &mut sink()).map_err(|_| cut())?;
    if skipped == len { Ok(()) } else { Err(cut()) }
}

/// A line of text, without its end.
pub(super) fn line(reader: &mut impl BufRead) -> Result<String, String> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).map_err(|_| cut())?;
    match bytes.pop() {
        Some(b'\n') => String::from_utf8(bytes).map_err(|_| "a name that is no text".to_owned()),
        _ => Err(cut()),
    }
}

/// A line with a place in the memo.
pub(super) fn decimal(reader: &mut impl BufRead) -> Result<u64, String> {
    line(reader)?.parse().map_err(|_| "a place that is not a number".to_owned())
}

fn cut() -> String {
    "a pickle that is cut off".to_owned()
}
