//! The mempool as a service.

use super::testing::{Hub, Registry};
use super::*;
use crate::chain::TakeBudget;
use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::Height;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

fn hubs() -> Vec<Hub> {
    (1..5).map(Hub::new).collect()
}

fn take_all() -> TakeBudget {
    TakeBudget { height: Height::new(1), max_bytes: usize::MAX, max_transactions: usize::MAX, max_member_transactions: usize::MAX }
}

#[tokio::test]
async fn refusals_have_stable_codes_and_name_the_field() {
    let hubs = hubs();
    let registry = Arc::new(Registry { next: Height::new(10), ..Registry::new(&hubs) });
    let (mempool, _fresh, _service) = Mempool::start(MempoolConfig::default(), registry);
    mempool.submit(hubs[0].signed(1), Source::Local).await.unwrap();
    let table = [
        (hubs[0].signed(1), "duplicate", None),
        (hubs[0].signed_until(1, 99, 1), "nonce_waits", Some("nonce")),
        (hubs[0].forged(2), "bad_signature", Some("signature")),
        (hubs[0].forged(1), "bad_signature", Some("signature")),
        (hubs[0].signed_until(3, 9, 1), "expired", Some("last_valid")),
        (hubs[0].signed_until(3, 100, 0), "invalid_form", Some("actions")),
        (Hub::new(9).signed(1), "unknown_member", Some("signer")),
    ];
    for (transaction, code, field) in table {
        let error = mempool.submit(transaction, Source::Local).await.unwrap_err();
        assert_eq!((error.code(), error.field()), (code, field), "{error}");
    }
    let error = Mempool::decode(&[1, 2, 3]).unwrap_err();
    assert_eq!((error.code(), error.field()), ("malformed_transaction", Some("transaction")));
    assert_eq!((mempool.counts().admitted, mempool.counts().bad_signatures, mempool.waiting()), (1, 2, 1));
}

#[tokio::test]
async fn a_known_body_with_a_garbage_signature_is_not_known() {
    let hubs = hubs();
    let (mempool, _fresh, _service) = Mempool::start(MempoolConfig::default(), Arc::new(Registry::new(&hubs)));
    let (good, forged) = (hubs[0].signed(1), hubs[0].forged(1));
    assert_eq!(good.id(), forged.id());
    mempool.submit(good.clone(), Source::Local).await.unwrap();
    let found = mempool.find(&[good.clone(), forged, hubs[1].signed(1)]);
    assert_eq!(found[0].as_ref().map(|v| (v.commitment(), v.key())), Some((good.commitment(), hubs[0].key())));
    assert_eq!(found[1..], [None, None]);
}

#[tokio::test]
async fn what_found_no_room_is_remembered_with_its_key_only() {
    let hubs = hubs();
    let limits = PoolLimits { member_transactions: 1, ..PoolLimits::default() };
    let config = MempoolConfig { limits, ..MempoolConfig::default() };
    let (mempool, _fresh, _service) = Mempool::start(config, Arc::new(Registry::new(&hubs)));
    let (first, second) = (hubs[0].signed(1), hubs[0].signed(2));
    let answers = mempool.submit_all(vec![first, second.clone(), hubs[0].forged(3)], Source::Local).await;
    assert_eq!(answers[1].as_ref().unwrap_err().code(), "member_quota");
    assert!(mempool.is_known(&second.commitment(), &hubs[0].key()));
    assert!(!mempool.is_known(&second.commitment(), &hubs[1].key()), "with one key only");
    assert!(!mempool.is_known(&hubs[0].forged(2).commitment(), &hubs[0].key()), "with one signature only");
    assert!(!mempool.is_known(&hubs[0].forged(3).commitment(), &hubs[0].key()));
}

