//! What the tree must compute, written a second time from its documentation: a plain recursion over the bits of a sorted map that
//! shares no code with the tree.

use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) type Map = BTreeMap<[u8; 32], [u8; 32]>;

/// The root of a map.
pub(super) fn root(map: &Map) -> [u8; 32] {
    let entries: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
    if entries.is_empty() {
        return keyed("leg ledger v1 tree empty", 0, &[]);
    }
    subtree(&entries, 0)
}

fn subtree(entries: &[([u8; 32], [u8; 32])], depth: usize) -> [u8; 32] {
    if let [(key, value)] = entries {
        return keyed("leg ledger v1 tree leaf", 0, &[key, value]);
    }
    let one = |key: &[u8; 32]| key[depth / 8] & (128 >> (depth % 8)) != 0;
    let (right, left): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| one(key));
    if left.is_empty() || right.is_empty() {
        return subtree(entries, depth + 1);
    }
    let (left, right) = (subtree(&left, depth + 1), subtree(&right, depth + 1));
    keyed("leg ledger v1 tree inner", depth.try_into().unwrap(), &[&left, &right])
}

fn keyed(namespace: &str, last: u8, parts: &[&[u8; 32]]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..namespace.len()].copy_from_slice(namespace.as_bytes());
    key[31] = last;
    let mut hasher = blake3::Hasher::new_keyed(&key);
    for part in parts {
        hasher.update(*part);
    }
    *hasher.finalize().as_bytes()
}

/// Keys that share bits in all ways: random ones, and ones that differ from a few templates in one or two bits anywhere.
pub(super) fn any_key() -> impl Strategy<Value = [u8; 32]> {
    let near = (0_u8..3, any::<u8>(), any::<u8>()).prop_map(|(template, a, b)| {
        let mut key = [[0, 0xff, 0xa5][usize::from(template)]; 32];
        for bit in [a, b] {
            key[usize::from(bit / 8)] ^= 128 >> (bit % 8);
        }
        key
    });
    prop_oneof![any::<[u8; 32]>(), near]
}

/// A history of single changes over few keys, so that many are overwritten, deleted and inserted again.
pub(super) fn any_history() -> impl Strategy<Value = Vec<([u8; 32], Option<[u8; 32]>)>> {
    prop::collection::vec(any_key(), 1..200).prop_flat_map(|keys| {
        let change = (prop::sample::select(keys), prop::option::weighted(0.7, any::<[u8; 32]>()));
        prop::collection::vec(change, 0..400)
    })
}

/// The map that a history leaves.
pub(super) fn replay(history: &[([u8; 32], Option<[u8; 32]>)]) -> Map {
    let mut map = Map::new();
    for (key, value) in history {
        match value {
            Some(value) => map.insert(*key, *value),
            None => map.remove(key),
        };
    }
    map
}
