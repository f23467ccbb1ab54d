//! Each refused step with its code; a refused step changes nothing.

use super::world::*;
use crate::execute::Context;
use crate::hash::Hash;
use crate::ids::TradeId;
use crate::market;
use crate::receipt::Code;
use crate::state::Overlay;
use crate::storage;
use crate::testing::order;
use crate::time::DAY_MS;
use crate::transaction::{AnnounceManifest, ChunkProof, Pricing, Product, ProveStorage, Side, StorageManifest};

const GB: u64 = 1_000;
/// Larger than the chunks of a challenge, so that all its picks may differ.
const BYTES: usize = 300_000;

type Step = fn(&mut World, TradeId) -> Code;

fn unknown() -> TradeId {
    TradeId::from_hash(Hash::MAX)
}

fn bytes() -> Vec<u8> {
    content(BYTES)
}

fn announce(world: &mut World, id: TradeId, change: impl FnOnce(&mut StorageManifest)) -> Code {
    let mut manifest = manifest(&bytes());
    change(&mut manifest);
    world.announce("buyer", id, manifest)
}

fn proof(world: &mut World, id: TradeId, change: impl FnOnce(&mut ProveStorage)) -> Code {
    let mut proof = world.proofs(id, &bytes()).swap_remove(0);
    change(&mut proof);
    world.prove("seller", &proof)
}

fn nothing(contract: TradeId) -> ProveStorage {
    ProveStorage { contract, day: 0, chunks: vec![ChunkProof { pick: 0, slice: Vec::new() }] }
}

fn check(name: &str, world: &mut World, id: TradeId, step: Step, want: Code) {
    let (state, events) = (world.state().clone(), world.events.len());
    assert_eq!(step(world, id), want, "{name}");
    if want != Code::Ok {
        assert!(*world.state() == state && world.events.len() == events, "{name}: a refused step changes nothing");
    }
}

#[test]
fn a_matched_contract_has_its_codes() {
    let table: [(&str, Step, Code); 20] = [
        ("announce", |w, id| announce(w, id, |_| {}), Code::Ok),
        ("announce for nothing", |w, _| announce(w, unknown(), |_| {}), Code::UnknownContract),
        ("announce by the seller", |w, id| w.announce("seller", id, manifest(&bytes())), Code::NotParty),
        ("empty content", |w, id| announce(w, id, |m| m.size = 0), Code::BadManifest),
        ("no replica", |w, id| announce(w, id, |m| m.replicas = 0), Code::BadManifest),
        ("replica beyond their number", |w, id| announce(w, id, |m| m.replica = 1), Code::BadManifest),
        ("too many replicas", |w, id| announce(w, id, |m| m.replicas = 9), Code::BadManifest),
        ("all of the room", |w, id| announce(w, id, |m| m.size = 1_000_000_000), Code::Ok),
        ("a byte too many", |w, id| announce(w, id, |m| m.size = 1_000_000_001), Code::ManifestTooLarge),
        ("prove", |w, id| w.prove("seller", &nothing(id)), Code::NoChallenge),
        ("prove by the buyer", |w, id| w.prove("buyer", &nothing(id)), Code::NotParty),
        ("prove nothing", |w, _| w.prove("seller", &nothing(unknown())), Code::UnknownContract),
        ("terminate nothing", |w, _| w.terminate("buyer", unknown()), Code::UnknownContract),
        ("terminate by a third", |w, id| w.terminate("other", id), Code::NotParty),
        ("terminate by the buyer", |w, id| w.terminate("buyer", id), Code::Ok),
        ("terminate by the seller", |w, id| w.terminate("seller", id), Code::Ok),
        ("start of its month", |w, id| step_of_trade(w, id, "seller", 0), Code::WrongState),
        ("cancel of its month", |w, id| step_of_trade(w, id, "seller", 1), Code::WrongState),
        ("confirm of its month", |w, id| step_of_trade(w, id, "buyer", 2), Code::WrongState),
        ("completion of its month", |w, id| step_of_trade(w, id, "seller", 3), Code::WrongState),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        let id = world.matched("seller", GB, 12);
        check(name, &mut world, id, step, want);
    }
}

