//! The file of the double-sign guard's mark (DESIGN, promise 6).
//!
//! It stands beside the database, not in it: a checkpoint, a backup or a rollback of the database never takes the mark back to a time at
//! which less was signed. A lock keeps a second process from signing with the same key.
//!
//! Every vote waits for a save, so a save is one write in place and one sync of data: the file has its length from the beginning, and no
//! name changes. Two slots take turns, each kept twice, far apart; a save writes the slot that does not hold the newest mark.
//!
//! ```text
//! file    slot 0 | slot 1 | slot 0 again | slot 1 again          64 KiB each; what a record does not need is of no meaning
//! record  checksum: 32 | sequence: u64 | length: u32 | mark      integers little-endian; the checksum is over all that follows it
//! ```
//!
//! The record of sequence n is in slot n mod 2. The newest that can be read in either place is the mark: one damaged copy never hides it. If
//! neither copy can be read, that save never returned, and the slot before holds what had been signed by then. A file without any readable
//! record, or of another length, is an error, never "no mark": that is only a file that is not there.
//!
//! Opening writes what it found anew and syncs it: what was read may have been in the memory of the system only, left by a process that died
//! before its sync, and a signature is released again without a save when it is marked already.

use leg_ledger::hash::{Domain, Hash};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Slots that take turns.
const SLOTS: u64 = 2;
/// Copies of each slot.
const COPIES: u64 = 2;
/// Bytes of one copy of a slot.
const SLOT_BYTES: usize = 64 << 10;
/// Bytes of a record before the mark.
const HEADER_BYTES: usize = 32 + 8 + 4;
/// Bytes of the file.
const FILE_BYTES: u64 = SLOTS * COPIES * SLOT_BYTES as u64;

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
    /// It would not fit into its place.
    #[error("the mark of the double-sign guard has {actual} bytes; at most {limit} can be saved")]
    TooLong {
        /// Bytes of the mark.
        actual: usize,
        /// Most bytes of a mark.
        limit: usize,
    },
}

/// One saved mark.
#[derive(Debug)]
struct Record {
    sequence: u64,
    mark: Vec<u8>,
}

impl Record {
    /// Its bytes in a slot; the mark MUST fit.
    fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.mark.len()).unwrap_or(u32::MAX);
        let content = [&self.sequence.to_le_bytes()[..], &length.to_le_bytes(), &self.mark].concat();
        [checksum_of(&content).as_slice(), &content].concat()
    }

    /// The record in one copy of `slot`, if it is whole.
    fn decode(slot: u64, bytes: &[u8]) -> Option<Record> {
        let (checksum, content) = bytes.split_first_chunk::<32>()?;
        let (sequence, rest) = content.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let mark = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let sequence = u64::from_le_bytes(*sequence);
        let whole = checksum_of(content.get(..8 + 4 + mark.len())?) == *checksum && sequence % SLOTS == slot;
        whole.then(|| Record { sequence, mark: mark.to_vec() })
    }

    /// The newest in the bytes of the whole file.
    fn newest(file: &[u8]) -> Option<Record> {
        let slots = (0..SLOTS).cycle().zip(file.chunks(SLOT_BYTES));
        slots.filter_map(|(slot, bytes)| Record::decode(slot, bytes)).max_by_key(|record| record.sequence)
    }
}

/// The mark's file, locked by this process.
#[derive(Debug)]
pub struct MarkFile {
    folder: PathBuf,
    /// The file and the newest record in it; `None` until the first save makes it.
    saved: Option<(File, Record)>,
    failed: bool,
    /// Held for as long as this lives: the operating system releases it with the process.
    _lock: File,
}

impl MarkFile {
    /// Most bytes of a mark.
    pub const MAX_BYTES: usize = SLOT_BYTES - HEADER_BYTES;

