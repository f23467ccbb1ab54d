//! Why content cannot be kept or given.

use leg_ledger::hash::Hash;
use std::io;
use std::path::PathBuf;

/// Operational: reported to whoever asked; nothing that is stored is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The disk.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// No such content, or not all of it.
    #[error("there is no content {0}")]
    Unknown(Hash),
    /// The quota leaves no room.
    #[error("{wanted} bytes do not fit: {used} of {quota} bytes are taken")]
    Quota {
        /// Asked for.
        wanted: u64,
        /// Taken.
        used: u64,
        /// In all.
        quota: u64,
    },
    /// Bytes that do not verify: damage on the disk, or a peer's wrong slice.
    #[error("bytes from {from} on do not verify against the root {root}")]
    Damaged {
        /// The content.
        root: Hash,
        /// Where the slice begins.
        from: u64,
    },
    /// Nothing, or more than one key may encrypt.
    #[error("{0} bytes; 1 to {max} are possible", max = super::MAX_CONTENT_BYTES)]
    Size(u64),
    /// A record that cannot be read.
    #[error("{path} is not a storage record")]
    Record {
        /// The file.
        path: PathBuf,
    },
    /// No node of the other party gives the content.
    #[error("no node of {0} gives the content; is one connected?")]
    Unreachable(leg_ledger::ids::MemberId),
}

impl ContentError {
    pub(super) fn io(path: &std::path::Path, cause: io::Error) -> Self {
        ContentError::Io { path: path.to_owned(), cause }
    }
}