/// The steps of [`crate::trade`] on a month's trade.
fn step_of_trade(world: &mut World, id: TradeId, party: &str, step: u8) -> Code {
    let envelope = world.envelope(party);
    let done = crate::transaction::CompleteTrade { trade: id, delivered: vec![], heat: vec![], readings: vec![], result: None };
    world.act(|ctx| match step {
        0 => crate::trade::start(ctx, &envelope, id),
        1 => crate::trade::cancel(ctx, &envelope, id),
        2 => crate::trade::confirm(ctx, &envelope, id),
        _ => crate::trade::complete(ctx, &envelope, &done),
    })
}

#[test]
fn an_announced_contract_has_its_codes() {
    let table: [(&str, Step, Code); 17] = [
        ("announce again", |w, id| announce(w, id, |_| {}), Code::ManifestKnown),
        ("half a proof", |w, id| proof(w, id, |_| {}), Code::Ok),
        ("by the buyer", proof_by_the_buyer, Code::NotParty),
        ("another day", |w, id| proof(w, id, |p| p.day = 1), Code::NoChallenge),
        ("no chunk", |w, id| proof(w, id, |p| p.chunks.clear()), Code::BadChunk),
        ("too many chunks", |w, id| proof(w, id, |p| p.chunks.extend_from_within(..1)), Code::BadChunk),
        ("a chunk twice", |w, id| proof(w, id, |p| p.chunks[1] = p.chunks[0].clone()), Code::BadChunk),
        ("a chunk that was not asked for", |w, id| proof(w, id, |p| p.chunks[0].pick = 32), Code::BadChunk),
        ("the same half again", |w, id| (proof(w, id, |_| {}), proof_of(w, id)).1, Code::BadChunk),
        ("another chunk", |w, id| proof(w, id, |p| p.chunks[0].pick = p.chunks[1].pick), Code::BadProof),
        ("no slice", |w, id| proof(w, id, |p| p.chunks[0].slice.clear()), Code::BadProof),
        ("a cut slice", |w, id| proof(w, id, |p| p.chunks[0].slice.truncate(1_500)), Code::BadProof),
        ("a byte after the slice", |w, id| proof(w, id, |p| p.chunks[0].slice.push(0)), Code::BadProof),
        ("another length", |w, id| proof(w, id, |p| p.chunks[0].slice[0] ^= 1), Code::BadProof),
        ("terminate by a third", |w, id| w.terminate("proposer", id), Code::NotParty),
        ("terminate", |w, id| w.terminate("seller", id), Code::Ok),
        ("all of it", |w, id| (w.answer(id, &bytes()), Code::Ok).1, Code::Ok),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        let id = world.announced("seller", GB, 12, &bytes());
        if name == "the same half again" {
            assert_eq!(step(&mut world, id), want, "{name}");
            continue;
        }
        check(name, &mut world, id, step, want);
    }
}

fn proof_by_the_buyer(world: &mut World, id: TradeId) -> Code {
    let proof = world.proofs(id, &bytes()).swap_remove(0);
    world.prove("buyer", &proof)
}

/// The first half of the answer once more.
fn proof_of(world: &mut World, id: TradeId) -> Code {
    proof(world, id, |_| {})
}

#[test]
fn a_stored_contract_has_its_codes() {
    let table: [(&str, Step, Code); 6] = [
        ("announce", |w, id| announce(w, id, |_| {}), Code::ManifestKnown),
        ("nothing is asked", |w, id| w.prove("seller", &nothing(id)), Code::NoChallenge),
        ("notice", |w, id| w.terminate("buyer", id), Code::Ok),
        ("notice by a third", |w, id| w.terminate("other", id), Code::NotParty),
        ("notice twice", |w, id| (w.terminate("seller", id), w.terminate("buyer", id)).1, Code::NoticeGiven),
        ("a day's proof", |w, id| (next_day(w, id), w.answer(id, &bytes()), Code::Ok).2, Code::Ok),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        let id = world.stored(GB, 12, &bytes());
        if name == "notice twice" {
            assert_eq!(step(&mut world, id), want, "{name}");
            continue;
        }
        check(name, &mut world, id, step, want);
    }
}

fn next_day(world: &mut World, id: TradeId) {
    world.at(world.contract(id).due);
    world.pass();
}

