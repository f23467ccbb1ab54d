//! Full order books: states with many open orders and many accounts, made by the market's own rules.

use super::community::{CommunitySpec, HUBS, hub_id};
use anyhow::{Context as _, Result, bail};
use leg_genesis::Genesis;
use leg_ledger::amount::{MicroChf, Price, Quantity};
use leg_ledger::block::Signers;
use leg_ledger::execute::{BlockFacts, Context, Envelope};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{BlockId, Height, MemberId, Nonce, OwnerId, TransactionId};
use leg_ledger::market;
use leg_ledger::member::{Member, MemberKeys};
use leg_ledger::params::{Params, ProtocolVersion};
use leg_ledger::state::{Account, Accounts, ChangeSet, Members, Overlay, Parameters, State, TotalsTable, View};
use leg_ledger::time::{BlockTime, DAY_MS, MarketTime, SLOT_MS, Slot};
use leg_ledger::transaction::{Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};

/// Members or orders that are added in one step.
const CHUNK: usize = 50_000;
/// CHF 1 000 for a resident.
const RESIDENT_BALANCE: MicroChf = MicroChf::new(1_000_000_000);
/// Books of energy that are filled: the slots of the coming day.
const BOOKS: u64 = 96;
/// Lot of energy and compute, Wh; tick of their prices, micro-CHF per kWh.
const LOT: u64 = 10;
const TICK: u64 = 100;

/// A state outside of a chain.
pub struct Books {
    /// The state.
    pub state: State,
    genesis: Genesis,
    proposer: MemberId,
    params: Params,
    now: MarketTime,
    height: Height,
    placed: u64,
}

/// What an order in a book is like.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    /// Who places it.
    pub member: MemberId,
    /// Bid or ask.
    pub side: Side,
    /// What for.
    pub product: Product,
    /// Limit in percent of the base price.
    pub percent: u64,
    /// Lots.
    pub lots: u64,
}

impl Books {
    /// The community's genesis state.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(origin: BlockTime) -> Result<Self> {
        let (genesis, _) = CommunitySpec::new(4, 0, origin).build()?;
        Books::of(genesis)
    }

    /// The state of a genesis.
    ///
    /// # Errors
    /// It is not whole.
    pub fn of(genesis: Genesis) -> Result<Self> {
        let state = genesis.state();
        let params = state.get::<Parameters>(&()).context("the state has no parameters")?.clone();
        let now = MarketTime::from_ms(genesis.clock().origin.ms());
        let proposer = genesis.committee().members().first().context("the committee is empty")?.member;
        Ok(Books { state, genesis, proposer, params, now, height: Height::new(1), placed: 0 })
    }

    /// The network that it belongs to.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Energy of one of the coming day's slots.
    pub fn energy(&self, book: u64) -> Product {
        Product::Energy { slot: Slot::new(self.now.slot().get() + 2 + book % BOOKS) }
    }

    /// Compute within the coming day.
    pub fn compute(&self) -> Product {
        let from = MarketTime::from_ms((self.now.slot().get() + 2) * SLOT_MS);
        Product::Compute { from, until: MarketTime::from_ms(from.ms() + DAY_MS) }
    }

    /// What a block at this state would bring.
    pub fn facts(&self) -> BlockFacts {
        BlockFacts {
            height: self.height,
            time: BlockTime::from_ms(self.now.ms()),
            market_time: self.now,
            parent: BlockId::from_hash(self.genesis.chain_id().hash()),
            block: BlockId::from_hash(Hash::ZERO),
            proposer: self.proposer,
            signers: Signers::default(),
            version: ProtocolVersion::V1,
        }
    }

    /// Makes a block's changes part of the state; the next one has the next height.
    pub fn commit(&mut self, changes: ChangeSet) {
        self.state.apply(changes);
        self.height = self.height.next().unwrap_or(self.height);
    }

    /// A block's context on this state.
    pub fn context(&self) -> Context<'_> {
        Context::new(Overlay::new(&self.state), self.facts(), self.params.clone())
    }

    /// Registers residents, like the first hub in all but id, owner and keys, with a deposit each.
    ///
    /// # Errors
    /// The names or the sums do not fit.
    pub fn add_residents(&mut self, numbers: std::ops::Range<usize>) -> Result<()> {
        let first = self.state.get::<Members>(&hub_id(0)?).context("the community has a hub")?.clone();
        let numbers: Vec<usize> = numbers.collect();
        for chunk in numbers.chunks(CHUNK) {
            let mut overlay = Overlay::new(&self.state);
            let mut totals = *overlay.get::<TotalsTable>(&()).context("the state has no totals")?;
            for number in chunk {
                let member = resident(&first, *number)?;
                overlay.put::<Accounts>(member.id, Account { free: RESIDENT_BALANCE, ..Account::default() });
                overlay.put::<Members>(member.id, member);
                totals.deposited = totals.deposited.checked_add(RESIDENT_BALANCE).context("the deposits overflow")?;
            }
            overlay.put::<TotalsTable>((), totals);
            let changes = overlay.into_changes();
            self.state.apply(changes);
        }
        Ok(())
    }

    /// Places orders by the market's rules; their books are not cleared.
    ///
    /// # Errors
    /// The rules reject one.
    pub fn place(&mut self, quotes: &[Quote]) -> Result<()> {
        for chunk in quotes.chunks(CHUNK) {
            let mut ctx = self.context();
            for (number, quote) in (self.placed..).zip(chunk) {
                let env = Envelope {
                    transaction: TransactionId::from_hash(Hash::of(Domain::Transaction, &number.to_le_bytes())),
                    signer: quote.member,
                    nonce: Nonce::new(number),
                    action: 0,
                };
                if let Err(code) = market::place(&mut ctx, &env, &quote.order()) {
                    bail!("an order of the benchmark was rejected: {}", code.name());
                }
            }
            let changes = ctx.state.into_changes();
            self.state.apply(changes);
            self.placed += chunk.len() as u64;
        }
        Ok(())
    }
}

impl Quote {
    fn order(&self) -> PlaceOrder {
        let base = if matches!(self.product, Product::Energy { .. }) { 180_000 } else { 150_000 };
        PlaceOrder {
            side: self.side,
            product: self.product,
            quantity: Quantity::new(self.lots * LOT),
            limit: Price::from_micro_chf(base * self.percent / 100 / TICK * TICK),
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
}

/// Id of a resident.
///
/// # Errors
/// Never for a number below 10^12.
pub fn resident_id(number: usize) -> Result<MemberId> {
    let name = format!("resident-{number:07}");
    MemberId::parse(&name).with_context(|| format!("{name} is no name"))
}

fn resident(like: &Member, number: usize) -> Result<Member> {
    let owner = format!("owner-{number:07}");
    let key = |role: &str| {
        let bytes = Hash::of(Domain::Possession, format!("{role} {number}").as_bytes());
        leg_ledger::signature::PublicKey::from_bytes(*bytes.as_bytes())
    };
    Ok(Member {
        id: resident_id(number)?,
        owner: OwnerId::parse(&owner).with_context(|| format!("{owner} is no name"))?,
        // Nobody signs with them here.
        keys: MemberKeys { operator: key("operator"), meter: None, consensus: None, network: Vec::new() },
        ..like.clone()
    })
}

/// Who places the `number`th order of a book in which all hubs trade: the even ones bid.
///
/// # Errors
/// Never.
pub fn trader(number: usize) -> Result<(MemberId, Side)> {
    let hub = number % HUBS;
    Ok((hub_id(hub)?, if hub.is_multiple_of(2) { Side::Bid } else { Side::Ask }))
}
