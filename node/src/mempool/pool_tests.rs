use super::super::testing::Hub;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const LIMITS: PoolLimits = PoolLimits { transactions: 12, bytes: 1 << 20, member_transactions: 5, member_bytes: 1 << 20 };

fn request(max_bytes: usize, max_transactions: usize) -> TakeBudget {
    TakeBudget { height: Height::new(1), max_bytes, max_transactions, max_member_transactions: usize::MAX }
}

fn nonces(taken: &[Verified]) -> Vec<(String, u64)> {
    taken.iter().map(|v| (v.body().signer.to_string(), v.body().nonce.get())).collect()
}

#[test]
fn refusals_name_their_reason_and_change_nothing() {
    let (a, b) = (Hub::new(1), Hub::new(2));
    let mut pool = Pool::new(LIMITS);
    for nonce in 0..5 {
        pool.insert(a.verified(nonce, 100, 1), None).unwrap();
    }
    let waiting = a.verified(0, 100, 1).id();
    let table = [
        (a.verified(0, 100, 1), PoolError::Duplicate),
        (a.verified(0, 99, 1), PoolError::NonceWaits(waiting)),
        (a.verified(9, 100, 1), PoolError::NoRoom(NoRoom::MemberQuota { transactions: 5, bytes: pool.bytes() })),
    ];
    for (transaction, expected) in table {
        let before = (pool.len(), pool.bytes());
        assert_eq!(pool.insert(transaction, None), Err(expected));
        assert_eq!((pool.len(), pool.bytes()), before);
    }
    for nonce in 0..5 {
        pool.insert(b.verified(nonce, 100, 1), None).unwrap();
    }
    pool.insert(Hub::new(3).verified(0, 100, 1), None).unwrap();
    pool.insert(Hub::new(3).verified(1, 100, 1), None).unwrap();
    assert_eq!(pool.insert(Hub::new(4).verified(0, 100, 1), None), Err(PoolError::NoRoom(NoRoom::Full { transactions: 12 })));
}

#[test]
fn byte_caps_hold_for_a_member_and_for_all() {
    let size = Hub::new(1).verified(0, 100, 1).encoded_len();
    let limits = PoolLimits { transactions: 100, bytes: 3 * size, member_transactions: 100, member_bytes: 2 * size };
    let mut pool = Pool::new(limits);
    pool.insert(Hub::new(1).verified(0, 100, 1), None).unwrap();
    pool.insert(Hub::new(1).verified(1, 100, 1), None).unwrap();
    assert!(matches!(pool.insert(Hub::new(1).verified(2, 100, 1), None), Err(PoolError::NoRoom(NoRoom::MemberQuota { .. }))));
    pool.insert(Hub::new(2).verified(0, 100, 1), None).unwrap();
    assert!(matches!(pool.insert(Hub::new(3).verified(0, 100, 1), None), Err(PoolError::NoRoom(NoRoom::Full { .. }))));
}

#[test]
fn a_committed_block_takes_its_nonces_and_what_expired_with_it() {
    let (a, b) = (Hub::new(1), Hub::new(2));
    let mut pool = Pool::new(LIMITS);
    pool.insert(a.verified(1, 100, 1), None).unwrap();
    pool.insert(a.verified(2, 7, 1), None).unwrap();
    pool.insert(b.verified(1, 8, 1), None).unwrap();
    // Another body with nonce 1 of `a` was in the block: the waiting one can never be in any.
    assert_eq!(pool.on_committed(Height::new(7), [(a.id, Nonce::new(1))]), 2);
    assert_eq!(nonces(&pool.take(request(usize::MAX, 10), |_| true)), vec![("hub-02".into(), 1)]);
    assert_eq!(pool.on_committed(Height::new(8), []), 1);
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}

#[test]
fn one_member_does_not_crowd_out_the_others() {
    let mut pool = Pool::new(PoolLimits::default());
    for nonce in 0..1_000 {
        pool.insert(Hub::new(1).verified(nonce, 100, 1), None).unwrap();
    }
    pool.insert(Hub::new(2).verified(0, 100, 1), None).unwrap();
    pool.insert(Hub::new(3).verified(0, 100, 1), None).unwrap();
    let taken = nonces(&pool.take(request(usize::MAX, 4), |_| true));
    let expected = [("hub-01", 0), ("hub-01", 1), ("hub-02", 0), ("hub-03", 0)].map(|(m, n)| (m.to_string(), n));
    assert_eq!(taken.iter().cloned().collect::<BTreeSet<_>>(), expected.into_iter().collect());
}

#[test]
fn fairness_is_by_bytes_not_by_count() {
    let mut pool = Pool::new(PoolLimits::default());
    for nonce in 0..40 {
        pool.insert(Hub::new(1).verified(nonce, 100, 100), None).unwrap();
        pool.insert(Hub::new(2).verified(nonce, 100, 1), None).unwrap();
    }
    let large = Hub::new(1).verified(0, 100, 100).encoded_len();
    let taken = pool.take(request(2 * large, usize::MAX), |_| true);
    let bytes = |hub: u8| taken.iter().filter(|v| v.body().signer == Hub::new(hub).id).map(Verified::encoded_len).sum::<usize>();
    assert_eq!(bytes(1), large, "one large one against many small ones");
    assert!(bytes(2) > large / 2 && bytes(2) <= large, "{} of {large}", bytes(2));
}