/// A block whose timers have not run: more were due than it may run.
fn late(world: &World, step: impl FnOnce(&mut Context<'_>) -> Result<(), Code>) -> Result<(), Code> {
    step(&mut Context::new(Overlay::new(world.state()), world.base.facts(), world.base.params()))
}

#[test]
fn what_comes_at_its_deadline_is_late_although_the_timer_has_not_run() {
    let mut world = World::new();
    let matched = world.matched("seller", GB, 12);
    let id = world.announced("other", GB, 12, &bytes());
    let proof = world.proofs(id, &bytes()).swap_remove(0);
    world.wait_ms(3 * DAY_MS);
    let (buyer, other) = (world.envelope("buyer"), world.envelope("other"));
    let announced = AnnounceManifest { contract: matched, manifest: manifest(&bytes()) };
    assert_eq!(late(&world, |ctx| storage::announce(ctx, &buyer, &announced)), Err(Code::TooLate));
    assert_eq!(late(&world, |ctx| storage::terminate(ctx, &buyer, matched)), Err(Code::TooLate));
    assert_eq!(late(&world, |ctx| storage::prove(ctx, &other, &proof)), Err(Code::TooLate));
}

#[test]
fn replicas_of_one_content_differ_in_owner_number_and_root() {
    let bytes = bytes();
    let first = StorageManifest { replicas: 2, ..manifest(&bytes) };
    let second = StorageManifest { root: Hash::MAX, replica: 1, ..first };
    let table: [(&str, &str, StorageManifest, Code); 6] = [
        ("another owner", "other", second, Code::Ok),
        ("the same owner", "seller", second, Code::ReplicaClash),
        ("the same number", "other", StorageManifest { replica: 0, ..second }, Code::ReplicaClash),
        ("the same root", "other", StorageManifest { root: first.root, ..second }, Code::ReplicaClash),
        ("another total", "other", StorageManifest { replicas: 3, ..second }, Code::ReplicaClash),
        ("another content", "seller", StorageManifest { content: Hash::MAX, ..first }, Code::Ok),
    ];
    for (name, seller, manifest, want) in table {
        let mut world = World::new();
        let one = world.matched("seller", GB, 12);
        let two = world.matched(seller, GB, 12);
        assert_eq!(world.announce("buyer", one, first), Code::Ok);
        assert_eq!(world.announce("buyer", two, manifest), want, "{name}");
    }
}

#[test]
fn storage_orders_have_their_codes() {
    let table: [(&str, Side, u64, u32, u64, Code); 11] = [
        ("seller", Side::Ask, 2 * TB, 12, PRICE, Code::Ok),
        ("seller", Side::Ask, 2 * TB + GB, 12, PRICE, Code::InsufficientCapacity),
        ("buyer", Side::Bid, GB, 0, PRICE, Code::BadWindow),
        ("buyer", Side::Bid, GB, 121, PRICE, Code::BadWindow),
        ("buyer", Side::Bid, GB, 120, PRICE, Code::Ok),
        ("buyer", Side::Bid, GB + 1, 12, PRICE, Code::BadQuantity),
        ("buyer", Side::Bid, GB, 12, PRICE * 10 + 1, Code::PriceCollar),
        ("buyer", Side::Bid, GB, 12, PRICE / 10, Code::Ok),
        ("buyer", Side::Ask, GB, 12, PRICE, Code::WrongRole),
        ("buyer", Side::Bid, 300 * TB, 12, PRICE, Code::InsufficientFunds),
        ("buyer", Side::Bid, 200 * TB, 120, PRICE, Code::Ok),
    ];
    for (name, side, mb, months, limit, want) in table {
        assert_eq!(World::new().place(name, side, mb, months, limit), want, "{name} {side:?} {mb} {months} {limit}");
    }
    let mut world = World::new();
    let mut solar = order(Side::Ask, Product::Storage { months: 1 }, GB, PRICE);
    solar.solar = true;
    let envelope = world.envelope("seller");
    assert_eq!(world.act(|ctx| market::place(ctx, &envelope, &solar).map(drop)), Code::BadPricing);
    let dynamic = crate::transaction::PlaceOrder { solar: false, pricing: Pricing::Dynamic, ..solar };
    assert_eq!(world.act(|ctx| market::place(ctx, &envelope, &dynamic).map(drop)), Code::Ok);
}

#[test]
fn open_asks_and_contracts_share_the_certified_storage() {
    let mut world = World::new();
    world.matched("seller", TB, 12);
    assert_eq!(world.place("seller", Side::Ask, TB + GB, 12, PRICE), Code::InsufficientCapacity);
    assert_eq!(world.place("seller", Side::Ask, TB - GB, 12, PRICE), Code::Ok);
    assert_eq!(world.place("seller", Side::Ask, 2 * GB, 12, PRICE), Code::InsufficientCapacity);
    assert_eq!(world.place("seller", Side::Ask, GB, 12, PRICE), Code::Ok);
}
