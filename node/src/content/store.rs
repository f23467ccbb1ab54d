//! Files named by their BLAKE3 root, with the tree's nodes (the Bao outboard) beside them.
//!
//! ```text
//! ROOT.data      the content                 ROOT.part   a content that is being fetched: its verified beginning
//! ROOT.tree      its outboard                *.new       being written; removed at start
//! ```
//!
//! Calls block on the disk: MUST be made away from the runtime's own threads.

use super::error::ContentError;
use bao::decode::SliceDecoder;
use bao::encode::{Encoder, SliceExtractor};
use leg_ledger::hash::Hash;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Content bytes of one slice that nodes send each other; a multiple of the chunk's 1 KiB.
pub const SLICE_BYTES: u64 = 256 * 1_024;
/// Bytes read at once when a file is hashed.
const READ_BYTES: usize = 64 * 1_024;

/// The content of one node.
#[derive(Debug)]
pub struct ContentStore {
    folder: PathBuf,
    quota: u64,
    /// Names temporary files.
    added: AtomicU64,
    /// Bytes of each content, fetched ones with the size that they will have.
    taken: Mutex<BTreeMap<Hash, u64>>,
}

fn root_of(hash: &bao::Hash) -> Hash {
    Hash::from_bytes(*hash.as_bytes())
}

/// A directory entry is durable once its directory is synced.
fn sync_folder(folder: &Path) -> Result<(), ContentError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| ContentError::io(folder, cause))
}

