//! Storage challenges (MARKET 7): which chunks are picked, and whether a Bao slice proves one.

use super::hash;
use blake3::hazmat::{HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use leg_ledger::hash::Hash;
use leg_ledger::ids::TradeId;
use leg_ledger::transaction::StorageManifest;
use std::collections::BTreeSet;

const CHUNK: u64 = 1_024;

pub(super) fn seed(block: &Hash, contract: TradeId, day: u32) -> [u8; 32] {
    hash("storage challenge", &[block.as_bytes(), contract.hash().as_bytes(), &day.to_le_bytes()])
}

/// Pick i is the first 8 bytes of a hash modulo the number of chunks; equal picks once, ascending.
pub(super) fn picks(seed: &[u8; 32], size: u64, count: u32) -> Vec<u64> {
    let pick = |i: u32| {
        let bytes = hash("storage pick", &[seed, &i.to_le_bytes()]);
        u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) % size.div_ceil(CHUNK)
    };
    (0..count).map(pick).collect::<BTreeSet<u64>>().into_iter().collect()
}

/// The slice is the content's length, the nodes from the root down to chunk `number`, and the chunk, nothing more.
pub(super) fn proves(manifest: &StorageManifest, number: u64, slice: &[u8]) -> bool {
    let Some((length, mut rest)) = slice.split_first_chunk::<8>() else { return false };
    if u64::from_le_bytes(*length) != manifest.size {
        return false;
    }
    let (mut wanted, mut offset, mut size, mut is_root) = (*manifest.root.as_bytes(), 0, manifest.size, true);
    while size > CHUNK {
        let Some((node, below)) = rest.split_first_chunk::<64>() else { return false };
        let (left, right) = (node[..32].try_into().expect("half"), node[32..].try_into().expect("half"));
        let found = if is_root {
            *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
        } else {
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        };
        if found != wanted {
            return false;
        }
        let on_the_left = left_subtree_len(size);
        (wanted, offset, size) = if number * CHUNK < offset + on_the_left {
            (left, offset, on_the_left)
        } else {
            (right, offset + on_the_left, size - on_the_left)
        };
        (rest, is_root) = (below, false);
    }
    if rest.len() as u64 != size {
        return false;
    }
    let found = if is_root {
        *blake3::hash(rest).as_bytes()
    } else {
        blake3::Hasher::new().set_input_offset(offset).update(rest).finalize_non_root()
    };
    found == wanted
}
