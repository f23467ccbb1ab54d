use super::database::{self, Database, Order};
use super::schema::{Entries, Meta, Setting};
use super::*;
use crate::fixture::{Network, OPENING, heights};
use leg_ledger::amount::{BasisPoints, MicroChf, Quantity};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::execute::{Encoded, Executed, HistoryRecord, Ledger, ReplayWindow, ResumeError};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::history::{InclusionProof, Peaks};
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId, TransactionId};
use leg_ledger::receipt::{CancelReason, Settlement};
use leg_ledger::state::{Account, Accounts, Table as _, Trade, TradeStatus, View};
use leg_ledger::time::{BlockTime, MarketTime};
use leg_ledger::transaction::{Market, Product, SettlementMethod};
use std::path::Path;

pub(super) fn founded(path: &Path, network: &Network) -> Store {
    let store = Store::open(path, network.chain).unwrap();
    store.found(network.chain, network.ledger.tip(), network.ledger.state()).unwrap();
    store
}

pub(super) fn commit(store: &Store, block: &Block, certificate: &Certificate, executed: &Executed) -> Result<(), StoreError> {
    let transactions = ids(block);
    store.commit(&record((block, certificate), &transactions, executed))
}

/// The blocks in one batch.
pub(super) fn commit_all<'a>(
    store: &Store,
    blocks: impl IntoIterator<Item = &'a (Block, Certificate, Executed)>,
) -> Result<(), StoreError> {
    let blocks: Vec<_> = blocks.into_iter().collect();
    let transactions: Vec<Vec<TransactionId>> = blocks.iter().map(|(block, ..)| ids(block)).collect();
    let records = blocks.iter().zip(&transactions);
    let records: Vec<BlockRecord<'_>> =
        records.map(|((block, certificate, executed), ids)| record((block, certificate), ids, executed)).collect();
    store.commit_all(&records)
}

pub(super) fn ids(block: &Block) -> Vec<TransactionId> {
    block.body.transactions.iter().map(|t| t.id()).collect()
}

fn record<'a>(
    (block, certificate): (&'a Block, &'a Certificate),
    transactions: &'a [TransactionId],
    executed: &'a Executed,
) -> BlockRecord<'a> {
    BlockRecord {
        block,
        certificate,
        transactions,
        tip: &executed.tip,
        entries: &executed.entries,
        records: &executed.records,
        encoded: &executed.encoded,
        history_nodes: &executed.history_nodes,
        peaks: &executed.peaks,
    }
}

fn advance(store: &Store, network: &mut Network, nonce: u64) -> Block {
    let block = network.block(vec![network.transaction(0, nonce), network.transaction(1, nonce)]);
    let (executed, certificate) = (network.execute(&block), network.certify(&block));
    commit(store, &block, &certificate, &executed).unwrap();
    network.advance(executed, certificate);
    block
}

/// What the chain service does at start.
fn resume(store: &Store, network: &Network) -> Result<Ledger, ResumeError> {
    let Recovered { tip, state, tree, peaks } = store.recover().unwrap();
    let count = tip.height.get() + 1 - ReplayWindow::first_height(tip.height).get();
    let blocks: Vec<Block> = store.last_blocks(tip.height, count).unwrap().collect::<Result<_, _>>().unwrap();
    let bodies = |block: &'_ Block| block.header.height;
    let replay = ReplayWindow::rebuild(blocks.iter().map(|b| (bodies(b), b.body.transactions.iter().map(|t| &t.body).collect())));
    Ledger::resume_with_tree(network.chain, tip, (state, tree), peaks, replay)
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(4);
    let store = founded(folder.path(), &network);
    let blocks: Vec<Block> = (1..=5).map(|nonce| advance(&store, &mut network, nonce)).collect();
    drop(store);

    let store = Store::open(folder.path(), network.chain).unwrap();
    for (height, block) in heights(5).zip(&blocks) {
        let stored = store.block(height).unwrap().unwrap();
        assert_eq!(stored.block, *block);
        assert_eq!(stored.certificate, network_certificate(&network, block));
        assert_eq!(store.block_bytes(height).unwrap().unwrap().0, codec::encode(block));
        assert_eq!(store.receipts(height).unwrap().unwrap().len(), 2);
        for (index, transaction) in (0..).zip(&block.body.transactions) {
            assert_eq!(store.transaction(transaction.id()).unwrap(), Some(TransactionPlace { height, index }));
        }
    }
    assert_eq!(store.block(Height::new(6)).unwrap(), None);
    let ledger = resume(&store, &network).unwrap();
    assert_eq!(ledger.tip(), network.ledger.tip());
    assert_eq!(ledger.state(), network.ledger.state());
    assert_eq!(ledger.replay(), network.ledger.replay());
    assert_eq!(ledger.history(), network.ledger.history());
}

