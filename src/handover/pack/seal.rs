//! The digest at the end of a packed file: the SHA-256 of all its bytes, with zeros in its own place.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use sha2::{Digest as _, Sha256};

use crate::model::digest::Digest;

/// Bytes of the digest.
pub(crate) const DIGEST: usize = 32;

/// Fills in the file's digest; returns it, the SHA-256 of the file with it, and the file's size.
pub(super) fn fill_in(file: &mut File) -> std::io::Result<(Digest, Digest, u64)> {
    let (hash, size) = hash_all_but_the_end(file)?;
    let mut zeros = hash.clone();
    zeros.update([0; DIGEST]);
    let digest = Digest::from(<[u8; DIGEST]>::from(zeros.finalize()));
    file.seek(SeekFrom::Start(size - DIGEST as u64))?;
    file.write_all(digest.as_bytes())?;
    // Beside the check of what was written, and not after it.
    file.sync_all()?;
    let whole = hash.chain_update(digest.as_bytes());
    Ok((
        digest,
        Digest::from(<[u8; DIGEST]>::from(whole.finalize())),
        size,
    ))
}

/// Of all bytes of a file but the last 32; and the file's size.
pub(crate) fn hash_all_but_the_end(
    file: &mut (impl Read + Seek),
) -> std::io::Result<(Sha256, u64)> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut left = size.saturating_sub(DIGEST as u64);
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = file.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok((hash, size))
}
