//! The store under damage and crashes, fetching from a peer that lies, the plan of both parties.

use super::plan::{Step, ended_records, needless, steps};
use super::store::SLICE_BYTES;
use super::transfer::SliceRequest;
use super::*;
use async_trait::async_trait;
use bytes::Bytes;
use leg_ledger::amount::{BasisPoints, Quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId};
use leg_ledger::state::{Challenge, StorageContract, StorageStage};
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{SettlementMethod, StorageManifest, StorageTier};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Bytes that differ everywhere.
fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(b"stored").finalize_xof().fill(&mut bytes);
    bytes
}

fn store(quota: u64) -> (TempDir, Arc<ContentStore>) {
    let folder = TempDir::new().unwrap();
    let store = ContentStore::open(folder.path(), quota).unwrap();
    (folder, Arc::new(store))
}

fn add(store: &ContentStore, bytes: &[u8]) -> Hash {
    store.add(&mut Cursor::new(bytes), MAX_CONTENT_BYTES).unwrap().0
}

fn manifest(root: Hash, size: u64) -> StorageManifest {
    StorageManifest { root, size, tier: StorageTier::Cold, content: Hash::MAX, replica: 0, replicas: 1 }
}

fn member(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

fn id(number: u8) -> TradeId {
    TradeId::from_hash(Hash::from_bytes([number; 32]))
}

/// Flips a bit of a file.
fn damage(folder: &TempDir, root: Hash, kind: &str, place: u64) {
    let path = folder.path().join(format!("{root}.{kind}"));
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(place)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(place)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}

#[test]
fn what_is_added_is_read_again_after_a_restart() {
    let (folder, store) = store(1_000_000);
    for size in [1, 1_024, 1_025, 300_000] {
        let bytes = content(size);
        let root = add(&store, &bytes);
        assert_eq!(root.as_bytes(), blake3::hash(&bytes).as_bytes());
        std::fs::write(folder.path().join("7-data.new"), b"half").unwrap();
        let again = ContentStore::open(folder.path(), 1_000_000).unwrap();
        let mut read = Vec::new();
        again.read(root).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes && again.size(root) == Some(size as u64));
        assert!(!folder.path().join("7-data.new").exists(), "what was being written is gone");
    }
    assert_eq!(store.used(), 1 + 1_024 + 1_025 + 300_000);
}

