use super::digest;
use super::model::{self, Map, any_history, any_key, replay};
use super::node::{BUCKET_KEYS, Child, Entry, Node, branching, digest_of};
use super::{Changes, Key, Prefix, Proof, ProofEnd, ProofError, ProofStep, Tree};
use crate::codec;
use crate::hash::Hash;
use proptest::prelude::*;

fn change((key, value): (&[u8; 32], Option<&[u8; 32]>)) -> (Key, Option<Hash>) {
    (Key::from_bytes(*key), value.map(|bytes| Hash::from_bytes(*bytes)))
}

fn tree_of(map: &Map) -> Tree {
    let changes = map.iter().map(|(key, value)| change((key, Some(value))));
    Tree::build(&changes.collect())
}

fn apply(tree: &Tree, batch: &[([u8; 32], Option<[u8; 32]>)]) -> Tree {
    let mut after = tree.clone();
    let plan = tree.plan(batch.iter().map(|(key, value)| change((key, value.as_ref()))).collect());
    let root = plan.root();
    assert!(after.apply(plan));
    assert_eq!(after.root(), root, "the plan knows the root");
    after
}

/// The tree that a history leaves, in batches of seven.
fn grown(history: &[([u8; 32], Option<[u8; 32]>)]) -> Tree {
    history.chunks(7).fold(Tree::new(), |tree, batch| apply(&tree, batch))
}

fn entries(tree: &Tree, prefix: &Prefix) -> Map {
    let leaves = tree.leaves_under(prefix);
    leaves.map(|(key, value)| (*key.as_bytes(), *value.as_bytes())).collect()
}

/// A key whose first bytes are given.
fn key(head: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..head.len()].copy_from_slice(head);
    bytes
}

/// `count` entries spread by hashing.
fn spread(count: u32) -> Map {
    (0..count)
        .map(|i| {
            let bytes = i.to_le_bytes();
            (*Key::of(&bytes).as_bytes(), *blake3::hash(&bytes).as_bytes())
        })
        .collect()
}

/// Checks the digest of every subtree within a bucket.
fn check_branchings(entries: &[Entry]) {
    let map = entries.iter().map(|entry| (*entry.key.as_bytes(), *entry.value.as_bytes())).collect();
    assert_eq!(*digest_of(entries).as_bytes(), model::root(&map));
    if let Some((_, middle)) = branching(entries) {
        check_branchings(&entries[..middle]);
        check_branchings(&entries[middle..]);
    }
}

/// Checks what the module promises of every node, and returns the number of keys.
fn check_shape(child: &Child, above: Option<u8>) -> usize {
    match &child.node {
        Node::Bucket(entries) => {
            assert!((1..=BUCKET_KEYS).contains(&entries.len()));
            assert!(entries.is_sorted_by(|a, b| a.key < b.key));
            assert_eq!(child.digest, digest_of(entries));
            check_branchings(entries);
            entries.len()
        }
        Node::Inner(inner) => {
            assert!(above.is_none_or(|above| inner.bit > above));
            let count = check_shape(&inner.left, Some(inner.bit)) + check_shape(&inner.right, Some(inner.bit));
            assert!(count > BUCKET_KEYS);
            assert_eq!(child.digest, digest::inner(inner.bit, &inner.left.digest, &inner.right.digest));
            count
        }
    }
}

#[test]
fn roots_of_small_maps_are_frozen() {
    let value = [0x11; 32];
    let table: [(&[[u8; 32]], &str); 5] = [
        (&[], "fdce69f1247e9f86876bab391c1366c5cf30bcf4b71bb69faa76983fba3cf251"),
        (&[key(&[0])], "6ab0874b8e408119da0de44e78f7311626a4fe49e9a8920fe9a439f7417dbbcd"),
        (&[key(&[0]), key(&[0x80])], "334748260dd430571893c9f2c36428544116e07eba15b98fbc4a479a3649c76a"),
        (&[key(&[0]), [0xff; 32], key(&[0, 1])], "a9d935165f1373e47db65fde17039e03d1872e00667c378c12e08ff560559285"),
        (&[[0; 32], key(&[0, 0, 0, 0, 1]), [0xff; 32]], "c8c03799fa8ae73ac40fe0fcc2edd28e52f99ab951cb4cf960c38154c5e82c1f"),
    ];
    for (keys, root) in table {
        let map: Map = keys.iter().map(|key| (*key, value)).collect();
        assert_eq!(tree_of(&map).root().to_string(), root, "{keys:?}");
    }
    assert_eq!(tree_of(&spread(1_000)).root().to_string(), "94d8388c64cd6b318066df98e2a3cfd9f0920503bc2087350bf268960ebdd6d2");
}

#[test]
fn a_plan_leaves_the_tree_as_it_is_and_fits_no_other() {
    let mut tree = tree_of(&spread(500));
    let root = tree.root();
    let none: Changes = spread(600).keys().map(|key| (Key::from_bytes(*key), None)).collect();
    let plan = tree.plan(none.clone());
    assert_eq!(plan.root(), Tree::new().root());
    assert_eq!((tree.root(), tree.len()), (root, 500));
    assert_eq!(entries(&tree, &Prefix::ALL), spread(500));
    let mut other = tree_of(&spread(501));
    let before = other.root();
    assert!(!other.apply(plan.clone()), "planned for another tree");
    assert_eq!((other.root(), other.len()), (before, 501));
    assert!(tree.apply(plan) && tree.is_empty());
}

