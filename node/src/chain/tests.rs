use super::prefetch::verify_ahead;
use super::service::Service;
use super::verify::verify_transactions;
use super::*;
use crate::fixture::Network;
use crate::storage::BlockRecord;
use bytes::Bytes;
use leg_consensus::ports::{BuildRequest, ChainPort, Outlook, Verdict};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::execute::{Invalid, ResumeError, Rules};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, Round, TransactionId};
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::signature::{PublicKey, Signature};
use leg_ledger::state::{Accounts, View};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A pool that gives what it is told to, and keeps nothing of the contract by itself.
#[derive(Default)]
pub(super) struct TestPool {
    gives: Mutex<Vec<Verified>>,
    known: Mutex<BTreeSet<(Hash, PublicKey)>>,
    pub waits: Mutex<Vec<Verified>>,
    pub committed: Mutex<Vec<Height>>,
    keeps_caps: bool,
}

impl TransactionPool for TestPool {
    fn waiting(&self) -> usize {
        self.gives.lock().unwrap().len()
    }

    fn take(&self, budget: TakeBudget, admissible: &dyn Fn(&Verified) -> bool) -> Vec<Verified> {
        let all = self.gives.lock().unwrap().clone();
        if !self.keeps_caps {
            return all;
        }
        let mut room = budget.max_bytes;
        let fits = |v: &Verified| {
            let rest = room.checked_sub(v.encoded_len());
            room = rest.unwrap_or(room);
            rest.is_some()
        };
        all.into_iter().filter(|v| admissible(v)).filter(fits).collect()
    }

    fn find(&self, transactions: &[SignedTransaction]) -> Vec<Option<Verified>> {
        let waits = self.waits.lock().unwrap();
        transactions.iter().map(|transaction| waits.iter().find(|v| v.transaction() == transaction).cloned()).collect()
    }

    fn is_known(&self, commitment: &Hash, key: &PublicKey) -> bool {
        self.known.lock().unwrap().contains(&(*commitment, *key))
    }

    fn remember(&self, verified: &[Verified]) {
        self.known.lock().unwrap().extend(verified.iter().map(|v| (v.commitment(), v.key())));
    }

    fn on_committed(&self, block: &Block) {
        self.committed.lock().unwrap().push(block.header.height);
    }
}

/// A node's chain beside the fixture's own ledger, which predicts it.
pub(super) struct World {
    pub network: Network,
    pub folder: tempfile::TempDir,
    pub chain: ChainHandle,
    pub service: Service,
    pub pool: Arc<TestPool>,
}

fn founding(network: &Network) -> Founding {
    network.founding()
}

pub(super) fn world(hubs: u8) -> World {
    let (network, folder) = (Network::new(hubs), tempfile::tempdir().unwrap());
    let chain = open(folder.path(), founding(&network), Rules::default()).unwrap();
    let pool = Arc::new(TestPool { keeps_caps: true, ..TestPool::default() });
    let service = chain.service(pool.clone()).unwrap();
    World { network, folder, chain, service, pool }
}

impl World {
    fn request(&self) -> BuildRequest {
        let height = self.service.next_height();
        let proposer = self.network.ledger.committee(height).unwrap().proposer(height, Round::new(0)).unwrap().member;
        let time = BlockTime::from_ms(self.chain.tip().time.ms() + 1_000);
        BuildRequest { height, creation_round: Round::new(0), proposer, time, max_bytes: usize::MAX }
    }

    /// Commits a block here and on the fixture's ledger.
    fn commit(&mut self, block: &Block) -> Certificate {
        let certificate = self.network.certify(block);
        let executed = self.network.execute(block);
        assert_eq!(self.service.validate(&mut block.clone()).unwrap(), Verdict::Valid);
        self.service.commit(block, &certificate).unwrap();
        self.network.advance(executed, certificate.clone());
        assert_eq!(self.chain.tip(), *self.network.ledger.tip());
        certificate
    }