#[test]
fn the_quota_holds_and_removal_gives_room() {
    let (folder, store) = store(10_000);
    let root = add(&store, &content(6_000));
    let refused = store.add(&mut Cursor::new(content(4_001)), MAX_CONTENT_BYTES).unwrap_err();
    assert!(matches!(refused, ContentError::Quota { used: 6_000, quota: 10_000, .. }), "{refused}");
    assert!(matches!(store.fetched(Hash::MAX, 4_001).unwrap_err(), ContentError::Quota { .. }));
    assert!(matches!(store.add(&mut Cursor::new([]), MAX_CONTENT_BYTES).unwrap_err(), ContentError::Size(0)));
    assert!(matches!(store.add(&mut Cursor::new([0; 11]), 10).unwrap_err(), ContentError::Size(11)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    store.remove(root).unwrap();
    assert_eq!(store.used(), 0);
    add(&store, &content(10_000));
}

#[test]
fn damage_on_the_disk_is_found_where_it_is() {
    for (kind, place) in [("data", 2_000), ("tree", 8 + 64)] {
        let (folder, store) = store(1_000_000);
        let root = add(&store, &content(100_000));
        assert!(store.slice(root, 0, 100_000).is_ok());
        damage(&folder, root, kind, place);
        assert!(matches!(store.slice(root, 1_024, 1_024), Err(ContentError::Damaged { from: 1_024, .. })), "{kind}");
        assert!(store.slice(root, 99_328, 672).is_ok(), "what does not pass the damage is as good as before");
        let challenge = Challenge { day: 1, seed: Hash::ZERO, due: MarketTime::from_ms(1), proved: 0 };
        let asked = leg_ledger::storage::challenged_chunks(Hash::ZERO, 100_000, 32);
        let proved = super::agent::prove(&store, &manifest(root, 100_000), &challenge, 32);
        assert_eq!(proved.len() < asked.len(), kind == "tree" || asked.contains(&1));
    }
}

/// A peer that has a content and spoils some of its slices.
struct Peer {
    store: Arc<ContentStore>,
    asked: AtomicUsize,
    /// Spoils the slice of each request for which this is true.
    spoils: fn(usize) -> bool,
    gives: fn(usize) -> bool,
}

#[async_trait]
impl Slices for Peer {
    async fn slice(&self, _: MemberId, request: SliceRequest) -> Option<Bytes> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let size = self.store.size(request.root)?;
        let mut slice = self.store.slice(request.root, request.from, SLICE_BYTES.min(size - request.from)).unwrap();
        if (self.spoils)(number) {
            let last = slice.len() - 1;
            slice[last] ^= 1;
        }
        (self.gives)(number).then(|| slice.into())
    }
}

fn peer(bytes: &[u8], spoils: fn(usize) -> bool, gives: fn(usize) -> bool) -> (TempDir, Arc<Peer>, StorageManifest) {
    let (folder, store) = store(u64::MAX);
    let root = add(&store, bytes);
    (folder, Arc::new(Peer { store, asked: AtomicUsize::new(0), spoils, gives }), manifest(root, bytes.len() as u64))
}

#[tokio::test]
async fn a_content_is_fetched_and_is_the_same() {
    for size in [1, 1_000, SLICE_BYTES as usize, SLICE_BYTES as usize + 1, 3 * SLICE_BYTES as usize - 5] {
        let bytes = content(size);
        let (_sold, peer, manifest) = peer(&bytes, |_| false, |_| true);
        let (_folder, store) = store(1_000_000);
        fetch(Arc::clone(&store), peer, member("buyer"), id(1), manifest).await.unwrap();
        let mut read = Vec::new();
        store.read(manifest.root).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{size} bytes");
        assert!(store.slice(manifest.root, 0, 1).is_ok(), "its tree is there");
    }
}

#[tokio::test]
async fn a_wrong_byte_is_found_in_its_slice_and_asked_for_again() {
    let bytes = content(3 * SLICE_BYTES as usize);
    let (_sold, peer, manifest) = peer(&bytes, |number| number == 1, |_| true);
    let (_folder, store) = store(1_000_000);
    fetch(Arc::clone(&store), peer.clone(), member("buyer"), id(1), manifest).await.unwrap();
    assert_eq!(peer.asked.load(Ordering::SeqCst), 4, "only the spoilt slice was sent twice");
}

#[tokio::test]
async fn a_peer_that_always_lies_gets_nothing_stored() {
    let bytes = content(2 * SLICE_BYTES as usize);
    let (_sold, peer, manifest) = peer(&bytes, |number| number > 0, |_| true);
    let (_folder, store) = store(1_000_000);
    let error = fetch(Arc::clone(&store), peer, member("buyer"), id(1), manifest).await.unwrap_err();
    assert!(matches!(error, ContentError::Damaged { from: SLICE_BYTES, .. }), "{error}");
    assert_eq!((store.size(manifest.root), store.fetched(manifest.root, manifest.size).unwrap()), (None, SLICE_BYTES));
}

#[tokio::test]
async fn a_fetch_goes_on_where_it_stopped_also_after_a_crash() {
    let bytes = content(3 * SLICE_BYTES as usize);
    let (_sold, peer, manifest) = peer(&bytes, |_| false, |number| number != 2);
    let (folder, store) = store(1_000_000);
    let stopped = fetch(Arc::clone(&store), peer.clone(), member("buyer"), id(1), manifest).await;
    assert!(matches!(stopped, Err(ContentError::Unreachable(_))));
    drop(store);
    // A crash has left a torn slice behind the verified ones.
    let part = folder.path().join(format!("{}.part", manifest.root));
    std::fs::OpenOptions::new().append(true).open(&part).unwrap().write_all(&[7; 100]).unwrap();
    let store = Arc::new(ContentStore::open(folder.path(), 1_000_000).unwrap());
    fetch(Arc::clone(&store), peer.clone(), member("buyer"), id(1), manifest).await.unwrap();
    assert_eq!(peer.asked.load(Ordering::SeqCst), 4, "two slices, one refused, the last");
    assert_eq!(store.size(manifest.root), Some(manifest.size));
}

#[tokio::test]
async fn what_a_crash_spoilt_is_fetched_anew() {
    let bytes = content(2 * SLICE_BYTES as usize);
    let (_sold, peer, manifest) = peer(&bytes, |_| false, |number| number != 1);
    let (folder, store) = store(1_000_000);
    assert!(fetch(Arc::clone(&store), peer.clone(), member("buyer"), id(1), manifest).await.is_err());
    damage(&folder, manifest.root, "part", 5);
    let error = fetch(Arc::clone(&store), peer.clone(), member("buyer"), id(1), manifest).await.unwrap_err();
    assert!(matches!(error, ContentError::Damaged { .. }), "{error}");
    fetch(Arc::clone(&store), peer, member("buyer"), id(1), manifest).await.unwrap();
    let mut read = Vec::new();
    store.read(manifest.root).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
}

#[test]
fn replicas_differ_and_are_decrypted_at_any_place() {
    let plain = content(10_000);
    let (one, two) = (ReplicaKey::random(), ReplicaKey::random());
    let encrypt = |key: &ReplicaKey| {
        let mut out = Vec::new();
        key.encrypting(plain.as_slice()).read_to_end(&mut out).unwrap();
        out
    };
    let (first, second) = (encrypt(&one), encrypt(&two));
    assert!(first != second && first != plain && first.len() == plain.len());
    for from in [0, 1, 63, 64, 1_024, 9_999] {
        let mut part = first[from..].to_vec();
        one.apply(from as u64, &mut part);
        assert!(part == plain[from..], "from {from}");
    }
    assert_eq!(format!("{one:?}"), "ReplicaKey", "a key does not get into a log");
}

fn record(order: u8, root: u8) -> Record {
    Record {
        order: OrderId::from_hash(Hash::from_bytes([order; 32])),
        plain: Hash::ZERO,
        manifest: manifest(Hash::from_bytes([root; 32]), 10),
        key: ReplicaKey::random(),
        height: Height::new(1),
    }
}

#[test]
fn records_survive_a_restart_and_only_the_nodes_user_reads_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let records = Records::open(folder.path()).unwrap();
    let (a, b) = (record(1, 1), record(2, 2));
    records.insert(a.clone()).unwrap();
    records.insert(b.clone()).unwrap();
    records.remove(a.order).unwrap();
    let again = Records::open(folder.path()).unwrap();
    assert_eq!((again.get(a.order), again.get(b.order)), (None, Some(b.clone())));
    let file = folder.path().join(format!("{}.record", b.order));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&file, b"nonsense").unwrap();
    assert!(matches!(Records::open(folder.path()), Err(ContentError::Record { .. })));
}

