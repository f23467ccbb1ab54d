//! Set-up for tests of the rooms: a network with members, orders in one line, blocks that execute one step.
//!
//! Everything starts from [`World::new`]: standard parameters, market time = block time = [`START`], one block a second.

use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::block::Signers;
use crate::execute::{BlockFacts, Context, Envelope};
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, Height, LegId, MemberId, Nonce, OwnerId, PlaceId, TransactionId};
use crate::member::{Capacity, Country, Location, Member, MemberKeys, MemberStatus, Role};
use crate::params::{Params, ProtocolVersion};
use crate::signature::SecretKey;
use crate::state::{Account, Accounts, ChangeSet, Members, Overlay, Parameters, State, TotalsTable, View};
use crate::time::{BlockTime, MarketClock, MarketTime, Slot};
use crate::transaction::{Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};

/// Midnight UTC at the start of a slot: genesis time of every test network.
pub(crate) const START: u64 = 1_749_945_600_000;

/// A state with what the next block needs.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) height: u64,
    /// Market time of the next block, ms.
    pub(crate) now: u64,
    nonce: u64,
}

/// The member id of a name.
pub(crate) fn id(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

/// The community of every hub that [`hub`] makes.
pub(crate) fn leg() -> LegId {
    LegId::parse("leg-1").unwrap()
}

/// The operator key of a member.
pub(crate) fn operator_key(name: &str) -> SecretKey {
    SecretKey::from_bytes(Hash::of(Domain::Possession, format!("operator {name}").as_bytes()).as_bytes())
}

/// The meter key of a member.
pub(crate) fn meter_key(name: &str) -> SecretKey {
    SecretKey::from_bytes(Hash::of(Domain::Possession, format!("meter {name}").as_bytes()).as_bytes())
}

/// A hub that owns itself, 10 kW, 100 GB, 40 kW peak, 4 machines, reputation 8 000, in community `leg-1`, in a building of its own.
pub(crate) fn hub(name: &str) -> Member {
    let place = |text: &str| PlaceId::parse(text).unwrap();
    Member {
        id: id(name),
        owner: OwnerId::parse(&format!("owner-{name}")).unwrap(),
        name: name.to_string(),
        role: Role::Hub,
        status: MemberStatus::Active,
        keys: MemberKeys {
            operator: operator_key(name).public(),
            meter: Some(meter_key(name).public()),
            consensus: None,
            network: Vec::new(),
        },
        location: Location {
            country: Country::parse("CH").unwrap(),
            canton: place("zh"),
            municipality: place("zurich"),
            grid_operator: place("ewz"),
            transformer_circuit: place("t1"),
            leg: Some(leg()),
            building: place(&format!("b-{name}")),
        },
        capacity: Capacity {
            compute_watts: 10_000,
            storage_gb: 100,
            solar_peak_watts: 40_000,
            heat_factor: BasisPoints::new(9_000),
            machines: 4,
        },
        reputation: BasisPoints::new(8_000),
    }
}

impl World {
    /// Standard parameters, totals, no member.
    pub(crate) fn new() -> World {
        let clock = MarketClock { origin: BlockTime::from_ms(START), scale: 1 };
        let mut world = World { state: State::default(), height: 1, now: START, nonce: 0 };
        world.edit(|overlay| {
            overlay.put::<Parameters>((), Params::standard(clock));
            overlay.put::<TotalsTable>((), Default::default());
        });
        world
    }

    /// [`World::new`] with hubs of these names, CHF 1 000 each.
    pub(crate) fn with_hubs(names: &[&str]) -> World {
        let mut world = World::new();
        for name in names {
            world.add(hub(name), 1_000_000_000);
        }
        world
    }

    /// Changes the state outside of a block.
    pub(crate) fn edit(&mut self, f: impl FnOnce(&mut Overlay<'_>)) {
        let mut overlay = Overlay::new(&self.state);
        f(&mut overlay);
        let changes = overlay.into_changes();
        self.state.apply(changes);
    }

    /// Makes a block's changes part of the state. They can be taken back to the same state, its index and sums included.
    pub(crate) fn apply(&mut self, changes: ChangeSet) {
        let before = self.state.clone();
        let undo = self.state.apply_reversibly(changes);
        let mut back = self.state.clone();
        back.take_back(&undo);
        assert_eq!(back, before, "a block that was taken back leaves nothing behind");
    }

    /// Registers a member with a deposit in micro-CHF.
    pub(crate) fn add(&mut self, member: Member, deposit: u64) {
        let id = member.id;
        self.edit(|overlay| {
            overlay.put::<Members>(id, member);
            overlay.put::<Accounts>(id, Account { free: MicroChf::new(deposit), ..Account::default() });
            let mut totals = *overlay.get::<TotalsTable>(&()).unwrap();
            totals.deposited = totals.deposited.checked_add(MicroChf::new(deposit)).unwrap();
            overlay.put::<TotalsTable>((), totals);
        });
    }

    /// Changes a registered member.
    pub(crate) fn edit_member(&mut self, name: &str, f: impl FnOnce(&mut Member)) {
        let mut member = self.state.get::<Members>(&id(name)).unwrap().clone();
        f(&mut member);
        self.edit(|overlay| overlay.put::<Members>(id(name), member));
    }

    /// Changes the parameters.
    pub(crate) fn edit_params(&mut self, f: impl FnOnce(&mut Params)) {
        let mut params = self.params();
        f(&mut params);
        self.edit(|overlay| overlay.put::<Parameters>((), params));
    }

    /// The parameters in force.
    pub(crate) fn params(&self) -> Params {
        self.state.get::<Parameters>(&()).unwrap().clone()
    }

    /// Market time of the next block.
    pub(crate) fn time(&self) -> MarketTime {
        MarketTime::from_ms(self.now)
    }

    /// The slot `ahead` slots after the present one.
    pub(crate) fn slot(&self, ahead: u64) -> Slot {
        Slot::new(self.time().slot().get() + ahead)
    }

    /// What the next block brings.
    pub(crate) fn facts(&self) -> BlockFacts {
        BlockFacts {
            height: Height::new(self.height),
            time: BlockTime::from_ms(self.now),
            market_time: self.time(),
            block: BlockId::from_hash(Hash::of(Domain::Header, &(self.height + 1).to_le_bytes())),
            proposer: id("proposer"),
            parent: BlockId::from_hash(Hash::of(Domain::Header, &self.height.to_le_bytes())),
            version: ProtocolVersion::V1,
            signers: Signers::default(),
        }
    }

    /// Executes `f` as the whole next block and keeps what it changed, whatever it returns; a second passes.
    pub(crate) fn block<R>(&mut self, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let facts = self.facts();
        let mut ctx = Context::new(Overlay::new(&self.state), facts, self.params());
        let result = f(&mut ctx);
        let changes = ctx.state.into_changes();
        self.apply(changes);
        self.height += 1;
        self.now += 1_000;
        result
    }

    /// An envelope of `name` with a fresh nonce.
    pub(crate) fn envelope(&mut self, name: &str) -> Envelope {
        self.nonce += 1;
        envelope(name, self.nonce)
    }

    /// The account of a member.
    pub(crate) fn account(&self, name: &str) -> Account {
        self.state.get::<Accounts>(&id(name)).copied().unwrap_or_default()
    }
}

/// An envelope as a transaction of its own would bring it.
pub(crate) fn envelope(name: &str, nonce: u64) -> Envelope {
    let transaction = Hash::of(Domain::Transaction, format!("{name} {nonce}").as_bytes());
    Envelope { transaction: TransactionId::from_hash(transaction), signer: id(name), nonce: Nonce::new(nonce), action: 0 }
}

/// A plain good-till-cancelled order, settled in credits.
pub(crate) fn order(side: Side, product: Product, wh: u64, limit: u64) -> PlaceOrder {
    PlaceOrder {
        side,
        product,
        quantity: Quantity::new(wh),
        limit: Price::from_micro_chf(limit),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: Pricing::Fixed,
        split: false,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    }
}

/// Compute within the 24 hours after [`START`].
pub(crate) fn day() -> Product {
    Product::Compute { from: MarketTime::from_ms(START), until: MarketTime::from_ms(START + 86_400_000) }
}

/// A compute bid within [`day`].
pub(crate) fn bid(wh: u64, limit: u64) -> PlaceOrder {
    order(Side::Bid, day(), wh, limit)
}

/// A compute ask within [`day`].
pub(crate) fn ask(wh: u64, limit: u64) -> PlaceOrder {
    order(Side::Ask, day(), wh, limit)
}