#[tokio::test]
async fn local_ones_are_gossiped_and_of_a_peers_batch_only_what_its_bad_neighbours_would_stop() {
    let hubs = hubs();
    let (mempool, mut fresh, _service) = Mempool::start(MempoolConfig::default(), Arc::new(Registry::new(&hubs)));
    let local = mempool.submit(hubs[0].signed(1), Source::Local).await.unwrap();
    assert_eq!(fresh.recv().await.unwrap().id(), local);
    let results = mempool.submit_all(vec![hubs[1].signed(1), hubs[1].signed(2)], Source::Peer).await;
    assert!(results.iter().all(Result::is_ok));
    let results = mempool.submit_all(vec![hubs[2].signed(1), hubs[2].forged(2), hubs[2].signed(3)], Source::Peer).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 2);
    assert!(results[1].as_ref().unwrap_err().is_deliverers_fault());
    let salvaged = [fresh.recv().await.unwrap().id(), fresh.recv().await.unwrap().id()];
    assert_eq!(salvaged.to_vec(), vec![hubs[2].signed(1).id(), hubs[2].signed(3).id()], "the clean batch is forwarded as it came");
    assert!(fresh.try_recv().is_err());
}

#[tokio::test]
async fn a_peers_batch_is_judged_whole_however_it_is_verified() {
    let hubs = hubs();
    let config = MempoolConfig { batch: 16, gather: 16, ..MempoolConfig::default() };
    let (mempool, mut fresh, _service) = Mempool::start(config, Arc::new(Registry::new(&hubs)));
    // The bad one is far behind the first that would fill a batch: all good ones before it depend on this node to be passed on.
    let batch: Vec<_> = (0..40).map(|nonce| if nonce == 35 { hubs[1].forged(nonce) } else { hubs[1].signed(nonce) }).collect();
    let results = mempool.submit_all(batch, Source::Peer).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 39);
    for _ in 0..39 {
        timeout(Duration::from_secs(10), fresh.recv()).await.expect("gossiped").unwrap();
    }
    assert!(fresh.try_recv().is_err());
}

#[tokio::test]
async fn a_rotated_key_costs_the_transaction_not_the_block() {
    let hubs = hubs();
    let registry = Arc::new(Registry::new(&hubs));
    let (mempool, _fresh, _service) = Mempool::start(MempoolConfig::default(), registry.clone());
    mempool.submit(hubs[0].signed(1), Source::Local).await.unwrap();
    mempool.submit(hubs[1].signed(1), Source::Local).await.unwrap();
    registry.rotate(hubs[0].id, Hub::new(7).key());
    let still = |v: &leg_ledger::transaction::Verified| registry.key(v.transaction()).is_ok_and(|key| key == v.key());
    let taken = mempool.take(take_all(), still);
    assert_eq!(taken.iter().map(|v| v.body().signer).collect::<Vec<_>>(), vec![hubs[1].id]);
    assert_eq!(mempool.waiting(), 1);
}