#[test]
fn writing_what_is_there_and_deleting_what_is_not_hash_nothing() {
    let map = spread(100);
    let tree = tree_of(&map);
    let (present, value) = map.iter().nth(40).unwrap();
    let absent = key(b"absent");
    let batch = [(present, Some(value)), (&absent, None)].into_iter().map(change);
    let plan = tree.plan(batch.collect());
    assert_eq!((plan.root(), plan.digests.len()), (tree.root(), 0));
}

#[test]
fn the_last_of_several_changes_of_a_key_counts() {
    let (k, a, b) = (key(b"k"), [1; 32], [2; 32]);
    let both = apply(&Tree::new(), &[(k, Some(a)), (k, None), (k, Some(b))]);
    assert_eq!(both.root(), apply(&Tree::new(), &[(k, Some(b))]).root());
    let changes = [(Key::from_bytes(k), None), (Key::from_bytes(k), Some(Hash::ZERO))];
    assert_eq!(Changes::from_iter(changes).len(), 1);
}

#[test]
fn a_path_through_keys_that_share_255_bits_is_the_longest_proof() {
    let mut map = Map::from([([0; 32], [9; 32])]);
    for bit in 0..=255_u8 {
        let mut key = [0; 32];
        key[usize::from(bit / 8)] = 128 >> (bit % 8);
        map.insert(key, [bit; 32]);
    }
    let tree = tree_of(&map);
    let proof = tree.prove(&Key::from_bytes([0; 32]));
    assert_eq!(proof.steps.len(), 256);
    let value = Hash::from_bytes([9; 32]);
    assert_eq!(proof.verify(&tree.root(), &Key::from_bytes([0; 32]), Some(&value)), Ok(()));
    let longest = Proof { end: ProofEnd::Other { key: Key::from_bytes([0; 32]), value }, ..proof };
    assert_eq!(codec::encode(&longest).len(), Proof::MAX_BYTES);
}

#[test]
fn malformed_proofs_are_refused_with_their_reason() {
    let (absent, sibling) = (Key::from_bytes(key(&[0x40])), Hash::ZERO);
    let tree = tree_of(&spread(50));
    let steps = |bits: &[u8]| -> Vec<ProofStep> {
        let step = |bit: &u8| ProofStep { bit: *bit, sibling };
        bits.iter().map(step).collect()
    };
    let other = |key| ProofEnd::Other { key, value: sibling };
    let elsewhere = Key::from_bytes(key(&[0xc0]));
    let table = [
        (ProofEnd::Empty, steps(&[3, 3]), ProofError::NotDescending { bit: 3 }),
        (ProofEnd::Empty, steps(&[3, 5, 4]), ProofError::NotDescending { bit: 4 }),
        (ProofEnd::Empty, steps(&[3]), ProofError::StepsInEmptyTree),
        (ProofEnd::Own, steps(&[]), ProofError::WrongKind),
        (other(absent), steps(&[]), ProofError::LeafElsewhere),
        (other(elsewhere), steps(&[0]), ProofError::LeafElsewhere),
    ];
    for (end, steps, error) in table {
        let proof = Proof { end, steps };
        assert_eq!(proof.verify(&tree.root(), &absent, None), Err(error));
    }
    let proof = tree.prove(&absent);
    assert_eq!(proof.verify(&tree.root(), &absent, Some(&sibling)), Err(ProofError::WrongKind));
    assert!(matches!(proof.verify(&sibling, &absent, None), Err(ProofError::WrongRoot { .. })));
}

#[test]
fn the_leaf_of_another_place_does_not_prove_absence() {
    // An honest path to another leaf, shown for a key that is present elsewhere.
    let map = spread(64);
    let tree = tree_of(&map);
    for victim in map.keys() {
        for (shown, value) in map.iter().filter(|(shown, _)| *shown != victim) {
            let (shown, value) = (Key::from_bytes(*shown), Hash::from_bytes(*value));
            let proof = Proof { end: ProofEnd::Other { key: shown, value }, ..tree.prove(&shown) };
            assert_eq!(proof.verify(&tree.root(), &Key::from_bytes(*victim), None), Err(ProofError::LeafElsewhere));
        }
    }
}

#[test]
fn prefixes_have_one_spelling_and_at_most_256_bits() {
    let ones = Key::from_bytes([0xff; 32]);
    let table = [(0, key(&[])), (1, key(&[0x80])), (9, key(&[0xff, 0x80])), (256, [0xff; 32])];
    for (bits, first) in table {
        let prefix = Prefix::new(&ones, bits).unwrap();
        assert_eq!(prefix.first_key().as_bytes(), &first);
        assert_eq!(prefix.contains(&Key::from_bytes([0; 32])), bits == 0);
        assert!(prefix.contains(&ones));
    }
    assert_eq!(Prefix::new(&ones, 257), None);
    assert_eq!(Prefix::new(&ones, 3), Prefix::new(&Key::from_bytes(key(&[0xe7])), 3));
}

