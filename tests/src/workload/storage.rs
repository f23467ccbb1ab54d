//! Storage: orders, contents, answers to challenges, notices; right and wrong ones.

use super::generator::Workload;
use bao::encode::SliceExtractor;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::state::{State, StorageContract, StorageContracts, StorageStage, View};
use leg_ledger::storage::{CHUNK_BYTES, challenged_chunks};
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{
    Action, AnnounceManifest, ChunkProof, Constraints, PlaceOrder, Pricing, Product, ProveStorage, SettlementMethod, Side, StorageManifest,
    StorageTier, TimeInForce,
};
use rand::{Rng, RngCore};
use std::io::{Cursor, Read};

/// Bytes of contents: a part of a chunk, whole chunks, and more of them than one action proves.
const SIZES: [usize; 6] = [1, 700, 1_024, 1_025, 4_096, 21_000];
/// MB of a lot.
const GB: u64 = 1_000;
/// Chunks that one action proves.
const AT_ONCE: usize = 16;

/// An order for a few hundred GB, now and then for more than anybody can pay or keep.
pub(super) fn order(w: &mut Workload) -> PlaceOrder {
    let side = if w.rng.gen_bool(0.5) { Side::Bid } else { Side::Ask };
    let dear = if w.once_in(6) { 8 } else { 1 };
    let most = if w.once_in(15) { 20_000 } else { 500 * dear };
    let gb = w.rng.gen_range(1..=most);
    let terms = if w.once_in(20) { 0..=130 } else { 1..=3 };
    PlaceOrder {
        side,
        product: Product::Storage { months: w.rng.gen_range(terms) },
        quantity: Quantity::new(gb * GB),
        limit: Price::from_micro_chf(dear * w.rng.gen_range(40_000..=60_000)),
        time_in_force: match w.rng.gen_range(0..12) {
            0 => TimeInForce::ImmediateOrCancel,
            1 if side == Side::Bid => TimeInForce::FillOrKill,
            _ => TimeInForce::GoodTillCancelled,
        },
        min_fill: Quantity::new(if w.once_in(8) { gb / 2 * GB } else { 0 }),
        settlement: SettlementMethod::Credits.only(),
        pricing: if side == Side::Ask && w.once_in(5) { Pricing::Dynamic } else { Pricing::Fixed },
        split: side == Side::Bid && w.once_in(2),
        solar: side == Side::Ask && w.once_in(30),
        constraints: Constraints::default(),
        job: None,
    }
}

/// What a party of contracts does about them.
pub(super) fn steps(w: &mut Workload, state: &State, now: MarketTime, member: MemberId) -> Vec<Action> {
    let mut actions = Vec::new();
    for (id, contract) in state.range::<StorageContracts>(..) {
        let stranger = w.once_in(40);
        let (buys, sells) = (contract.buyer == member || stranger, contract.seller == member || stranger);
        if (buys || sells) && w.once_in(60) {
            actions.push(Action::TerminateStorage { contract: *id });
        }
        match contract.stage {
            StorageStage::Matched { .. } if buys && !w.once_in(6) => actions.push(announce(w, state, *id, contract)),
            StorageStage::Stored { .. } if buys && w.once_in(40) => actions.push(announce(w, state, *id, contract)),
            _ => {}
        }
        let open = contract.challenge.is_some_and(|c| c.due > now) || w.once_in(40);
        // One contract of four has a seller that forgets it once it is stored.
        let [first, ..] = *id.hash().as_bytes();
        let forgotten = first.is_multiple_of(4) && matches!(contract.stage, StorageStage::Stored { .. });
        if sells && open && !w.once_in(if forgotten { 1 } else { 6 }) {
            actions.extend(answers(w, *id, contract));
        }
    }
    if w.once_in(80) {
        actions.push(Action::TerminateStorage { contract: TradeId::from_hash(Hash::MAX) });
    }
    actions
}

fn announce(w: &mut Workload, state: &State, id: TradeId, contract: &StorageContract) -> Action {
    let size = SIZES[w.rng.gen_range(0..SIZES.len())];
    let mut bytes = vec![0; size];
    w.rng.fill_bytes(&mut bytes);
    let (encoded, root) = bao::encode::encode(&bytes);
    let root = Hash::from_bytes(*root.as_bytes());
    w.contents.insert(root, encoded);
    let replicas = w.rng.gen_range(1..=3);
    let size = u64::try_from(size).expect("small");
    let own = StorageManifest { root, size, tier: StorageTier::Cold, content: id.hash(), replica: w.rng.gen_range(0..replicas), replicas };
    let others: Vec<StorageManifest> =
        state.range::<StorageContracts>(..).filter(|(_, c)| c.buyer == contract.buyer).filter_map(|(_, c)| c.manifest).collect();
    let manifest = match (w.rng.gen_range(0..24), w.pick(&others)) {
        // A replica of what another contract keeps, or nearly one.
        (0..=3, Some(other)) => StorageManifest { content: other.content, replicas: other.replicas, replica: other.replica ^ 1, ..own },
        (4, Some(other)) => StorageManifest { content: other.content, ..own },
        (5, Some(other)) => other,
        (6, _) => StorageManifest { size: 0, ..own },
        (7, _) => StorageManifest { size: contract.quantity.get() * 1_000_000 + 1, ..own },
        _ => own,
    };
    Action::AnnounceManifest(AnnounceManifest { contract: id, manifest })
}

/// The open challenge's chunks, now and then damaged, forgotten or repeated.
fn answers(w: &mut Workload, id: TradeId, contract: &StorageContract) -> Vec<Action> {
    let Some((challenge, manifest)) = contract.challenge.zip(contract.manifest) else {
        return vec![Action::ProveStorage(ProveStorage { contract: id, day: contract.next_day, chunks: Vec::new() })];
    };
    let Some(encoded) = w.contents.get(&manifest.root).cloned() else { return Vec::new() };
    let numbers = challenged_chunks(challenge.seed, manifest.size, 32);
    let open = |pick: &u8| challenge.proved & (1 << pick) == 0;
    let mut chunks: Vec<ChunkProof> = (0_u8..)
        .zip(numbers)
        .filter(|(pick, _)| open(pick))
        .map(|(pick, number)| ChunkProof { pick, slice: slice(&encoded, number * CHUNK_BYTES) })
        .collect();
    match w.rng.gen_range(0..20) {
        0 => drop(chunks.pop()),
        1 => {
            let chunk = w.rng.gen_range(0..chunks.len());
            let byte = w.rng.gen_range(0..chunks[chunk].slice.len());
            chunks[chunk].slice[byte] ^= 1;
        }
        2 => chunks[0].pick = w.rng.gen_range(0..40),
        3 => chunks[0].slice.push(0),
        _ => {}
    }
    let day = if w.once_in(30) { challenge.day + 1 } else { challenge.day };
    chunks.chunks(AT_ONCE).map(|part| Action::ProveStorage(ProveStorage { contract: id, day, chunks: part.to_vec() })).collect()
}

fn slice(encoded: &[u8], from: u64) -> Vec<u8> {
    let mut slice = Vec::new();
    SliceExtractor::new(Cursor::new(encoded), from, CHUNK_BYTES).read_to_end(&mut slice).expect("the content is encoded");
    slice
}