#[test]
fn inadmissible_ones_leave_and_early_ones_wait() {
    let (a, b) = (Hub::new(1), Hub::new(2));
    let mut pool = Pool::new(LIMITS);
    pool.insert(a.verified(1, 100, 1), None).unwrap();
    pool.insert(a.verified(2, 1_002, 1), None).unwrap();
    pool.insert(b.verified(1, 100, 1), None).unwrap();
    let taken = pool.take(request(usize::MAX, 10), |v| v.body().signer == a.id);
    assert_eq!(nonces(&taken), vec![("hub-01".into(), 1)]);
    assert_eq!((pool.len(), pool.member_len(b.id)), (2, 0), "the refused one left, the one too far ahead waits");
    let next = TakeBudget { height: Height::new(2), ..request(usize::MAX, 10) };
    assert_eq!(pool.take(next, |_| true).len(), 2);
}

#[test]
fn only_what_a_client_submitted_before_the_epoch_is_repeated_in_pages() {
    let mut pool = Pool::new(LIMITS);
    for nonce in 0..4 {
        pool.insert(Hub::new(1).verified(nonce, 100, 1), Some(0)).unwrap();
    }
    pool.insert(Hub::new(1).verified(4, 100, 1), Some(1)).unwrap();
    pool.insert(Hub::new(2).verified(0, 100, 1), None).unwrap();
    let first = pool.local_before(1, None, 3);
    let second = pool.local_before(1, first.last().map(Verified::id), 3);
    assert_eq!((first.len(), second.len()), (3, 1));
    let seen: BTreeSet<u64> = first.iter().chain(&second).map(|v| v.body().nonce.get()).collect();
    assert_eq!(seen, (0..4).collect());
}

#[derive(Clone, Debug)]
enum Step {
    Insert { hub: u8, nonce: u64, last_valid: u64, actions: usize },
    Commit { blocks: u64, max_bytes: usize, max_transactions: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let insert = (1..6_u8, 0..12_u64, 1..40_u64, prop_oneof![Just(1_usize), Just(20)])
        .prop_map(|(hub, nonce, last_valid, actions)| Step::Insert { hub, nonce, last_valid, actions });
    let commit = (1..3_u64, 200..4_000_usize, 1..6_usize).prop_map(|(blocks, max_bytes, max_transactions)| Step::Commit {
        blocks,
        max_bytes,
        max_transactions,
    });
    prop_oneof![4 => insert, 1 => commit]
}

/// What must hold after every step, computed from the entries alone.
fn check(pool: &Pool, height: Height) -> Result<(), TestCaseError> {
    let all: Vec<&Verified> = pool.entries.values().map(|entry| &entry.verified).collect();
    prop_assert_eq!(pool.bytes, all.iter().map(|v| v.encoded_len()).sum::<usize>());
    prop_assert!(all.len() <= pool.limits.transactions && pool.bytes <= pool.limits.bytes);
    let slots: BTreeSet<(MemberId, Nonce)> = all.iter().map(|v| (v.body().signer, v.body().nonce)).collect();
    prop_assert_eq!(slots.len(), all.len(), "one transaction per member and nonce");
    prop_assert_eq!(pool.expiry.len(), all.len());
    for (member, queue) in &pool.members {
        let own: Vec<_> = all.iter().filter(|v| v.body().signer == *member).collect();
        prop_assert_eq!(queue.by_nonce.len(), own.len());
        prop_assert_eq!(queue.bytes, own.iter().map(|v| v.encoded_len()).sum::<usize>());
        prop_assert!(own.len() <= pool.limits.member_transactions && queue.bytes <= pool.limits.member_bytes);
    }
    prop_assert!(all.iter().all(|v| v.body().last_valid > height), "expired ones are gone");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn caps_hold_duplicates_are_refused_and_all_that_is_valid_is_taken(steps in prop::collection::vec(step(), 1..120)) {
        let limits = PoolLimits { transactions: 20, bytes: 12_000, member_transactions: 6, member_bytes: 5_000 };
        let mut pool = Pool::new(limits);
        let mut height = Height::GENESIS;
        for step in steps {
            match step {
                Step::Insert { hub, nonce, last_valid, actions } => {
                    let verified = Hub::new(hub).verified(nonce, height.get() + last_valid, actions);
                    let waited = pool.get(&verified.id()).is_some();
                    let result = pool.insert(verified.clone(), None);
                    prop_assert_eq!(waited, result == Err(PoolError::Duplicate));
                    prop_assert_eq!(pool.get(&verified.id()).is_some(), waited || result.is_ok());
                }
                Step::Commit { blocks, max_bytes, max_transactions } => for _ in 0..blocks {
                    height = height.next().expect("few blocks");
                    let taken = pool.take(TakeBudget { height, ..request(max_bytes, max_transactions) }, |_| true);
                    prop_assert!(taken.len() <= max_transactions);
                    prop_assert!(taken.iter().map(Verified::encoded_len).sum::<usize>() <= max_bytes);
                    prop_assert!(taken.iter().all(|v| v.body().is_timely(height)));
                    pool.on_committed(height, taken.iter().map(|v| (v.body().signer, v.body().nonce)));
                },
            }
            check(&pool, height)?;
        }
        // Without time passing, each of those left is taken after finitely many blocks that hold one transaction each.
        let room = 2_000;
        for _ in 0..pool.len() * 6 {
            let taken = pool.take(TakeBudget { height: height.next().expect("few blocks"), ..request(room, 1) }, |_| true);
            pool.on_committed(height, taken.iter().map(|v| (v.body().signer, v.body().nonce)));
        }
        prop_assert!(pool.is_empty(), "{} were never taken", pool.len());
    }
}