impl ContentStore {
    /// Opens the folder, making it where it is missing; forgets what was being written when the node ended.
    ///
    /// # Errors
    /// [`ContentError::Io`].
    pub fn open(folder: &Path, quota: u64) -> Result<Self, ContentError> {
        let failed = |cause| ContentError::io(folder, cause);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut taken = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let root = path.file_stem().and_then(|name| name.to_str()).and_then(Hash::from_hex);
            match (path.extension().and_then(|kind| kind.to_str()), root) {
                (Some("new"), _) => fs::remove_file(&path).map_err(|cause| ContentError::io(&path, cause))?,
                (Some("data" | "part"), Some(root)) => {
                    let bytes = fs::metadata(&path).map_err(|cause| ContentError::io(&path, cause))?.len();
                    taken.insert(root, bytes);
                }
                _ => {}
            }
        }
        Ok(ContentStore { folder: folder.to_owned(), quota, added: AtomicU64::new(0), taken: Mutex::new(taken) })
    }

    fn path(&self, root: Hash, kind: &str) -> PathBuf {
        self.folder.join(format!("{root}.{kind}"))
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Hash, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes taken of the quota.
    pub fn used(&self) -> u64 {
        self.taken().values().sum()
    }

    /// Every content that is whole or being fetched.
    pub fn roots(&self) -> Vec<Hash> {
        self.taken().keys().copied().collect()
    }

    /// The bytes of a whole content.
    pub fn size(&self, root: Hash) -> Option<u64> {
        fs::metadata(self.path(root, "data")).ok().map(|data| data.len())
    }

    /// Takes room for a content.
    fn reserve(&self, root: Hash, bytes: u64) -> Result<(), ContentError> {
        let mut taken = self.taken();
        let others: u64 = taken.iter().filter(|(other, _)| **other != root).map(|(_, bytes)| bytes).sum();
        if others.checked_add(bytes).is_none_or(|sum| sum > self.quota) {
            return Err(ContentError::Quota { wanted: bytes, used: others, quota: self.quota });
        }
        taken.insert(root, bytes);
        Ok(())
    }

    /// Stores what a reader gives; the root and the number of bytes. More than `limit` bytes, or none, are refused.
    ///
    /// # Errors
    /// [`ContentError`]; nothing is left behind.
    pub fn add(&self, reader: &mut dyn Read, limit: u64) -> Result<(Hash, u64), ContentError> {
        let name = self.added.fetch_add(1, Ordering::Relaxed);
        let data = self.folder.join(format!("{name}-data.new"));
        let tree = self.folder.join(format!("{name}-tree.new"));
        let result = self.write(reader, limit, &data, &tree);
        if result.is_err() {
            // What cannot be removed now is removed at the next start.
            let _ = (fs::remove_file(&data), fs::remove_file(&tree));
        }
        result
    }

    fn write(&self, reader: &mut dyn Read, limit: u64, data: &Path, tree: &Path) -> Result<(Hash, u64), ContentError> {
        let failed = |cause| ContentError::io(data, cause);
        let mut out = File::create(data).map_err(failed)?;
        let free = self.quota.saturating_sub(self.used());
        let bytes = io::copy(&mut reader.take(limit.min(free).saturating_add(1)), &mut out).map_err(failed)?;
        if bytes == 0 || bytes > limit {
            return Err(ContentError::Size(bytes));
        }
        if bytes > free {
            return Err(ContentError::Quota { wanted: bytes, used: self.used(), quota: self.quota });
        }
        out.sync_all().map_err(failed)?;
        let root = self.hash(data, tree)?;
        self.reserve(root, bytes)?;
        self.publish(root, data, tree)?;
        Ok((root, bytes))
    }

    /// Writes the outboard of a file; its root.
    fn hash(&self, data: &Path, tree: &Path) -> Result<Hash, ContentError> {
        let failed = |cause| ContentError::io(tree, cause);
        let out = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(tree).map_err(failed)?;
        let mut encoder = Encoder::new_outboard(out);
        let mut input = File::open(data).map_err(|cause| ContentError::io(data, cause))?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = input.read(&mut buffer).map_err(|cause| ContentError::io(data, cause))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            encoder.write_all(bytes).map_err(failed)?;
        }
        let root = encoder.finalize().map_err(failed)?;
        encoder.into_inner().sync_all().map_err(failed)?;
        Ok(root_of(&root))
    }

    /// Gives both files their names. The data's name comes last: it says that the content is whole.
    fn publish(&self, root: Hash, data: &Path, tree: &Path) -> Result<(), ContentError> {
        for (from, kind) in [(tree, "tree"), (data, "data")] {
            fs::rename(from, self.path(root, kind)).map_err(|cause| ContentError::io(from, cause))?;
            sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// The Bao slice of `length` bytes from `from` on, verified.
    ///
    /// # Errors
    /// [`ContentError::Unknown`]; [`ContentError::Damaged`] when the disk gives other bytes than were stored.
    pub fn slice(&self, root: Hash, from: u64, length: u64) -> Result<Vec<u8>, ContentError> {
        let open = |kind: &str| File::open(self.path(root, kind)).map_err(|_| ContentError::Unknown(root));
        let mut slice = Vec::new();
        let mut extractor = SliceExtractor::new_outboard(open("data")?, open("tree")?, from, length);
        let damaged = ContentError::Damaged { root, from };
        if extractor.read_to_end(&mut slice).is_err() {
            return Err(damaged);
        }
        open_slice(root, from, length, &slice).map(|_| slice).ok_or(damaged)
    }

    /// How much of a content has been fetched; the whole size where it is complete. A content that is new gets its room.
    ///
    /// # Errors
    /// [`ContentError::Quota`] and those of the disk.
    pub fn fetched(&self, root: Hash, size: u64) -> Result<u64, ContentError> {
        if self.size(root) == Some(size) {
            return Ok(size);
        }
        self.reserve(root, size)?;
        let path = self.path(root, "part");
        let part = OpenOptions::new().create(true).append(true).open(&path).map_err(|cause| ContentError::io(&path, cause))?;
        let length = part.metadata().map_err(|cause| ContentError::io(&path, cause))?.len();
        Ok(length.min(size) / SLICE_BYTES * SLICE_BYTES)
    }

    /// Takes the next slice of a content that is being fetched, from `from` on as [`ContentStore::fetched`] said. With the last one the
    /// content is whole. True then.
    ///
    /// # Errors
    /// [`ContentError::Damaged`]: a byte of the slice is wrong, and nothing was written; or a crash has left other bytes than were verified,
    /// and fetching starts anew.
    pub fn extend(&self, root: Hash, size: u64, from: u64, slice: &[u8]) -> Result<bool, ContentError> {
        let path = self.path(root, "part");
        let failed = |cause| ContentError::io(&path, cause);
        let length = size.saturating_sub(from).min(SLICE_BYTES);
        let bytes = sized_slice(root, size, from, length, slice).ok_or(ContentError::Damaged { root, from })?;
        let mut part = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        part.set_len(from).and_then(|()| part.seek(SeekFrom::Start(from))).map_err(failed)?;
        part.write_all(&bytes).map_err(failed)?;
        if from + length < size {
            return Ok(false);
        }
        part.sync_all().map_err(failed)?;
        let tree = self.folder.join(format!("{root}-tree.new"));
        if self.hash(&path, &tree)? != root {
            fs::remove_file(&path).map_err(failed)?;
            return Err(ContentError::Damaged { root, from: 0 });
        }
        self.publish(root, &path, &tree)?;
        Ok(true)
    }

    /// Forgets a content. What is not there is forgotten already.
    ///
    /// # Errors
    /// [`ContentError::Io`].
    pub fn remove(&self, root: Hash) -> Result<(), ContentError> {
        for kind in ["data", "tree", "part"] {
            let path = self.path(root, kind);
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(ContentError::io(&path, cause)),
                _ => {}
            }
        }
        self.taken().remove(&root);
        sync_folder(&self.folder)
    }

    /// Contents whose files have not changed for this long.
    pub fn older_than(&self, age: Duration) -> Vec<Hash> {
        let is_old = |root: &Hash| {
            let file = ["data", "part"].map(|kind| self.path(*root, kind)).into_iter().find(|path| path.exists());
            let changed = file.and_then(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
            changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|elapsed| elapsed > age)
        };
        self.roots().into_iter().filter(is_old).collect()
    }

    /// Opens the bytes of a whole content.
    ///
    /// # Errors
    /// [`ContentError::Unknown`].
    pub fn read(&self, root: Hash) -> Result<File, ContentError> {
        File::open(self.path(root, "data")).map_err(|_| ContentError::Unknown(root))
    }
}

/// The bytes of a slice of a content of `size` bytes; `None` if anything about it is wrong.
pub(super) fn sized_slice(root: Hash, size: u64, from: u64, length: u64, slice: &[u8]) -> Option<Vec<u8>> {
    let says = slice.first_chunk().map(|size| u64::from_le_bytes(*size));
    open_slice(root, from, length, slice).filter(|bytes| says == Some(size) && bytes.len() as u64 == length)
}

/// The bytes of a slice; `None` when it does not verify.
fn open_slice(root: Hash, from: u64, length: u64, slice: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut decoder = SliceDecoder::new(slice, &bao::Hash::from_bytes(*root.as_bytes()), from, length);
    decoder.read_to_end(&mut bytes).ok().map(|_| bytes)
}
