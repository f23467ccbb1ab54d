//! Slices and picks.

use super::world::*;
use crate::hash::Hash;
use crate::receipt::Code;
use crate::storage::challenged_chunks;
use proptest::prelude::*;

#[test]
fn every_flipped_byte_of_a_slice_is_found() {
    let bytes = content(3_500);
    let mut world = World::new();
    let id = world.announced("seller", 1_000, 12, &bytes);
    let proof = world.proofs(id, &bytes).swap_remove(0);
    for pick in 0..proof.chunks.len() {
        for place in 0..proof.chunks[pick].slice.len() {
            let mut bad = proof.clone();
            bad.chunks[pick].slice[place] ^= 1;
            assert_eq!(world.prove("seller", &bad), Code::BadProof, "byte {place} of chunk {pick}");
        }
    }
    assert_eq!(world.prove("seller", &proof), Code::Ok);
}

#[test]
fn contents_of_every_shape_are_proved() {
    for size in [1, 1_023, 1_024, 1_025, 2_048, 2_049, 31 * 1_024, 32 * 1_024 + 1, 65_536, 100_001] {
        let bytes = content(size);
        let mut world = World::new();
        let id = world.stored(1_000, 1, &bytes);
        world.live(id, 1, &bytes, |_| true);
        assert_eq!(world.settlements()[0].gross.get(), 50_000, "{size} bytes");
    }
}

proptest! {
    #[test]
    fn picks_lie_within_the_content_and_differ(seed in any::<[u8; 32]>(), size in 1..u64::MAX, count in 0..64_u32) {
        let picks = challenged_chunks(Hash::from_bytes(seed), size, count);
        prop_assert!(picks.is_sorted_by(|a, b| a < b));
        prop_assert!(picks.iter().all(|chunk| chunk.checked_mul(1_024).is_some_and(|from| from < size)));
        prop_assert!(picks.len() <= 32 && (count == 0 || !picks.is_empty()));
    }

    #[test]
    fn arbitrary_slices_are_refused_without_harm(slice in prop::collection::vec(any::<u8>(), 0..4_600), keep_length in any::<bool>()) {
        let bytes = content(40_000);
        let mut world = World::new();
        let id = world.announced("seller", 1_000, 1, &bytes);
        let mut proof = world.proofs(id, &bytes).swap_remove(0);
        proof.chunks[0].slice = slice;
        if keep_length && proof.chunks[0].slice.len() >= 8 {
            proof.chunks[0].slice[..8].copy_from_slice(&40_000_u64.to_le_bytes());
        }
        prop_assert_eq!(world.prove("seller", &proof), Code::BadProof);
    }
}
