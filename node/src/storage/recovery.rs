//! Loading the state at start: one thread reads the entries, one hashes them for the tree, one loads them.

use super::StoreError;
use leg_ledger::state::{State, StateError, value_hash};
use leg_ledger::tree::{Changes, Key, Tree};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{ScopedJoinHandle, scope};

/// Key and value of an entry.
type Entry = (Vec<u8>, Vec<u8>);

/// Entries that go from thread to thread together.
const CHUNK: usize = 1_024;
/// Chunks that wait between two threads.
const WAITING: usize = 8;

/// The state of these entries and their tree.
///
/// # Errors
/// The first entry that cannot be read, or that is none of a state.
pub(super) fn load(entries: impl Iterator<Item = Result<Entry, StoreError>>) -> Result<(State, Tree), StoreError> {
    scope(|threads| {
        let (read, to_hash) = sync_channel(WAITING);
        let (hashed, to_load) = sync_channel(WAITING);
        let tree = threads.spawn(move || hash_all(to_hash, hashed));
        let state = threads.spawn(move || -> Result<State, StateError> { State::load(to_load.into_iter().flatten()) });
        let failed = send_all(entries, read);
        let (tree, state) = (join(tree), join(state));
        match failed {
            Some(error) => Err(error),
            None => Ok((state?, tree)),
        }
    })
}

/// Passes the entries on up to the first that cannot be read, which is returned.
fn send_all(entries: impl Iterator<Item = Result<Entry, StoreError>>, chunks: SyncSender<Vec<Entry>>) -> Option<StoreError> {
    let mut failure = None;
    let mut readable = entries.map_while(|entry| entry.map_err(|error| failure = Some(error)).ok());
    loop {
        let chunk: Vec<Entry> = readable.by_ref().take(CHUNK).collect();
        // Whoever loads them has ended at an entry that is none of a state: its error is the answer.
        if chunk.is_empty() || chunks.send(chunk).is_err() {
            break;
        }
    }
    drop(readable);
    failure
}

/// Builds the tree of what comes and passes it on.
fn hash_all(chunks: Receiver<Vec<Entry>>, hashed: SyncSender<Vec<Entry>>) -> Tree {
    let mut changes = Vec::new();
    for chunk in chunks {
        changes.extend(chunk.iter().map(|(key, value)| (Key::of(key), Some(value_hash(value)))));
        if hashed.send(chunk).is_err() {
            return Tree::new();
        }
    }
    // Whoever loads need not wait for the tree.
    drop(hashed);
    Tree::build(&changes.into_iter().collect::<Changes>())
}

/// A panic in the ledger is our own bug; it stays one, on this thread.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