fn network_certificate(network: &Network, block: &Block) -> Certificate {
    network.certify(block)
}

#[test]
fn every_leaf_of_the_history_log_can_be_proven_from_the_stored_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    for nonce in 1..=5 {
        advance(&store, &mut network, nonce);
    }
    let peaks = network.ledger.history();
    assert_eq!(peaks.size(), 10, "one receipt a transaction");
    for leaf in 0..peaks.size() {
        let record = store.finished(leaf).unwrap().record;
        let hash = Hash::of(Domain::HistoryLeaf, &codec::encode(&record));
        let proof = InclusionProof::new(&store, peaks.size(), leaf).unwrap();
        assert_eq!(proof.verify(&peaks.root(), &hash), Ok(()));
    }
}

#[test]
fn a_block_that_does_not_follow_the_tip_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(1);
    let store = founded(folder.path(), &network);
    let first = network.block(vec![]);
    let (executed, certificate) = (network.execute(&first), network.certify(&first));
    commit(&store, &first, &certificate, &executed).unwrap();
    let again = commit(&store, &first, &certificate, &executed);
    assert_eq!(again, Err(StoreError::NotNext { tip: Height::new(1), given: Height::new(1) }));
    network.advance(executed, certificate);
    let second = network.block(vec![]);
    let (executed, certificate) = (network.execute(&second), network.certify(&second));
    network.advance(executed, certificate);
    let third = network.block(vec![]);
    let gap = commit(&store, &third, &network.certify(&third), &network.execute(&third));
    assert_eq!(gap, Err(StoreError::NotNext { tip: Height::new(1), given: Height::new(3) }));
    assert_eq!(store.tip().unwrap().height, Height::new(1));
}

#[test]
fn after_a_failed_write_nothing_is_written_and_the_disk_holds_the_block_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    advance(&store, &mut network, 1);
    store.database.fail();
    let block = network.block(vec![network.transaction(0, 2)]);
    let (executed, certificate) = (network.execute(&block), network.certify(&block));
    assert_eq!(commit(&store, &block, &certificate, &executed), Err(StoreError::Failed));
    assert_eq!(store.proposals().put(Height::new(2), block.id(), b"block"), Err(StoreError::Failed));
    drop(store);
    let store = Store::open(folder.path(), network.chain).unwrap();
    assert_eq!(resume(&store, &network).unwrap().tip(), network.ledger.tip());
    assert_eq!(store.block(Height::new(2)).unwrap(), None);
}

/// Copies the files as they are while the store is open: what a power loss at this moment leaves of synced writes.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

#[test]
fn a_crash_anywhere_within_a_commit_leaves_the_block_before_or_the_block_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    advance(&store, &mut network, 1);
    let before = *network.ledger.tip();
    let old_length = log_of(folder.path()).1;
    advance(&store, &mut network, 2);
    let after = *network.ledger.tip();
    let (log, new_length) = log_of(folder.path());
    assert!(new_length > old_length);

    // The write-ahead log is cut at every 97th byte of the second block's record.
    let cuts: Vec<u64> = (old_length..new_length).step_by(97).chain([new_length - 1, new_length]).collect();
    let mut seen = (0, 0);
    for cut in cuts {
        let copy = copy_of(folder.path());
        let torn = std::fs::OpenOptions::new().write(true).open(copy.path().join(&log)).unwrap();
        torn.set_len(cut).unwrap();
        drop(torn);
        let store = Store::open(copy.path(), network.chain).unwrap();
        let tip = *resume(&store, &network).unwrap().tip();
        assert_eq!(tip, if cut == new_length { after } else { before }, "cut at {cut} of {old_length}..{new_length}");
        let whole = store.block(Height::new(2)).unwrap().is_some();
        assert_eq!(whole, cut == new_length);
        if whole { seen.1 += 1 } else { seen.0 += 1 }
    }
    assert!(seen.0 > 5 && seen.1 == 1, "{seen:?}");
}