proptest! {
    #[test]
    fn the_root_is_that_of_the_model(history in any_history()) {
        let map = replay(&history);
        let tree = tree_of(&map);
        prop_assert_eq!(*tree.root().as_bytes(), model::root(&map));
        prop_assert_eq!(tree.len(), map.len());
    }

    #[test]
    fn subtrees_hold_the_keys_with_their_prefix(history in any_history(), probe in any_key(), bits in 0_u16..=256) {
        let map = replay(&history);
        let tree = grown(&history);
        for bytes in map.keys().chain([&probe]) {
            let prefix = Prefix::new(&Key::from_bytes(*bytes), bits).unwrap();
            let shared = |key: &[u8; 32]| {
                (0..usize::from(bits)).all(|bit| (key[bit / 8] ^ bytes[bit / 8]) & (128 >> (bit % 8)) == 0)
            };
            let expected: Map = map.iter().filter(|(key, _)| shared(key)).map(|(k, v)| (*k, *v)).collect();
            prop_assert_eq!(entries(&tree, &prefix), expected);
        }
    }
}

// Each case of these checks hundreds of proofs or versions.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_batches_and_deletions_leave_no_trace(
        history in any_history(),
        cuts in prop::collection::vec(1_usize..60, 1..8),
    ) {
        let (mut tree, mut rest, mut done) = (Tree::new(), &history[..], 0);
        for cut in cuts.iter().cycle() {
            let (batch, after) = rest.split_at((*cut).min(rest.len()));
            tree = apply(&tree, batch);
            done += batch.len();
            prop_assert_eq!(*tree.root().as_bytes(), model::root(&replay(&history[..done])));
            if let Some(top) = &tree.top {
                prop_assert_eq!(check_shape(top, None), tree.len());
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let map = replay(&history);
        let mut singly = Tree::new();
        for (key, value) in map.iter().rev() {
            singly = apply(&singly, &[(*key, Some(*value))]);
        }
        prop_assert_eq!(singly.root(), tree.root());
        prop_assert_eq!(entries(&tree, &Prefix::ALL), map);
    }

    #[test]
    fn every_key_is_proven_present_or_absent(history in any_history(), probes in prop::collection::vec(any_key(), 20)) {
        let map = replay(&history);
        let tree = grown(&history);
        let root = tree.root();
        for bytes in history.iter().map(|(key, _)| key).chain(&probes) {
            let key = Key::from_bytes(*bytes);
            let value = map.get(bytes).map(|value| Hash::from_bytes(*value));
            prop_assert_eq!(tree.get(&key), value.as_ref());
            let proof = tree.prove(&key);
            prop_assert_eq!(proof.verify(&root, &key, value.as_ref()), Ok(()));
            prop_assert_eq!(&codec::decode::<Proof>(&codec::encode(&proof), Proof::MAX_BYTES).unwrap(), &proof);
            // The opposite claim and another value fail.
            let opposite = value.map_or(Some(Hash::ZERO), |_| None);
            prop_assert!(proof.verify(&root, &key, opposite.as_ref()).is_err());
            prop_assert!(proof.verify(&root, &key, Some(&Hash::ZERO)).is_err());
        }
    }

    #[test]
    fn a_proof_with_any_flipped_bit_or_step_more_or_less_is_refused(
        history in any_history(),
        probe in any_key(),
        mask in 1_u8..,
    ) {
        let map = replay(&history);
        let tree = grown(&history);
        for bytes in [Some(&probe), map.keys().next()].into_iter().flatten() {
            let (root, key) = (tree.root(), Key::from_bytes(*bytes));
            let value = map.get(bytes).map(|value| Hash::from_bytes(*value));
            let proof = tree.prove(&key);
            let encoded = codec::encode(&proof);
            for index in 0..encoded.len() {
                let mut flipped = encoded.clone();
                flipped[index] ^= mask;
                if let Ok(proof) = codec::decode::<Proof>(&flipped, Proof::MAX_BYTES) {
                    prop_assert!(proof.verify(&root, &key, value.as_ref()).is_err(), "byte {index}");
                }
            }
            for index in 0..32 {
                let mut other = *bytes;
                other[index] ^= mask;
                // A neighbour may be absent by the same path, never present by it.
                if value.is_some() && !map.contains_key(&other) {
                    prop_assert!(proof.verify(&root, &Key::from_bytes(other), value.as_ref()).is_err());
                }
            }
            let mut shorter = proof.clone();
            if shorter.steps.pop().is_some() {
                prop_assert!(shorter.verify(&root, &key, value.as_ref()).is_err());
            }
            let mut longer = proof;
            let bit = longer.steps.last().map_or(0, |step| step.bit.saturating_add(1));
            longer.steps.push(ProofStep { bit, sibling: Hash::ZERO });
            prop_assert!(longer.verify(&root, &key, value.as_ref()).is_err());
        }
    }
}
