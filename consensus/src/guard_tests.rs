use super::*;
use crate::testkit::{MemoryMark, chain_id};
use leg_ledger::hash::Hash;
use leg_ledger::ids::BlockId;
use std::sync::atomic::Ordering;

fn signed(kind: SignedKind, round: u32, content: u8) -> Signed {
    Signed { kind, round: Round::new(round), bytes: vec![content; 40] }
}

fn open(store: &MemoryMark) -> Guard {
    Guard::open(chain_id(), Box::new(store.clone())).unwrap()
}

#[test]
fn identical_bytes_may_leave_again_and_others_never() {
    let store = MemoryMark::default();
    let mut guard = open(&store);
    let height = Height::new(5);
    guard.admit(height, signed(SignedKind::Prevote, 0, 1)).unwrap();
    guard.admit(height, signed(SignedKind::Precommit, 0, 2)).unwrap();
    // The engine publishes an own precommit before the prevote that completed the quorum; kinds are marked apart.
    guard.admit(height, signed(SignedKind::Proposal, 0, 3)).unwrap();
    for mut guard in [guard, open(&store)] {
        guard.admit(height, signed(SignedKind::Prevote, 0, 1)).unwrap();
        let conflict = guard.admit(height, signed(SignedKind::Prevote, 0, 9));
        assert!(matches!(conflict, Err(GuardError::Conflict { kind: SignedKind::Prevote, .. })));
        assert!(!conflict.unwrap_err().is_fatal());
        let below = guard.admit(Height::new(4), signed(SignedKind::Prevote, 7, 1));
        assert!(matches!(below, Err(GuardError::BelowMark { .. })));
    }
}

#[test]
fn rounds_only_rise_within_a_height() {
    let store = MemoryMark::default();
    let mut guard = open(&store);
    let height = Height::new(5);
    guard.admit(height, signed(SignedKind::Prevote, 3, 1)).unwrap();
    assert!(matches!(guard.admit(height, signed(SignedKind::Prevote, 2, 1)), Err(GuardError::BelowMark { .. })));
    guard.admit(height, signed(SignedKind::Precommit, 2, 1)).unwrap();
    for round in 4..1_000 {
        guard.admit(height, signed(SignedKind::Prevote, round, 1)).unwrap();
    }
    assert!(matches!(guard.admit(height, signed(SignedKind::Prevote, 3, 1)), Err(GuardError::BelowMark { .. })), "forgotten is below");
    guard.admit(Height::new(6), signed(SignedKind::Prevote, 0, 1)).unwrap();
    assert_eq!(guard.mark().unwrap().signed.len(), 1);
}

#[test]
fn the_greatest_mark_is_within_its_bound() {
    use crate::signing::{prevote_bytes, proposal_bytes};
    use leg_ledger::block::precommit_bytes;
    let store = MemoryMark::default();
    let mut guard = open(&store);
    let (chain, height, block) = (chain_id(), Height::new(u64::MAX), BlockId::from_hash(Hash::ZERO));
    for round in (u32::MAX - 2 * MAX_ROUNDS as u32..u32::MAX).map(Round::new) {
        let table = [
            (SignedKind::Proposal, proposal_bytes(chain, height, round, block, Some(Round::new(0)))),
            (SignedKind::Prevote, prevote_bytes(chain, height, round, Some(block))),
            (SignedKind::Precommit, precommit_bytes(chain, height, round, Some(block))),
        ];
        table.into_iter().for_each(|(kind, bytes)| guard.admit(height, Signed { kind, round, bytes }).unwrap());
    }
    assert_eq!(guard.mark().unwrap().signed.len(), 3 * MAX_ROUNDS);
    let size = store.saved.lock().unwrap().as_ref().unwrap().len();
    assert!(size < MAX_MARK_BYTES * 9 / 10, "{size}");
    assert_eq!(open(&store).mark(), guard.mark());
}

#[test]
fn nothing_leaves_that_could_not_be_marked() {
    let store = MemoryMark::default();
    let mut guard = open(&store);
    store.broken.store(true, Ordering::Relaxed);
    let refused = guard.admit(Height::new(1), signed(SignedKind::Prevote, 0, 1)).unwrap_err();
    assert!(refused.is_fatal());
    assert_eq!(guard.mark(), None, "what is not durable is not marked");
}

#[test]
fn a_damaged_or_foreign_mark_is_refused() {
    let store = MemoryMark::default();
    open(&store).admit(Height::new(1), signed(SignedKind::Prevote, 0, 1)).unwrap();
    let other = ChainId::from_hash(Hash::from_bytes([3; 32]));
    assert!(matches!(Guard::open(other, Box::new(store.clone())), Err(GuardError::OtherChain(_))));
    store.saved.lock().unwrap().as_mut().unwrap().pop();
    assert!(matches!(Guard::open(chain_id(), Box::new(store)), Err(GuardError::Damaged(_))));
}
