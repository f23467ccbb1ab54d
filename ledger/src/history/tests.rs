use super::model;
use super::{ConsistencyProof, HistoryError, InclusionProof, MAX_LEAVES, NodeSource, Peaks, ProofError};
use crate::codec;
use crate::hash::Hash;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Nodes = BTreeMap<u64, Hash>;

fn leaf(index: usize) -> [u8; 32] {
    *blake3::hash(&index.to_le_bytes()).as_bytes()
}

fn leaves(size: usize) -> Vec<[u8; 32]> {
    (0..size).map(leaf).collect()
}

/// A log of `size` leaves: the peaks at every size up to it, and all nodes.
fn grow(size: usize) -> (Vec<Peaks>, Nodes) {
    let (mut peaks, mut nodes) = (Peaks::new(), Nodes::new());
    let mut versions = vec![peaks.clone()];
    for index in 0..size {
        nodes.extend(peaks.append(Hash::from_bytes(leaf(index))).unwrap());
        versions.push(peaks.clone());
    }
    (versions, nodes)
}

fn bytes(hashes: &[Hash]) -> Vec<[u8; 32]> {
    hashes.iter().map(|hash| *hash.as_bytes()).collect()
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

#[test]
fn roots_of_small_logs_are_frozen() {
    let table = [
        (0, "440d2e3e14a8a47eb67002f799a6c226d7a60d1750af5ec3509398d714e3424a"),
        (1, "e092f7a8a75d375e5233da9a098b3c42c4abc34514b87b989832c45e70683461"),
        (2, "49fee17779175917d2bdd97518c8a42f9e836ee027876b699fbb680fad7d5291"),
        (3, "2e095641a9362e828419dfb63a305152a5b72d064fb6aa0e93656b51f1f66dc3"),
        (7, "38366b282145bda51925e2aaaacbb7f0ddbb89c8b503803a0a6a5feb1fe90eea"),
    ];
    let (versions, _) = grow(7);
    for (size, root) in table {
        assert_eq!(versions[size].root().to_string(), root, "{size} leaves");
    }
}

#[test]
fn nodes_are_stored_once_at_consecutive_positions() {
    let mut peaks = Peaks::new();
    let mut next = 0;
    for index in 0..200 {
        for (position, _) in peaks.append(Hash::from_bytes(leaf(index))).unwrap() {
            assert_eq!(position, next);
            next += 1;
        }
    }
    assert_eq!(next, 2 * 200 - u64::from(200_u64.count_ones()));
}

#[test]
fn every_root_is_that_of_the_model_and_is_read_back_from_the_nodes() {
    let all = leaves(130);
    let (versions, nodes) = grow(130);
    for (count, peaks) in versions.iter().enumerate() {
        assert_eq!(peaks.root().as_bytes(), &model::root(&all[..count]));
        assert_eq!(peaks.size(), size(count));
        assert_eq!(&Peaks::load(&nodes, size(count)).unwrap(), peaks);
    }
}

#[test]
fn every_leaf_is_proven_at_every_size_as_the_rfc_does() {
    let all = leaves(40);
    let (versions, nodes) = grow(40);
    for count in 1..=40 {
        let root = versions[count].root();
        for index in 0..count {
            let proof = InclusionProof::new(&nodes, size(count), size(index)).unwrap();
            assert_eq!(bytes(&proof.siblings), model::path(index, &all[..count]));
            for claim in 0..40 {
                let verified = proof.verify(&root, &Hash::from_bytes(leaf(claim)));
                assert_eq!(verified.is_ok(), claim == index);
            }
        }
    }
}

#[test]
fn every_two_sizes_are_proven_consistent_as_the_rfc_does() {
    let all = leaves(40);
    let (versions, nodes) = grow(40);
    for new in 0..=40 {
        for old in 0..=new {
            let proof = ConsistencyProof::new(&nodes, size(old), size(new)).unwrap();
            let expected = if old == 0 { Vec::new() } else { model::consistency(old, &all[..new]) };
            assert_eq!(bytes(&proof.hashes), expected);
            let (old_root, new_root) = (versions[old].root(), versions[new].root());
            assert_eq!(proof.verify(&old_root, &new_root), Ok(()));
            if old > 0 {
                assert!(proof.verify(&versions[old - 1].root(), &new_root).is_err());
                assert!(proof.verify(&old_root, &versions[new - 1].root()).is_err());
            }
        }
    }
}

#[test]
fn a_rewritten_log_is_not_consistent() {
    let (versions, _) = grow(21);
    let (mut forged, mut nodes) = (Peaks::new(), Nodes::new());
    for index in 0..34 {
        // One leaf of the past is replaced.
        let hash = Hash::from_bytes(leaf(if index == 5 { 99 } else { index }));
        nodes.extend(forged.append(hash).unwrap());
    }
    for (old, honest) in versions.iter().enumerate().skip(6) {
        let proof = ConsistencyProof::new(&nodes, size(old), 34).unwrap();
        let verified = proof.verify(&honest.root(), &forged.root());
        assert!(matches!(verified, Err(ProofError::WrongRoot { .. })));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let (_, mut nodes) = grow(10);
    let table = [
        (InclusionProof::new(&nodes, 10, 10).err(), HistoryError::NoSuchLeaf { index: 10, size: 10 }),
        (InclusionProof::new(&nodes, 0, 0).err(), HistoryError::NoSuchLeaf { index: 0, size: 0 }),
        (InclusionProof::new(&nodes, MAX_LEAVES + 1, 0).err(), HistoryError::Full { size: MAX_LEAVES + 1 }),
        (InclusionProof::new(&nodes, 12, 0).err(), HistoryError::MissingNode { position: 21 }),
        (ConsistencyProof::new(&nodes, 4, 3).err(), HistoryError::SizesReversed { old: 4, new: 3 }),
        (Peaks::from_parts(5, vec![Hash::ZERO]).err(), HistoryError::WrongPeaks { size: 5, actual: 1 }),
        (Peaks::from_parts(u64::MAX, vec![Hash::ZERO; 64]).err(), HistoryError::Full { size: u64::MAX }),
    ];
    for (error, expected) in table {
        assert_eq!(error, Some(expected));
    }
    nodes.remove(&0);
    assert_eq!(InclusionProof::new(&nodes, 10, 1), Err(HistoryError::MissingNode { position: 0 }));
    let broken = InclusionProof { size: 3, index: 3, siblings: vec![] };
    assert_eq!(broken.verify(&Hash::ZERO, &Hash::ZERO), Err(ProofError::Impossible));
    let broken = ConsistencyProof { old_size: 2, new_size: 4, hashes: vec![Hash::ZERO] };
    let length = ProofError::WrongLength { expected: 2, actual: 1 };
    assert_eq!(broken.verify(&Hash::ZERO, &Hash::ZERO), Err(length));
}

/// All nodes are zero: enough to build the largest proofs without the largest log.
struct Zeros;

impl NodeSource for Zeros {
    fn node(&self, _: u64) -> Option<Hash> {
        Some(Hash::ZERO)
    }
}

#[test]
fn the_log_refuses_to_grow_beyond_its_limit_and_stays_as_it_was() {
    let mut peaks = Peaks::from_parts(MAX_LEAVES, vec![Hash::ZERO]).unwrap();
    let before = peaks.clone();
    let full = HistoryError::Full { size: MAX_LEAVES + 1 };
    assert_eq!(peaks.append(Hash::ZERO), Err(full));
    assert_eq!(peaks, before);
    let mut last = Peaks::load(&Zeros, MAX_LEAVES - 1).unwrap();
    assert_eq!(codec::encode(&last).len(), Peaks::MAX_BYTES);
    assert_eq!(last.append(Hash::ZERO).unwrap().len(), 49);
    assert_eq!(last.hashes().len(), 1);
}

#[test]
fn the_largest_proofs_have_the_stated_length() {
    let inclusion = InclusionProof::new(&Zeros, MAX_LEAVES, 1).unwrap();
    assert_eq!(codec::encode(&inclusion).len(), InclusionProof::MAX_BYTES);
    let consistency = ConsistencyProof::new(&Zeros, 1, MAX_LEAVES).unwrap();
    assert_eq!(codec::encode(&consistency).len(), ConsistencyProof::MAX_BYTES);
}

#[test]
fn peaks_that_cannot_be_do_not_decode() {
    let (versions, _) = grow(11);
    let encoded = codec::encode(&versions[11]);
    let decoded = codec::decode::<Peaks>(&encoded, Peaks::MAX_BYTES);
    assert_eq!(decoded.as_ref(), Ok(&versions[11]));
    let mut wrong = encoded;
    wrong[0] = 12;
    assert!(codec::decode::<Peaks>(&wrong, Peaks::MAX_BYTES).is_err());
}

// Each case checks hundreds of proofs.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_in_an_inclusion_proof_is_refused(count in 1_usize..80, pick in any::<prop::sample::Index>(), mask in 1_u8..) {
        let (versions, nodes) = grow(count);
        let index = pick.index(count);
        let (root, hash) = (versions[count].root(), Hash::from_bytes(leaf(index)));
        let proof = InclusionProof::new(&nodes, size(count), size(index)).unwrap();
        prop_assert_eq!(proof.verify(&root, &hash), Ok(()));
        let encoded = codec::encode(&proof);
        for byte in 0..encoded.len() {
            let mut flipped = encoded.clone();
            flipped[byte] ^= mask;
            if let Ok(proof) = codec::decode::<InclusionProof>(&flipped, InclusionProof::MAX_BYTES) {
                prop_assert!(proof.verify(&root, &hash).is_err(), "byte {byte}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_a_consistency_proof_is_refused(old in 1_usize..80, more in 0_usize..40, mask in 1_u8..) {
        let (versions, nodes) = grow(old + more);
        let (old_root, new_root) = (versions[old].root(), versions[old + more].root());
        let proof = ConsistencyProof::new(&nodes, size(old), size(old + more)).unwrap();
        prop_assert_eq!(proof.verify(&old_root, &new_root), Ok(()));
        let encoded = codec::encode(&proof);
        for byte in 0..encoded.len() {
            let mut flipped = encoded.clone();
            flipped[byte] ^= mask;
            if let Ok(proof) = codec::decode::<ConsistencyProof>(&flipped, ConsistencyProof::MAX_BYTES) {
                prop_assert!(proof.verify(&old_root, &new_root).is_err(), "byte {byte}");
            }
        }
    }
}