/// The write-ahead log: the newest one, with its length.
fn log_of(folder: &Path) -> (std::ffi::OsString, u64) {
    let logs = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let newest = logs.filter(|e| e.path().extension().is_some_and(|x| x == "log")).max_by_key(|e| e.file_name()).unwrap();
    (newest.file_name(), newest.metadata().unwrap().len())
}

#[test]
fn damage_within_the_log_is_refused_and_not_taken_for_a_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    for nonce in 1..=3 {
        advance(&store, &mut network, nonce);
    }
    let copy = copy_of(folder.path());
    let (log, length) = log_of(copy.path());
    let path = copy.path().join(log);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[length as usize / 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Store::open(copy.path(), network.chain), Err(StoreError::Open { .. })));
}

fn put_raw_entry(store: &Store, key: &[u8], value: &[u8]) {
    let mut batch = store.database.batch();
    batch.put_raw::<Entries>(&key.to_vec(), value).unwrap();
    store.database.commit("test", batch).unwrap();
}

#[test]
fn an_entry_that_was_changed_behind_the_ledger_rebuilds_to_another_root() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    advance(&store, &mut network, 1);
    let stored = network.ledger.tip().state_root;
    let rich = Account { free: MicroChf::new(OPENING.get() + 1), ..Account::default() };
    put_raw_entry(&store, &Accounts::flat_key(&network.hubs[0].id), &codec::encode(&rich));
    match resume(&store, &network) {
        Err(ResumeError::StateRoot { height, rebuilt, stored: named }) => {
            assert_eq!((height, named), (Height::new(1), stored));
            assert_ne!(rebuilt, stored);
        }
        other => panic!("{:?}", other.map(|ledger| *ledger.tip())),
    }
}

#[test]
fn a_missing_entry_rebuilds_to_another_root() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(2);
    let store = founded(folder.path(), &network);
    let mut batch = store.database.batch();
    batch.delete::<Entries>(&Accounts::flat_key(&network.hubs[1].id)).unwrap();
    store.database.commit("test", batch).unwrap();
    assert!(matches!(resume(&store, &network), Err(ResumeError::StateRoot { .. })));
}