    /// Opens `folder`, which is created when it is not there, locks it and reads the mark.
    ///
    /// # Errors
    /// [`MarkError::Locked`], [`MarkError::Damaged`] or [`MarkError::Io`].
    pub fn open(folder: &Path) -> Result<Self, MarkError> {
        let lock_path = folder.join("lock");
        let failed = |cause| MarkError::Io { path: lock_path.clone(), doing: "opened", cause };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(MarkError::Locked(lock_path)),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        Ok(MarkFile { folder: folder.to_owned(), saved: read(folder)?, failed: false, _lock: lock })
    }

    /// The mark; `None` only when nothing was ever saved.
    pub fn load(&self) -> Option<&[u8]> {
        self.saved.as_ref().map(|(_, record)| record.mark.as_slice())
    }

    /// Replaces the mark; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`MarkError`]; every later save fails too.
    pub fn save(&mut self, mark: &[u8]) -> Result<(), MarkError> {
        if self.failed {
            return Err(MarkError::Failed);
        }
        // Until it has succeeded: whatever goes wrong, nothing is saved after it.
        self.failed = true;
        if mark.len() > Self::MAX_BYTES {
            return Err(MarkError::TooLong { actual: mark.len(), limit: Self::MAX_BYTES });
        }
        let path = self.folder.join(NAME);
        let sequence = self.saved.as_ref().map_or(0, |(_, record)| record.sequence.saturating_add(1));
        let record = Record { sequence, mark: mark.to_vec() };
        let file = match self.saved.take() {
            Some((file, _)) => replace(&file, &record).map(|()| file),
            None => create(&self.folder, &record),
        };
        let file = file.map_err(|cause| MarkError::Io { path, doing: "replaced", cause })?;
        self.saved = Some((file, record));
        self.failed = false;
        Ok(())
    }
}

/// The file's name in its folder.
const NAME: &str = "mark";

/// Reads the file, if it is there, and makes sure that what was read is on the disk.
fn read(folder: &Path) -> Result<Option<(File, Record)>, MarkError> {
    let path = folder.join(NAME);
    let at = &path;
    let failed = |doing| move |cause| MarkError::Io { path: at.clone(), doing, cause };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed("read")(cause)),
    };
    let newest = Record::newest(&bytes).filter(|_| u64::try_from(bytes.len()) == Ok(FILE_BYTES));
    let record = newest.ok_or_else(|| MarkError::Damaged(path.clone()))?;
    let file = OpenOptions::new().write(true).open(&path).map_err(failed("opened"))?;
    // One after the other, so that there is a whole one at any time.
    for copy in 0..COPIES {
        write(&file, &record, copy).and_then(|()| file.sync_data()).map_err(failed("written anew"))?;
    }
    sync_folder(folder).map_err(failed("synced"))?;
    Ok(Some((file, record)))
}

/// Makes the file with its first record: written beside, synced, renamed, and the folder synced.
fn create(folder: &Path, record: &Record) -> std::io::Result<File> {
    let fresh = folder.join("mark.new");
    let mut file = File::create(&fresh)?;
    // Written, not merely reserved, so that no later sync has to note where the bytes are.
    file.write_all(&vec![0; usize::try_from(FILE_BYTES).unwrap_or_default()])?;
    (0..COPIES).try_for_each(|copy| write(&file, record, copy))?;
    file.sync_all()?;
    std::fs::rename(&fresh, folder.join(NAME))?;
    // The rename itself is durable only when the folder is.
    sync_folder(folder)?;
    Ok(file)
}

/// Puts a record into the slot that its predecessor is not in.
fn replace(file: &File, record: &Record) -> std::io::Result<()> {
    (0..COPIES).try_for_each(|copy| write(file, record, copy))?;
    file.sync_data()
}

fn write(mut file: &File, record: &Record, copy: u64) -> std::io::Result<()> {
    let place = (copy * SLOTS + record.sequence % SLOTS) * SLOT_BYTES as u64;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(&record.encode())
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn checksum_of(content: &[u8]) -> [u8; 32] {
    *Hash::of(Domain::Consensus, content).as_bytes()
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
