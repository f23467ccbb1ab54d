use super::super::testing::{Hub, chain};
use super::*;
use leg_ledger::hash::Hash;

/// Everyone signs with one key; `known` and `waiting` are what was seen before.
struct Told {
    key: PublicKey,
    known: Vec<Hash>,
    waiting: Vec<Verified>,
    full: bool,
}

impl Told {
    fn new(key: PublicKey) -> Self {
        Told { key, known: Vec::new(), waiting: Vec::new(), full: false }
    }
}

impl Knowledge for Told {
    fn keys(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>> {
        transactions.iter().map(|_| Ok(self.key)).collect()
    }

    fn look(&self, transactions: &[&SignedTransaction]) -> Vec<Look> {
        let look = |t: &&SignedTransaction| match self.waiting.iter().find(|v| v.transaction() == *t) {
            Some(waiting) => Look::Waits(waiting.clone()),
            None if self.full => Look::NoRoom(NoRoom::Full { transactions: 1 }),
            None => Look::Room,
        };
        transactions.iter().map(look).collect()
    }

    fn known(&self, transactions: &[&Verified]) -> Vec<bool> {
        transactions.iter().map(|v| self.known.contains(&v.commitment())).collect()
    }
}

fn share(transactions: Vec<SignedTransaction>, max_bad: usize) -> Share {
    Share { transactions, max_bad }
}

fn run(transactions: Vec<SignedTransaction>, key: PublicKey, max_bad: usize) -> (Results, usize, usize) {
    let mut outcome = admit(chain(), vec![share(transactions, max_bad)], &Told::new(key));
    (outcome.results.remove(0), outcome.verified, outcome.bad)
}

#[test]
fn every_bad_signature_is_found_and_no_good_one_suffers() {
    let hub = Hub::new(1);
    for bad in [vec![], vec![0], vec![63], vec![5, 6], vec![0, 20, 21, 40, 63], (0..64).collect::<Vec<u64>>()] {
        let transactions = (0..64).map(|nonce| if bad.contains(&nonce) { hub.forged(nonce) } else { hub.signed(nonce) }).collect();
        let (results, _, counted) = run(transactions, hub.key(), usize::MAX);
        let found: Vec<u64> = (0..64).filter(|n| results[*n as usize].is_err()).collect();
        assert_eq!((found, counted), (bad.clone(), bad.len()));
    }
}

#[test]
fn a_batch_of_garbage_ends_the_search_early() {
    let hub = Hub::new(1);
    let (results, verified, _) = run((0..512).map(|nonce| hub.forged(nonce)).collect(), hub.key(), 8);
    assert!(results.iter().all(Result::is_err));
    assert!(verified <= 8 + BISECT_FLOOR, "{verified} looked at");
    assert!(results.iter().filter(|r| matches!(r, Err(AdmitError::Unseen))).count() >= 500);
}

#[test]
fn garbage_of_one_source_costs_no_other_source_an_answer() {
    let hub = Hub::new(1);
    let good = |first: u64| (first..first + 40).map(|nonce| hub.signed(nonce)).collect::<Vec<_>>();
    let mut one_bad = good(200);
    one_bad[17] = hub.forged(217);
    let shares = vec![share(good(0), 8), share((100..140).map(|nonce| hub.forged(nonce)).collect(), 8), share(one_bad, 8)];
    let outcome = admit(chain(), shares, &Told::new(hub.key()));
    let refused: Vec<usize> = outcome.results.iter().map(|results| results.iter().filter(|r| r.is_err()).count()).collect();
    assert_eq!(refused, [0, 40, 1]);
    assert_eq!(outcome.results[2][17].as_ref().unwrap_err().code(), "bad_signature");
    assert!(outcome.bad <= 8 + BISECT_FLOOR + 1, "{}: the search in garbage ends at its own limit, which is not the others'", outcome.bad);
}

#[test]
fn shares_that_verify_together_are_looked_at_once() {
    let hub = Hub::new(1);
    let shares = (0..4_u64).map(|i| share((i * 10..i * 10 + 10).map(|nonce| hub.signed(nonce)).collect(), 0)).collect();
    let outcome = admit(chain(), shares, &Told::new(hub.key()));
    assert!(outcome.results.iter().flatten().all(Result::is_ok));
    assert_eq!((outcome.verified, outcome.bad), (40, 0));
}

#[test]
fn what_was_verified_before_is_not_verified_again_but_a_garbage_signature_on_it_is() {
    let hub = Hub::new(1);
    let (known, waiting) = (hub.signed(7), hub.verified(8, 100, 1));
    let told = Told { known: vec![known.commitment()], waiting: vec![waiting.clone()], ..Told::new(hub.key()) };
    let transactions = vec![known, hub.forged(7), waiting.transaction().clone(), hub.forged(8)];
    let outcome = admit(chain(), vec![share(transactions, 8)], &told);
    let codes: Vec<_> = outcome.results[0].iter().map(|r| r.as_ref().err().map(AdmitError::code)).collect();
    assert_eq!(codes, [None, Some("bad_signature"), None, Some("bad_signature")]);
    assert_eq!((outcome.verified, outcome.bad), (2, 2));
}

#[test]
fn one_that_waits_under_a_key_of_before_is_verified_with_the_key_of_now() {
    let (hub, other) = (Hub::new(1), Hub::new(2));
    let waiting = hub.verified(8, 100, 1);
    let told = Told { waiting: vec![waiting.clone()], ..Told::new(other.key()) };
    let outcome = admit(chain(), vec![share(vec![waiting.transaction().clone()], 8)], &told);
    assert_eq!(outcome.results[0][0].as_ref().unwrap_err().code(), "bad_signature");
}

#[test]
fn a_full_pool_costs_no_signature() {
    let hub = Hub::new(1);
    let waiting = hub.verified(8, 100, 1);
    let told = Told { waiting: vec![waiting.clone()], full: true, ..Told::new(hub.key()) };
    let outcome = admit(chain(), vec![share(vec![waiting.transaction().clone(), hub.signed(9), hub.forged(10)], 8)], &told);
    let codes: Vec<_> = outcome.results[0].iter().map(|r| r.as_ref().err().map(AdmitError::code)).collect();
    assert_eq!(codes, [None, Some("mempool_full"), Some("mempool_full")]);
    assert_eq!(outcome.verified, 0);
}
