//! The file of the double-sign guard's mark (DESIGN, promise 6).
//!
//! It stands beside the database, not in it: a checkpoint, a backup or a rollback of the database never takes the mark back to a time at
//! which less was signed. A lock keeps a second process from signing with the same key.
//!
//! Bytes: the BLAKE3-based checksum of the mark (32 bytes), the mark. The file is replaced whole: written beside it, synced, renamed, and
//! the folder synced. A file that does not match its checksum is an error, never "no mark".

use leg_ledger::hash::{Domain, Hash};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Most bytes of a mark.
const MAX_MARK_BYTES: usize = 1 << 20;

/// Why the mark cannot be used. Fatal: without it, this node might sign twice.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Another process runs with the same mark.
    #[error("{0} is locked: another process signs with this consensus key")]
    Locked(PathBuf),
    /// Reading, writing or syncing failed.
    #[error("the double-sign guard's file {path} cannot be {doing}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        cause: std::io::Error,
    },
    /// The bytes are not those that were saved.
    #[error("the double-sign guard's file {0} is damaged; it protects against signing twice and must not be deleted to get on")]
    Damaged(PathBuf),
    /// An earlier save failed: what is on the disk is not known until the process starts again.
    #[error("an earlier save of the double-sign guard failed; the process has to start again")]
    Failed,
}

/// The mark's file, locked by this process.
#[derive(Debug)]
pub struct MarkFile {
    folder: PathBuf,
    failed: bool,
    /// Held for as long as this lives: the operating system releases it with the process.
    _lock: File,
}

impl MarkFile {
    /// Opens `folder`, which is created when it is not there, and locks it.
    ///
    /// # Errors
    /// [`MarkError::Locked`] or [`MarkError::Io`].
    pub fn open(folder: &Path) -> Result<Self, MarkError> {
        let lock_path = folder.join("lock");
        let failed = |cause| MarkError::Io { path: lock_path.clone(), doing: "opened", cause };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(MarkFile { folder: folder.to_owned(), failed: false, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(MarkError::Locked(lock_path)),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("mark")
    }

    /// The mark; `None` only when nothing was ever saved.
    ///
    /// # Errors
    /// [`MarkError`].
    pub fn load(&self) -> Result<Option<Vec<u8>>, MarkError> {
        let path = self.path();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(MarkError::Io { path, doing: "read", cause }),
        };
        match bytes.split_first_chunk::<32>() {
            Some((checksum, mark)) if *checksum == checksum_of(mark) && mark.len() <= MAX_MARK_BYTES => Ok(Some(mark.to_vec())),
            _ => Err(MarkError::Damaged(path)),
        }
    }

    /// Replaces the mark; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`MarkError`]; every later save fails too.
    pub fn save(&mut self, mark: &[u8]) -> Result<(), MarkError> {
        if self.failed {
            return Err(MarkError::Failed);
        }
        self.replace(mark).map_err(|cause| {
            self.failed = true;
            MarkError::Io { path: self.path(), doing: "replaced", cause }
        })
    }

    fn replace(&self, mark: &[u8]) -> std::io::Result<()> {
        let fresh = self.folder.join("mark.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&checksum_of(mark))?;
        file.write_all(mark)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.path())?;
        // The rename itself is durable only when the folder is.
        File::open(&self.folder)?.sync_all()
    }
}

fn checksum_of(mark: &[u8]) -> [u8; 32] {
    *Hash::of(Domain::Consensus, mark).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_mark_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = MarkFile::open(folder.path()).unwrap();
        assert_eq!(file.load().unwrap(), None);
        file.save(b"first").unwrap();
        file.save(b"second").unwrap();
        drop(file);
        assert_eq!(MarkFile::open(folder.path()).unwrap().load().unwrap(), Some(b"second".to_vec()));
    }

    #[test]
    fn a_crash_between_write_and_rename_leaves_the_mark_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = MarkFile::open(folder.path()).unwrap();
        file.save(b"first").unwrap();
        std::fs::write(folder.path().join("mark.new"), b"torn").unwrap();
        assert_eq!(file.load().unwrap(), Some(b"first".to_vec()));
        file.save(b"second").unwrap();
        assert_eq!(file.load().unwrap(), Some(b"second".to_vec()));
    }

    #[test]
    fn every_flipped_or_missing_byte_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = MarkFile::open(folder.path()).unwrap();
        file.save(b"mark").unwrap();
        let good = std::fs::read(file.path()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(file.path(), &bad).unwrap();
            assert!(matches!(file.load(), Err(MarkError::Damaged(_))), "byte {at}");
            std::fs::write(file.path(), &good[..at]).unwrap();
            assert!(matches!(file.load(), Err(MarkError::Damaged(_))), "length {at}");
        }
    }

    #[test]
    fn only_one_process_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let first = MarkFile::open(folder.path()).unwrap();
        assert!(matches!(MarkFile::open(folder.path()), Err(MarkError::Locked(_))));
        drop(first);
        assert!(MarkFile::open(folder.path()).is_ok());
    }

    #[test]
    fn after_a_failed_save_no_other_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = MarkFile::open(folder.path()).unwrap();
        // A folder in the way of the new file.
        std::fs::create_dir(folder.path().join("mark.new")).unwrap();
        assert!(matches!(file.save(b"mark"), Err(MarkError::Io { .. })));
        std::fs::remove_dir(folder.path().join("mark.new")).unwrap();
        assert!(matches!(file.save(b"mark"), Err(MarkError::Failed)));
        assert_eq!(file.load().unwrap(), None);
    }
}
