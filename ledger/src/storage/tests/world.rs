//! Two hubs that sell storage, a customer, and a hub that proposes blocks.

use crate::amount::MicroChf;
use crate::block::{Committee, CommitteeMember};
use crate::execute::{Context, Envelope, HistoryRecord, invariants};
use crate::hash::{Domain, Hash};
use crate::ids::{MemberId, OwnerId, TradeId};
use crate::market;
use crate::member::{Member, Role};
use crate::receipt::{Code, Event, Settlement};
use crate::state::{
    Account, CommitteeState, Committees, IndexKey, Overlay, State, StorageContract, StorageContracts, StorageEnd, StorageStage, TimerId,
    Totals, TotalsTable, Trades, View,
};
use crate::storage;
use crate::testing::{self, hub, id, order};
use crate::time::MarketTime;
use crate::transaction::{AnnounceManifest, ChunkProof, Product, ProveStorage, Side, StorageManifest, StorageTier};
use std::io::{Cursor, Read};

/// What every member starts with, micro-CHF.
pub(super) const FUNDS: u64 = 10_000_000_000;
/// 1 000 GB in MB.
pub(super) const TB: u64 = 1_000_000;
/// CHF 0.05 per GB-month.
pub(super) const PRICE: u64 = 50_000;

pub(super) struct World {
    pub base: testing::World,
    pub proposer: MemberId,
    pub events: Vec<Event>,
    pub finished: Vec<HistoryRecord>,
}

/// Bytes that differ from chunk to chunk.
pub(super) fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(b"content").finalize_xof().fill(&mut bytes);
    bytes
}

/// The Bao slice of one chunk.
pub(super) fn slice(content: &[u8], chunk: u64) -> Vec<u8> {
    let (encoded, _) = bao::encode::encode(content);
    let mut out = Vec::new();
    bao::encode::SliceExtractor::new(Cursor::new(encoded), chunk * 1_024, 1_024).read_to_end(&mut out).unwrap();
    out
}

pub(super) fn manifest(content: &[u8]) -> StorageManifest {
    StorageManifest {
        root: Hash::from_bytes(*blake3::hash(content).as_bytes()),
        size: content.len() as u64,
        tier: StorageTier::Cold,
        content: Hash::of(Domain::Possession, b"group"),
        replica: 0,
        replicas: 1,
    }
}

impl World {
    pub fn new() -> World {
        let mut base = testing::World::with_hubs(&[]);
        for name in ["seller", "other", "proposer"] {
            let mut member = hub(name);
            member.capacity.storage_gb = 2_000;
            base.add(member, FUNDS);
        }
        // A second hub of the seller's owner.
        base.add(Member { owner: OwnerId::parse("owner-seller").unwrap(), ..hub("sister") }, FUNDS);
        let mut buyer = hub("buyer");
        buyer.role = Role::Customer;
        buyer.keys.meter = None;
        base.add(buyer, FUNDS);
        base.edit(|overlay| {
            let key = crate::testing::operator_key("consensus").public();
            let one = Committee::new(vec![CommitteeMember { member: id("proposer"), key }]).unwrap();
            overlay.put::<Committees>((), CommitteeState { previous: one.clone(), current: one.clone(), next: one });
        });
        World { base, proposer: id("proposer"), events: Vec::new(), finished: Vec::new() }
    }

    pub fn state(&self) -> &State {
        &self.base.state
    }

    pub fn now(&self) -> MarketTime {
        self.base.time()
    }

    pub fn at(&mut self, time: MarketTime) {
        self.base.now = time.ms();
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.base.now += ms;
    }