fn contract(number: u8, stage: StorageStage, manifest: Option<StorageManifest>, challenge: Option<Challenge>) -> StorageContract {
    let due = MarketTime::from_ms(9);
    StorageContract {
        id: id(number),
        buyer: member("buyer"),
        seller: member("seller"),
        bid: OrderId::from_hash(Hash::from_bytes([number; 32])),
        fills: Vec::new(),
        quantity: Quantity::new(1_000),
        months: 1,
        fee: BasisPoints::new(500),
        settlement: SettlementMethod::Credits,
        matched_at: due,
        stage,
        manifest,
        month: 1,
        trade: id(number),
        paid: Vec::new(),
        asked: 0,
        answered: 0,
        missed_in_row: 0,
        challenge,
        next_day: 0,
        next_draw: None,
        notice: None,
        due,
    }
}

#[test]
fn each_party_takes_the_steps_that_are_its_own() {
    let time = MarketTime::from_ms(5);
    let challenge = Challenge { day: 3, seed: Hash::ZERO, due: time, proved: 0 };
    let sold = manifest(Hash::from_bytes([1; 32]), 10);
    let matched = contract(1, StorageStage::Matched { until: time }, None, None);
    let announced = contract(1, StorageStage::Announced { until: time }, Some(sold), Some(challenge));
    let stored = contract(1, StorageStage::Stored { since: time }, Some(sold), None);
    let records = [record(1, 1)];
    let plan = |own: &str, contract: &StorageContract, has: bool| {
        let records = if own == "buyer" { &records[..] } else { &[] };
        steps(member(own), std::slice::from_ref(contract), records, |_| has)
    };
    let announce = Step::Announce { contract: id(1), manifest: records[0].manifest };
    assert_eq!(plan("buyer", &matched, true), [announce]);
    assert_eq!(plan("seller", &matched, true), []);
    assert_eq!(plan("buyer", &announced, true), []);
    assert_eq!(plan("seller", &announced, false), [Step::Fetch { contract: id(1), manifest: sold, from: member("buyer") }]);
    assert_eq!(plan("seller", &announced, true), [Step::Answer { contract: id(1), manifest: sold, challenge }]);
    assert_eq!(plan("seller", &stored, true), []);
    assert_eq!(steps(member("buyer"), &[matched], &[], |_| true), [], "a content of another node of the hub");
}

#[test]
fn only_what_nobody_needs_is_erased() {
    let time = MarketTime::from_ms(5);
    let root = |number: u8| Hash::from_bytes([number; 32]);
    let roots = [root(1), root(2), root(3)];
    let announced = contract(1, StorageStage::Announced { until: time }, Some(manifest(root(1), 10)), None);
    let stored = contract(1, StorageStage::Stored { since: time }, Some(manifest(root(1), 10)), None);
    let records = [record(1, 1), record(2, 2)];
    assert_eq!(needless(member("buyer"), &roots, std::slice::from_ref(&announced), &records), [root(3)]);
    assert_eq!(needless(member("buyer"), &roots, std::slice::from_ref(&stored), &records), [root(1), root(3)], "the seller has it");
    assert_eq!(needless(member("seller"), &roots, std::slice::from_ref(&stored), &[]), [root(2), root(3)]);
    assert_eq!(needless(member("seller"), &roots, &[], &[]), roots, "the contract has ended");

    let ended = |tip: u64, open: bool| ended_records(&records, std::slice::from_ref(&stored), |_| open, Height::new(tip));
    assert_eq!(ended(5_000, false), [records[1].order]);
    assert_eq!(ended(5_000, true), []);
    assert_eq!(ended(900, false), [], "its bid may still be on its way");
}