#[tokio::test]
async fn work_wakes_who_waits_for_it() {
    let hubs = hubs();
    let (mempool, _fresh, _service) = Mempool::start(MempoolConfig::default(), Arc::new(Registry::new(&hubs)));
    let waiting = tokio::spawn({
        let mempool = mempool.clone();
        async move { mempool.wait_for_work().await }
    });
    mempool.submit(hubs[0].signed(1), Source::Local).await.unwrap();
    timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_submissions_at_once_are_answered_each_with_its_own_result() {
    let hubs = hubs();
    let config = MempoolConfig { batch: 16, gather: 64, ..MempoolConfig::default() };
    let (mempool, _fresh, _service) = Mempool::start(config, Arc::new(Registry::new(&hubs)));
    let submissions = (0..200_u64).map(|i| {
        let hub = &hubs[(i % 4) as usize];
        let transaction = if i % 10 == 3 { hub.forged(i) } else { hub.signed(i) };
        let (mempool, id) = (mempool.clone(), transaction.id());
        let source = if i % 3 == 0 { Source::Peer } else { Source::Local };
        async move { (i, id, mempool.submit(transaction, source).await) }
    });
    for (i, id, result) in futures::future::join_all(submissions).await {
        assert_eq!(result.as_ref().ok(), (i % 10 != 3).then_some(&id), "{i}: {result:?}");
    }
    assert_eq!((mempool.waiting(), mempool.counts().bad_signatures), (180, 20));
}

#[tokio::test]
async fn a_full_mailbox_says_busy_and_a_stopped_service_says_so() {
    let hubs = hubs();
    let config = MempoolConfig { mailbox: 1, ..MempoolConfig::default() };
    let (mempool, _fresh, service) = Mempool::start(config, Arc::new(Registry::new(&hubs)));
    // This test's runtime has one thread: nothing is received between these polls.
    let mut first = Box::pin(mempool.submit(hubs[0].signed(1), Source::Local));
    assert!(futures::poll!(&mut first).is_pending());
    assert_eq!(mempool.submit(hubs[0].signed(2), Source::Local).await, Err(AdmitError::Busy));
    assert!(first.await.is_ok());
    service.abort();
    let _ = service.await;
    assert_eq!(mempool.submit(hubs[0].signed(3), Source::Local).await, Err(AdmitError::Stopped));
}

#[tokio::test]
async fn what_waits_too_long_is_gossiped_again() {
    let hubs = hubs();
    let config = MempoolConfig { repeat: Duration::from_millis(20), ..MempoolConfig::default() };
    let (mempool, mut fresh, _service) = Mempool::start(config, Arc::new(Registry::new(&hubs)));
    let id = mempool.submit(hubs[0].signed(1), Source::Local).await.unwrap();
    mempool.submit(hubs[1].signed(1), Source::Peer).await.unwrap();
    for _ in 0..3 {
        let again = timeout(Duration::from_secs(10), fresh.recv()).await.expect("gossiped").unwrap();
        assert_eq!(again.id(), id);
    }
}

/// A chain on which a block with a transaction is committed while the mempool verifies that very transaction.
struct Overtaking {
    registry: Registry,
    moved: std::sync::atomic::AtomicBool,
    overtaken: leg_ledger::ids::TransactionId,
}

impl LedgerView for Overtaking {
    fn chain(&self) -> leg_ledger::ids::ChainId {
        self.registry.chain()
    }

    fn height(&self) -> Height {
        Height::new(u64::from(self.moved.load(std::sync::atomic::Ordering::SeqCst)))
    }

    fn admissible(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>> {
        let judge = |transaction: &&SignedTransaction| {
            let key = self.registry.key(transaction)?;
            let is_overtaken = transaction.id() == self.overtaken;
            if is_overtaken && self.moved.swap(true, std::sync::atomic::Ordering::SeqCst) {
                return Err(Inadmissible::Replayed { member: transaction.body.signer, nonce: transaction.body.nonce });
            }
            Ok(key)
        };
        transactions.iter().map(judge).collect()
    }
}

#[tokio::test]
async fn what_was_committed_during_its_admission_does_not_stay() {
    let hubs = hubs();
    let (overtaken, other) = (hubs[0].signed(1), hubs[1].signed(1));
    let view = Overtaking { registry: Registry::new(&hubs), moved: Default::default(), overtaken: overtaken.id() };
    let (mempool, mut fresh, _service) = Mempool::start(MempoolConfig::default(), Arc::new(view));
    let answers = mempool.submit_all(vec![overtaken, other.clone()], Source::Local).await;
    assert!(answers.iter().all(Result::is_ok), "it was admitted, and is final");
    assert_eq!(mempool.waiting(), 1);
    assert_eq!(fresh.recv().await.unwrap().id(), other.id());
    assert!(fresh.try_recv().is_err(), "nor is it gossiped");
    assert_eq!(mempool.take(take_all(), |_| true).iter().map(|v| v.id()).collect::<Vec<_>>(), vec![other.id()]);
}