    /// One block: due timers, then `f`, then the auctions. No time passes.
    pub fn block<R>(&mut self, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut facts = self.base.facts();
        facts.proposer = self.proposer;
        let mut ctx = Context::new(Overlay::new(&self.base.state), facts, self.base.params());
        let now = facts.market_time;
        let due: Vec<IndexKey> = ctx.state.index(..).take_while(|key| matches!(key, IndexKey::Timer { due, .. } if *due <= now)).collect();
        for key in due {
            match key {
                IndexKey::Timer { id: TimerId::Storage(contract), .. } => storage::on_due(&mut ctx, contract).unwrap(),
                IndexKey::Timer { id: TimerId::Order(order), .. } => market::expire_order(&mut ctx, order).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        let result = f(&mut ctx);
        market::run_auctions(&mut ctx).unwrap();
        invariants::check_changes(&ctx.state).unwrap();
        self.events.append(&mut ctx.events);
        self.finished.append(&mut ctx.finished);
        let changes = ctx.state.into_changes();
        self.base.apply(changes);
        self.base.height += 1;
        self.check();
        result
    }

    /// A block without transactions.
    pub fn pass(&mut self) {
        self.block(|_| {});
    }

    pub fn act(&mut self, f: impl FnOnce(&mut Context<'_>) -> Result<(), Code>) -> Code {
        match self.block(|ctx| ctx.attempt(f)) {
            Ok(()) => Code::Ok,
            Err(code) => code,
        }
    }

    pub fn envelope(&mut self, name: &str) -> Envelope {
        self.base.envelope(name)
    }

    /// Places an order of `mb` for `months` at `limit`.
    pub fn place(&mut self, name: &str, side: Side, mb: u64, months: u32, limit: u64) -> Code {
        let envelope = self.envelope(name);
        self.act(|ctx| market::place(ctx, &envelope, &order(side, Product::Storage { months }, mb, limit)).map(drop))
    }

    /// A contract of the buyer with the seller.
    pub fn matched(&mut self, seller: &str, mb: u64, months: u32) -> TradeId {
        assert_eq!(self.place(seller, Side::Ask, mb, months, PRICE), Code::Ok);
        assert_eq!(self.place("buyer", Side::Bid, mb, months, PRICE), Code::Ok);
        let Some(Event::StorageMonth { contract, month: 1, .. }) =
            self.events.iter().rev().find(|e| matches!(e, Event::StorageMonth { .. }))
        else {
            panic!("no contract")
        };
        *contract
    }

    /// A contract whose content is announced and challenged.
    pub fn announced(&mut self, seller: &str, mb: u64, months: u32, content: &[u8]) -> TradeId {
        let id = self.matched(seller, mb, months);
        assert_eq!(self.announce("buyer", id, manifest(content)), Code::Ok);
        self.pass();
        id
    }

    /// A contract whose months run.
    pub fn stored(&mut self, mb: u64, months: u32, content: &[u8]) -> TradeId {
        let id = self.announced("seller", mb, months, content);
        self.answer(id, content);
        id
    }

    pub fn announce(&mut self, name: &str, contract: TradeId, manifest: StorageManifest) -> Code {
        let envelope = self.envelope(name);
        self.act(|ctx| storage::announce(ctx, &envelope, &AnnounceManifest { contract, manifest }))
    }

    pub fn prove(&mut self, name: &str, proof: &ProveStorage) -> Code {
        let envelope = self.envelope(name);
        self.act(|ctx| storage::prove(ctx, &envelope, proof))
    }

    pub fn terminate(&mut self, name: &str, contract: TradeId) -> Code {
        let envelope = self.envelope(name);
        self.act(|ctx| storage::terminate(ctx, &envelope, contract))
    }

    /// The whole answer to the open challenge, in actions of at most 16 chunks.
    pub fn proofs(&self, contract: TradeId, content: &[u8]) -> Vec<ProveStorage> {
        let open = self.contract(contract);
        let (challenge, size) = (open.challenge.unwrap(), open.manifest.unwrap().size);
        let asked = storage::challenged_chunks(challenge.seed, size, self.base.params().storage.challenge_chunks);
        let chunks: Vec<ChunkProof> =
            asked.iter().enumerate().map(|(pick, chunk)| ChunkProof { pick: pick as u8, slice: slice(content, *chunk) }).collect();
        chunks.chunks(16).map(|chunks| ProveStorage { contract, day: challenge.day, chunks: chunks.to_vec() }).collect()
    }

    /// Answers the open challenge.
    pub fn answer(&mut self, contract: TradeId, content: &[u8]) {
        for proof in self.proofs(contract, content) {
            assert_eq!(self.prove("seller", &proof), Code::Ok);
        }
    }

    /// Lives through the days of a contract until it has ended or `months` are paid; `answers` says which days are answered.
    pub fn live(&mut self, contract: TradeId, months: usize, content: &[u8], answers: impl Fn(u32) -> bool) {
        for _ in 0..10_000 {
            let Some(open) = self.find(contract) else { return };
            if open.paid.len() >= months {
                return;
            }
            match open.challenge {
                Some(challenge) if answers(challenge.day) => self.answer(contract, content),
                _ => {
                    self.at(open.due.max(self.now()));
                    self.pass();
                }
            }
        }
        panic!("the contract goes on for ever");
    }

    pub fn find(&self, contract: TradeId) -> Option<StorageContract> {
        self.state().get::<StorageContracts>(&contract).cloned()
    }

    pub fn contract(&self, contract: TradeId) -> StorageContract {
        self.find(contract).unwrap()
    }

    pub fn account(&self, name: &str) -> Account {
        self.base.account(name)
    }

    pub fn totals(&self) -> Totals {
        *self.state().get::<TotalsTable>(&()).unwrap()
    }

    /// How the contract ended, as the history log tells it.
    pub fn end(&self, contract: TradeId) -> Option<StorageEnd> {
        self.finished.iter().find_map(|record| match record {
            HistoryRecord::Storage { contract: c, end, .. } if c.id == contract => Some(*end),
            _ => None,
        })
    }

    /// Settlements of the contract's months, in order.
    pub fn settlements(&self) -> Vec<Settlement> {
        let settled = |record: &HistoryRecord| match record {
            HistoryRecord::Settled { settlement, .. } => Some(*settlement),
            _ => None,
        };
        self.finished.iter().filter_map(settled).collect()
    }

    /// What must hold after every block.
    fn check(&self) {
        invariants::check_state(self.state()).unwrap();
        for name in ["buyer", "seller", "other"] {
            let open = |escrow: bool| -> u64 {
                let trades = self.state().range::<Trades>(..).filter(|(_, t)| t.buyer == id(name));
                let orders = market::open_orders_of(self.state(), id(name));
                if escrow { trades.map(|(_, t)| t.escrow.get()).sum() } else { orders.iter().map(|o| o.reserved.get()).sum() }
            };
            let account = self.account(name);
            assert_eq!(account.escrow, MicroChf::new(open(true)), "escrow of {name} is that of its open months");
            assert_eq!(account.reserved, MicroChf::new(open(false)), "reservations of {name} are those of its bids");
            let certified = self.base.state.get::<crate::state::Members>(&id(name)).unwrap().capacity.storage_gb * 1_000;
            assert!(storage::held(self.state(), id(name), true).0.get() <= certified, "{name} owes more than it has");
        }
        for (id, contract) in self.state().range::<StorageContracts>(..) {
            let trade = self.state().get::<Trades>(&contract.trade);
            assert!(trade.is_some_and(|t| t.quantity == contract.quantity), "contract {id} has a running month");
            assert!(contract.answered <= contract.asked && contract.month <= contract.months);
            assert_eq!(matches!(contract.stage, StorageStage::Matched { .. }), contract.manifest.is_none());
        }
        assert_eq!(&State::load(self.state().entries()).unwrap(), self.state(), "the index is what the entries make of it");
    }
}