#[test]
fn entries_that_are_no_canonical_bytes_of_a_known_table_are_refused() {
    let account = |network: &Network| Accounts::flat_key(&network.hubs[0].id);
    type Damage = fn(Vec<u8>) -> (Vec<u8>, Vec<u8>);
    let table: [(Damage, &str); 3] = [
        (|key| (key, vec![1, 2, 3]), "accounts"),
        (|mut key| (key.drain(..1).chain([7]).collect(), vec![]), "accounts"),
        (|_| (vec![250, 1], vec![]), "table 250 is not known"),
    ];
    for (damage, named) in table {
        let folder = tempfile::tempdir().unwrap();
        let network = Network::new(1);
        let store = founded(folder.path(), &network);
        let (key, value) = damage(account(&network));
        put_raw_entry(&store, &key, &value);
        let error = store.recover().unwrap_err();
        assert!(matches!(error, StoreError::State(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn peaks_that_do_not_fit_the_tip_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    advance(&store, &mut network, 1);
    let mut batch = store.database.batch();
    batch.put_raw::<Meta>(&Setting::Peaks.name().as_bytes().to_vec(), &codec::encode(&Peaks::new())).unwrap();
    store.database.commit("test", batch).unwrap();
    assert!(matches!(resume(&store, &network), Err(ResumeError::HistoryRoot { .. })));
}

#[test]
fn stores_of_other_networks_formats_settings_and_tables_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(1);
    let other = Network::named(b"other", 1);
    let store = founded(folder.path(), &network);
    assert_eq!(store.found(network.chain, network.ledger.tip(), network.ledger.state()), Err(StoreError::NotEmpty));
    drop(store);
    let wrong = Store::open(folder.path(), other.chain).err();
    assert_eq!(wrong, Some(StoreError::Chain { found: network.chain, expected: other.chain }));

    let set = |name: &str, value: &[u8]| {
        let store = Database::open(folder.path()).unwrap();
        let mut batch = store.batch();
        batch.put_raw::<Meta>(&name.as_bytes().to_vec(), value).unwrap();
        store.commit("test", batch).unwrap();
    };
    set("compress", &[1]);
    let unknown = Store::open(folder.path(), network.chain).err();
    assert_eq!(unknown, Some(StoreError::UnknownSetting("compress".to_owned())));
    let store = Database::open(folder.path()).unwrap();
    let mut batch = store.batch();
    batch.delete::<Meta>(&b"compress".to_vec()).unwrap();
    store.commit("test", batch).unwrap();
    drop(store);
    set("format", &codec::encode(&(FORMAT + 1)));
    assert_eq!(Store::open(folder.path(), network.chain).err(), Some(StoreError::Format { found: FORMAT + 1, known: FORMAT }));
    set("format", &codec::encode(&FORMAT));
    assert!(Store::open(folder.path(), network.chain).is_ok());

    database::add_foreign_table(folder.path(), "from-the-future");
    let foreign = Store::open(folder.path(), network.chain).err();
    assert!(matches!(foreign, Some(StoreError::UnknownTable { table, .. }) if table == "from-the-future"));
}

#[test]
fn a_second_process_cannot_open_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(1);
    let _store = founded(folder.path(), &network);
    assert!(matches!(Store::open(folder.path(), network.chain), Err(StoreError::Open { .. })));
}

#[test]
fn proposals_are_kept_by_height_until_they_are_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(1);
    let store = founded(folder.path(), &network);
    let id = |byte| leg_ledger::ids::BlockId::from_hash(Hash::from_bytes([byte; 32]));
    let proposals = store.proposals();
    for (height, byte) in [(1, 1), (2, 2), (2, 3), (256, 4)] {
        proposals.put(Height::new(height), id(byte), &[byte]).unwrap();
        proposals.put(Height::new(height), id(byte), &[byte]).unwrap();
    }
    drop((proposals, store));
    let store = Store::open(folder.path(), network.chain).unwrap();
    let load = |height| store.proposals().load(Height::new(height)).unwrap();
    assert_eq!((load(1), load(2), load(3), load(256)), (vec![vec![1]], vec![vec![2], vec![3]], vec![], vec![vec![4]]));
    store.proposals().prune(Height::new(2)).unwrap();
    assert_eq!((load(1), load(2), load(256)), (vec![], vec![], vec![vec![4]]));
}

#[test]
fn an_idempotency_key_finds_the_first_transaction_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    let key = |hub: usize| IdempotencyKey::parse(network.hubs[hub].id, "order-1").unwrap();
    let (key, other_member) = (key(0), key(1));
    let now = network.ledger.tip().time;
    let at = |ms| BlockTime::from_ms(now.ms() + ms);
    let record = |nonce| IdempotencyRecord { request: vec![1], transaction: network.transaction(0, nonce), expires: at(1_500) };
    let (first, second) = (record(1), record(2));
    assert_eq!(store.remember(&key, &first, now).unwrap(), None);
    assert_eq!(store.remember(&key, &second, now).unwrap(), Some(first.clone()));
    assert_eq!(store.remember(&other_member, &second, now).unwrap(), None);
    drop(store);

    let store = Store::open(folder.path(), network.chain).unwrap();
    assert_eq!(store.remembered(&key).unwrap(), Some(first.clone()));
    assert_eq!(store.remember(&key, &second, at(1_499)).unwrap(), Some(first));
    advance(&store, &mut network, 10);
    assert!(store.remembered(&key).unwrap().is_some(), "the block is a second after the record");
    advance(&store, &mut network, 11);
    assert_eq!(store.remembered(&key).unwrap(), None, "forgotten with the block after its time");
    assert_eq!(store.remember(&key, &second, at(2_000)).unwrap(), None);
}

#[test]
fn an_expired_key_can_be_used_again_before_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(2);
    let store = founded(folder.path(), &network);
    let key = IdempotencyKey::parse(network.hubs[0].id, "k").unwrap();
    let now = network.ledger.tip().time.ms();
    let record = |nonce, expires| IdempotencyRecord {
        request: vec![],
        transaction: network.transaction(0, nonce),
        expires: BlockTime::from_ms(expires),
    };
    let (first, second) = (record(1, now + 10), record(2, now + 1_000_000));
    assert_eq!(store.remember(&key, &first, BlockTime::from_ms(now)).unwrap(), None);
    assert_eq!(store.remember(&key, &second, BlockTime::from_ms(now + 10)).unwrap(), None);
    advance(&store, &mut network, 10);
    assert_eq!(store.remembered(&key).unwrap(), Some(second), "the expiry of the first does not take the second along");
}