    fn give(&self, transactions: &[SignedTransaction]) {
        let verified = self.network.ledger.verify_transactions(transactions, &|_, _| true).unwrap();
        *self.pool.gives.lock().unwrap() = verified;
    }

    fn invalid(&mut self, block: &Block) -> String {
        match self.service.validate(&mut block.clone()).unwrap() {
            Verdict::Invalid(reason) => reason,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_built_is_valid_commits_once_and_is_published_after_it_is_durable() {
    let mut w = world(4);
    let mut blocks = w.chain.subscribe();
    w.give(&[w.network.transaction(0, 1), w.network.transaction(1, 1)]);
    assert_eq!(w.service.outlook(BlockTime::from_ms(0)), Outlook::Work);
    let block = w.service.build(w.request()).unwrap();
    assert_eq!(block.body.transactions.len(), 2);
    let certificate = w.commit(&block);
    let seen = blocks.try_recv().unwrap();
    assert_eq!((seen.tip, seen.transactions), (w.chain.tip(), 2));
    assert!(seen.receipts.iter().all(|receipt| receipt.code == Code::UnknownOrder));
    assert_eq!(*w.pool.committed.lock().unwrap(), [Height::new(1)]);
    let stored = w.chain.store().block(Height::new(1)).unwrap().unwrap();
    assert_eq!((stored.block, stored.certificate), (block.clone(), certificate.clone()));
    assert!(w.service.commit(&block, &certificate).is_err(), "a second time");
    assert_eq!(w.chain.tip().height, Height::new(1));
}

#[test]
fn the_next_block_carries_the_certificate_and_the_roots_of_the_one_before() {
    let mut w = world(4);
    for nonce in 1..=3 {
        w.give(&[w.network.transaction(0, nonce)]);
        let block = w.service.build(w.request()).unwrap();
        let expected = w.network.block(vec![w.network.transaction(0, nonce)]);
        assert_eq!(block, expected, "as the fixture builds it");
        w.commit(&block);
    }
}

#[test]
fn a_reopened_chain_goes_on_where_it_was() {
    let mut w = world(4);
    let used = w.network.transaction(0, 1);
    w.give(std::slice::from_ref(&used));
    let block = w.service.build(w.request()).unwrap();
    w.commit(&block);
    let World { network, folder, chain, service, pool } = w;
    drop((chain, service));
    let chain = open(folder.path(), founding(&network), Rules::default()).unwrap();
    assert_eq!(chain.tip(), *network.ledger.tip());
    let service = chain.service(pool.clone()).unwrap();
    let mut w = World { network, folder, chain, service, pool };
    assert!(w.chain.read(|ledger| ledger.admissible(&used).is_err()), "the replay window is rebuilt");
    *w.pool.gives.lock().unwrap() = vec![];
    let next = w.service.build(w.request()).unwrap();
    assert!(next.body.parent_certificate.is_some());
    w.commit(&next);
}

#[test]
fn a_crash_between_the_write_and_its_publication_is_found_as_the_new_block() {
    let mut w = world(2);
    let first = w.network.block(vec![w.network.transaction(0, 1)]);
    w.commit(&first);
    let second = w.network.block(vec![w.network.transaction(1, 7)]);
    let (executed, certificate) = (w.network.execute(&second), w.network.certify(&second));
    let transactions: Vec<TransactionId> = second.body.transactions.iter().map(SignedTransaction::id).collect();
    let record = BlockRecord {
        block: &second,
        certificate: &certificate,
        transactions: &transactions,
        tip: &executed.tip,
        entries: &executed.entries,
        records: &executed.records,
        encoded: &executed.encoded,
        history_nodes: &executed.history_nodes,
        peaks: &executed.peaks,
    };
    w.chain.store().commit(&record).unwrap();
    assert_eq!(w.chain.tip().height, Height::new(1), "not published");
    let World { mut network, folder, chain, service, .. } = w;
    drop((chain, service));
    let chain = open(folder.path(), founding(&network), Rules::default()).unwrap();
    network.advance(executed, certificate);
    assert_eq!(chain.tip(), *network.ledger.tip());
    assert!(chain.read(|ledger| ledger.state() == network.ledger.state()));
}

#[test]
fn a_write_that_fails_stops_the_chain_and_publishes_nothing() {
    let mut w = world(2);
    let block = w.network.block(vec![w.network.transaction(0, 1)]);
    let mut blocks = w.chain.subscribe();
    w.chain.store().fail_writes();
    let error = w.service.commit(&block, &w.network.certify(&block)).unwrap_err();
    assert!(error.to_string().contains("committing a block"), "{error}");
    assert_eq!(w.chain.tip().height, Height::GENESIS);
    assert!(blocks.try_recv().is_err());
    assert!(w.pool.committed.lock().unwrap().is_empty());
    let World { network, folder, chain, service, .. } = w;
    drop((chain, service));
    assert_eq!(open(folder.path(), founding(&network), Rules::default()).unwrap().tip().height, Height::GENESIS);
}

#[test]
fn a_damaged_state_is_not_opened_and_the_error_says_what_differs() {
    let mut w = world(2);
    let block = w.network.block(vec![]);
    w.commit(&block);
    let member = w.network.hubs[0].id;
    let mut account = w.chain.read(|ledger| *ledger.state().get::<Accounts>(&member).unwrap());
    account.debt = leg_ledger::amount::MicroChf::new(1);
    w.chain.store().damage::<Accounts>(&member, &account);
    let stored = w.chain.tip().state_root;
    let World { network, folder, chain, service, .. } = w;
    drop((chain, service));
    let error = open(folder.path(), founding(&network), Rules::default()).err().unwrap();
    assert!(matches!(error, ChainError::Resume(ResumeError::StateRoot { .. })), "{error}");
    assert!(error.to_string().contains(&stored.to_string()), "{error}");
}

#[test]
fn the_store_of_another_network_is_not_opened() {
    let w = world(1);
    let World { folder, chain, service, .. } = w;
    drop((chain, service));
    let other = Network::named(b"other", 1);
    assert!(matches!(open(folder.path(), founding(&other), Rules::default()), Err(ChainError::Store(_))));
}

fn flip(signature: &Signature) -> Signature {
    let mut bytes = *signature.as_bytes();
    bytes[40] ^= 1;
    Signature::from_bytes(bytes)
}

#[test]
fn a_known_transaction_with_a_garbage_signature_is_invalid() {
    let mut w = world(4);
    let good = w.network.transaction(0, 1);
    w.pool.remember(&w.network.ledger.verify_transactions(std::slice::from_ref(&good), &|_, _| false).unwrap());
    let garbage = SignedTransaction::new(good.body.clone(), flip(&good.signature));
    assert_eq!(garbage.id(), good.id());
    let block = w.network.block(vec![garbage]);
    assert!(w.invalid(&block).contains("signature"));
    let block = w.network.block(vec![good]);
    assert_eq!(w.service.validate(&mut block.clone()).unwrap(), Verdict::Valid);
}

#[test]
fn what_waits_is_taken_as_verified_with_the_registrys_key_only() {
    let mut w = world(4);
    let (good, other) = (w.network.transaction(0, 1), w.network.hubs[1].operator.public());
    let garbage = |nonce| {
        let good = w.network.transaction(0, nonce);
        SignedTransaction::new(good.body.clone(), flip(&good.signature))
    };
    let waits = |transaction: &SignedTransaction, key| transaction.clone().assume_verified(w.network.chain, key).unwrap();
    // The pool of this test claims what no pool does: that garbage verified. It is believed, so nothing was verified here again.
    let (believed, doubted) = (garbage(1), garbage(2));
    let block = |transaction: &SignedTransaction| w.network.block(vec![transaction.clone()]);
    let (with_good, with_believed, with_doubted) = (block(&good), block(&believed), block(&doubted));
    *w.pool.waits.lock().unwrap() =
        vec![waits(&believed, w.network.hubs[0].operator.public()), waits(&doubted, other), waits(&good, other)];
    assert_eq!(w.service.validate(&mut with_believed.clone()).unwrap(), Verdict::Valid);
    assert!(w.pool.known.lock().unwrap().is_empty(), "what waits need not be remembered");
    assert!(w.invalid(&with_doubted).contains("signature"));
    assert_eq!(w.service.validate(&mut with_good.clone()).unwrap(), Verdict::Valid, "with the key of now");
    assert_eq!(w.pool.known.lock().unwrap().len(), 1);
}

#[test]
fn another_body_under_a_valid_header_is_foreign_and_not_the_headers_fault() {
    let mut w = world(4);
    w.commit(&w.network.block(vec![]));
    let block = w.network.block(vec![w.network.transaction(0, 1)]);
    let foreign = |w: &mut World, block: &Block| match w.service.validate(&mut block.clone()).unwrap() {
        Verdict::ForeignBody(reason) => reason,
        other => panic!("{other:?}"),
    };
    let mut other = block.clone();
    let first = &other.body.transactions[0];
    other.body.transactions[0] = SignedTransaction::new(first.body.clone(), flip(&first.signature));
    let mut empty = block.clone();
    empty.body.transactions.clear();
    let mut bare = block.clone();
    bare.body.parent_certificate = None;
    for changed in [&other, &empty] {
        assert!(foreign(&mut w, changed).contains("transactions"));
    }
    assert!(foreign(&mut w, &bare).contains("certificate"));
    assert_eq!(w.service.validate(&mut block.clone()).unwrap(), Verdict::Valid);
    assert!(foreign(&mut w, &other).contains("transactions"), "also once the header is known to be valid");
}

#[test]
fn roots_that_differ_are_named_all_of_them() {
    let mut w = world(4);
    let mut block = w.network.block(vec![]);
    let computed = block.header.state_root;
    block.header.state_root = Hash::from_bytes([1; 32]);
    block.header.next_committee = Hash::from_bytes([2; 32]);
    let Verdict::RootsDiffer(found) = w.service.validate(&mut block.clone()).unwrap() else { panic!() };
    assert_eq!(found.iter().map(|d| d.root).collect::<Vec<_>>(), ["state_root", "next_committee"]);
    assert_eq!((found[0].header, found[0].computed), (Hash::from_bytes([1; 32]), computed));
}

#[test]
fn blocks_that_break_a_rule_are_invalid() {
    let mut w = world(4);
    w.commit(&w.network.block(vec![w.network.transaction(0, 1)]));
    let replayed = w.network.block(vec![w.network.transaction(0, 1)]);
    let twice = w.network.block(vec![w.network.transaction(0, 2), w.network.transaction(0, 2)]);
    let mut foreign = w.network.transaction(0, 3).body.clone();
    foreign.signer = MemberId::parse("stranger").unwrap();
    let stranger = w.network.block(vec![foreign.sign(&w.network.hubs[0].operator)]);
    let mut role = w.network.transaction(0, 3).body.clone();
    role.role = KeyRole::Consensus;
    let wrong_role = w.network.block(vec![role.sign(&w.network.hubs[0].consensus)]);
    let mut late = w.network.block(vec![]);
    late.header.time = w.chain.tip().time;
    let mut ahead = w.network.block(vec![]);
    ahead.header.height = Height::new(9);
    for (block, words) in [
        (replayed, "used already"),
        (twice, "used already"),
        (stranger, "not registered"),
        (wrong_role, "key"),
        (late, "not after"),
        (ahead, "height"),
    ] {
        let reason = w.invalid(&block);
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn a_block_that_is_certified_but_invalid_here_is_not_committed() {
    let mut w = world(4);
    let block = w.network.block(vec![w.network.transaction(0, 1), w.network.transaction(0, 1)]);
    assert!(w.service.commit(&block, &w.network.certify(&block)).is_err());
    let good = w.network.block(vec![]);
    assert!(w.service.commit(&good, &w.network.certify(&block)).is_err(), "a certificate of another block");
    assert_eq!(w.chain.tip().height, Height::GENESIS);
}

#[test]
fn a_pool_that_breaks_its_contract_costs_its_transactions_and_not_the_block() {
    let mut w = world(2);
    w.pool = Arc::new(TestPool::default());
    w.service = w.chain.service(w.pool.clone()).unwrap();
    w.give(&[w.network.transaction(0, 1), w.network.transaction(0, 1)]);
    let block = w.service.build(w.request()).unwrap();
    assert!(block.body.transactions.is_empty());
    w.commit(&block);
}

#[test]
fn a_block_stays_within_the_bytes_that_are_asked_for_and_those_of_the_network() {
    let mut w = world(2);
    let one = codec::encode(&w.network.transaction(0, 1)).len();
    let empty = codec::encode(&w.network.block(vec![])).len();
    let many: Vec<_> = (0..3_000).map(|nonce| w.network.transaction(0, nonce)).collect();
    w.give(&many);
    let asked = w.service.build(BuildRequest { max_bytes: empty + 5 * one, ..w.request() }).unwrap();
    assert_eq!(asked.body.transactions.len(), 5);
    let capped = w.service.build(w.request()).unwrap();
    let limit = w.chain.read(|ledger| ledger.params().unwrap().max_block_bytes) as usize;
    let bytes = codec::encode(&capped).len();
    assert!(bytes <= limit && bytes + one > limit, "{bytes} of {limit}");
    w.commit(&capped);
}

#[test]
fn nothing_waiting_and_nothing_due_is_idle() {
    let w = world(1);
    assert_eq!(w.service.outlook(BlockTime::from_ms(u64::MAX)), Outlook::Idle);
}

#[test]
fn sync_gets_blocks_from_the_start_without_gaps_and_within_its_bytes() {
    let mut w = world(2);
    let mut sizes = vec![];
    for nonce in 1..=4 {
        let block = w.network.block(vec![w.network.transaction(0, nonce)]);
        sizes.push(codec::encode(&block).len());
        w.commit(&block);
    }
    let heights = |first, last, max_bytes| -> Vec<u64> {
        let range = Height::new(first)..=Height::new(last);
        let blocks = w.service.decided(range, max_bytes).unwrap();
        blocks.iter().map(|decided| codec::decode::<Block>(&decided.block, 1 << 20).unwrap().header.height.get()).collect()
    };
    assert_eq!(heights(1, 4, usize::MAX), [1, 2, 3, 4]);
    assert_eq!(heights(2, 9, usize::MAX), [2, 3, 4]);
    assert_eq!(heights(5, 9, usize::MAX), [] as [u64; 0]);
    assert_eq!(heights(1, 4, sizes[0] + sizes[1]), [1, 2]);
    assert_eq!(heights(1, 4, sizes[0] + sizes[1] - 1), [1]);
    assert_eq!(w.service.min_height(), Height::new(1));
}

#[test]
fn a_later_certificate_is_used_only_when_it_proves_more_of_the_tip() {
    let mut w = world(4);
    let block = w.network.block(vec![]);
    let whole = w.network.certify(&block);
    let three = Certificate { signatures: whole.signatures[..3].to_vec(), ..whole.clone() };
    assert_eq!(w.service.validate(&mut block.clone()).unwrap(), Verdict::Valid);
    w.service.commit(&block, &three).unwrap();
    let parent = |w: &mut World| w.service.build(w.request()).unwrap().body.parent_certificate.unwrap();
    assert_eq!(parent(&mut w), three);
    let mut forged = whole.clone();
    forged.signatures[3].signature = flip(&forged.signatures[3].signature);
    w.service.finalized(&forged, vec![]);
    assert_eq!(parent(&mut w), three);
    w.service.finalized(&whole, vec![]);
    assert_eq!(parent(&mut w), whole);
    w.service.finalized(&three, vec![]);
    assert_eq!(parent(&mut w), whole);
}

#[test]
fn signatures_on_many_cores_are_judged_as_on_one() {
    let network = Network::new(4);
    let mut transactions: Vec<_> = (0..300).map(|n| network.transaction(n % 4, n as u64)).collect();
    let cores = |n| NonZeroUsize::new(n).unwrap();
    let none = |_: &Hash, _: &PublicKey| false;
    let unknown = || vec![None; 300];
    let (one, fresh) = verify_transactions(&network.ledger, &transactions, unknown(), &none, cores(1)).unwrap();
    assert_eq!(one, fresh);
    for n in [2, 3, 7, 64] {
        assert_eq!(verify_transactions(&network.ledger, &transactions, unknown(), &none, cores(n)).unwrap(), (one.clone(), one.clone()));
    }
    assert_eq!(verify_transactions(&network.ledger, &[], vec![], &none, cores(4)).unwrap(), (vec![], vec![]));
    let mut some = unknown();
    (0..300).step_by(3).for_each(|index| some[index] = Some(one[index].clone()));
    let (all, fresh) = verify_transactions(&network.ledger, &transactions, some.clone(), &none, cores(2)).unwrap();
    assert_eq!((all, fresh.len()), (one.clone(), 200));
    for bad in [0, 63, 64, 128, 299] {
        let good = transactions[bad].clone();
        transactions[bad] = SignedTransaction::new(good.body.clone(), flip(&good.signature));
        some[bad] = None;
        for (n, found) in [1, 2, 4].into_iter().flat_map(|n| [(n, unknown()), (n, some.clone())]) {
            match verify_transactions(&network.ledger, &transactions, found, &none, cores(n)) {
                Err(Invalid::Transaction { index, .. }) => assert_eq!(index, bad),
                other => panic!("{other:?}"),
            }
        }
        transactions[bad] = good;
    }
}

#[test]
fn good_signatures_of_later_blocks_are_verified_ahead() {
    let w = world(4);
    let (good, other) = (w.network.transaction(0, 1), w.network.transaction(1, 1));
    let garbage = SignedTransaction::new(other.body.clone(), flip(&other.signature));
    let key = w.network.hubs[0].operator.public();
    let at = |height: u64, transactions: &[&SignedTransaction]| {
        let mut block = w.network.block(transactions.iter().map(|t| (*t).clone()).collect());
        block.header.height = Height::new(height);
        codec::encode(&block)
    };
    let known = |blocks: &[Vec<u8>]| {
        let blocks: Vec<_> = blocks.iter().map(|bytes| (Height::new(2), Bytes::from(bytes.clone()))).collect();
        verify_ahead(&w.chain, w.pool.as_ref(), &blocks);
        w.pool.is_known(&good.commitment(), &key)
    };
    assert!(!known(&[at(1, &[&good])]), "the next block is its judge's");
    assert!(!known(&[at(2, &[&good, &garbage])]), "nothing of a batch that fails is trusted");
    assert!(!known(&[at(2, &[&good]), at(3, &[&garbage])]), "nor of one over two blocks");
    assert!(!known(&[at(2, &[&good])[1..].to_vec()]), "no block");
    assert!(known(&[at(2, &[&good])[1..].to_vec(), at(2, &[&good])]));
    assert_eq!(w.pool.known.lock().unwrap().len(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let network = Network::new(1);
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(open(Path::new(file.path()), founding(&network), Rules::default()), Err(ChainError::Store(_))));
}