#[test]
fn idempotency_keys_are_short_visible_ascii() {
    let member = MemberId::parse("hub").unwrap();
    for bad in ["", " ", "a b", "ä", "\n", &"x".repeat(129)] {
        assert_eq!(IdempotencyKey::parse(member, bad), None, "{bad:?}");
    }
    assert!(IdempotencyKey::parse(member, &"x".repeat(128)).is_some());
}

pub(super) fn trade(number: u8, buyer: MemberId, seller: MemberId) -> Trade {
    let id = Hash::from_bytes([number; 32]);
    Trade {
        id: TradeId::from_hash(id),
        market: Market::Compute,
        buyer,
        seller,
        bid: OrderId::from_hash(id),
        fills: vec![],
        quantity: Quantity::new(10),
        product: Product::Compute { from: MarketTime::from_ms(0), until: MarketTime::from_ms(1) },
        settlement: SettlementMethod::Credits,
        solar: false,
        escrow: MicroChf::ZERO,
        fee: BasisPoints::new(500),
        status: TradeStatus::Settled,
        height: Height::new(1),
        matched_at: MarketTime::from_ms(0),
        deadline: None,
        delivered: vec![],
        heat: vec![],
        result: None,
    }
}

#[test]
fn finished_trades_are_found_by_id_member_kind_and_page() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(3);
    let store = founded(folder.path(), &network);
    let hub = |index: usize| network.hubs[index].id;
    let height = Height::new(1);
    let settled = |number, buyer, seller| HistoryRecord::Settled {
        trade: Box::new(trade(number, hub(buyer), hub(seller))),
        settlement: Settlement::default(),
        height,
    };
    let cancelled = HistoryRecord::Cancelled { trade: Box::new(trade(3, hub(0), hub(2))), reason: CancelReason::BySeller, height };
    let records = vec![settled(1, 0, 1), settled(2, 1, 2), cancelled, settled(4, 2, 0)];

    let block = network.block(vec![]);
    let mut executed = network.execute(&block);
    for record in &records {
        let leaf = Hash::of(Domain::HistoryLeaf, &codec::encode(record));
        executed.history_nodes.extend(executed.peaks.append(leaf).unwrap());
    }
    executed.encoded = Encoded::of(&executed.receipts, &executed.events, &records);
    executed.records = records;
    commit(&store, &block, &network.certify(&block), &executed).unwrap();

    let leaves = |member: Option<usize>, kind, below, limit| -> Vec<u64> {
        let found = store.finished_trades(member.map(hub), kind, below, limit).unwrap();
        found.iter().map(|f| f.leaf).collect()
    };
    assert_eq!(leaves(None, None, 4, 9), [3, 2, 1, 0]);
    assert_eq!(leaves(None, Some(FinishedTrade::Settled), 4, 2), [3, 1]);
    assert_eq!(leaves(None, None, 2, 9), [1, 0]);
    assert_eq!(leaves(Some(0), None, u64::MAX, 9), [3, 2, 0]);
    assert_eq!(leaves(Some(0), Some(FinishedTrade::Cancelled), u64::MAX, 9), [2]);
    assert_eq!(leaves(Some(1), None, 1, 9), [0]);
    assert_eq!(leaves(Some(1), None, 0, 9), [] as [u64; 0]);
    let found = store.finished_trade(TradeId::from_hash(Hash::from_bytes([2; 32]))).unwrap().unwrap();
    assert_eq!(found.leaf, 1);
    assert_eq!(store.finished_trade(TradeId::from_hash(Hash::ZERO)).unwrap(), None);
    assert_eq!(store.recover().unwrap().peaks.size(), 4);
    assert!(matches!(store.finished(4), Err(StoreError::Missing { .. })));
}

#[test]
fn the_founding_state_is_what_the_hubs_started_with() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(3);
    let store = founded(folder.path(), &network);
    let recovered = store.recover().unwrap();
    assert_eq!(recovered.state, network.founding().state);
    assert_eq!(recovered.state.get::<Accounts>(&network.hubs[2].id).unwrap().free, OPENING);
    assert_eq!(recovered.tip, *network.ledger.tip());
    let order: Vec<Vec<u8>> = store.database.scan::<Entries>(&[], None, Order::Ascending).unwrap().map(|e| e.unwrap().0).collect();
    assert!(order.is_sorted());
}
