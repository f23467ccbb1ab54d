//! A small network in memory, for the tests of all rooms: hubs with their keys, blocks on a ledger, certificates.

use leg_ledger::amount::{BasisPoints, MicroChf};
use leg_ledger::block::{Block, Body, Certificate, CommitSignature, Committee, CommitteeMember, precommit_bytes};
use leg_ledger::execute::{Executed, Ledger, ProposalFacts};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{ChainId, Height, LegId, MemberId, Nonce, OrderId, OwnerId, PlaceId, Round};
use leg_ledger::member::{Capacity, Country, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use leg_ledger::params::Params;
use leg_ledger::signature::SecretKey;
use leg_ledger::state::{
    Account, Accounts, CommitteeState, Committees, Keys, Members, Overlay, Parameters, State, Totals, TotalsTable, View,
};
use leg_ledger::time::{BlockTime, MarketClock};
use leg_ledger::transaction::{Action, SignedTransaction, TransactionBody, Verified};

/// Genesis time of the network: 2026-01-01, Unix milliseconds.
pub const ORIGIN_MS: u64 = 1_767_225_600_000;
/// What every hub starts with.
pub const OPENING: MicroChf = MicroChf::new(1_000_000_000);

/// One hub with its secret keys.
pub struct Hub {
    pub id: MemberId,
    pub operator: SecretKey,
    pub meter: SecretKey,
    pub consensus: SecretKey,
    pub network: SecretKey,
}

impl Hub {
    fn new(number: u8) -> Self {
        let key = |kind: u8| SecretKey::from_bytes(&[number * 4 + kind + 1; 32]);
        Hub {
            id: MemberId::parse(&format!("hub-{number:02}")).unwrap(),
            operator: key(0),
            meter: key(1),
            consensus: key(2),
            network: key(3),
        }
    }

    fn member(&self) -> Member {
        let place = |text: &str| PlaceId::parse(text).unwrap();
        Member {
            id: self.id,
            owner: OwnerId::parse(self.id.as_str()).unwrap(),
            name: format!("Hub {}", self.id),
            role: Role::Hub,
            status: MemberStatus::Active,
            keys: MemberKeys {
                operator: self.operator.public(),
                meter: Some(self.meter.public()),
                consensus: Some(self.consensus.public()),
                network: vec![self.network.public()],
            },
            location: Location {
                country: Country::parse("CH").unwrap(),
                canton: place("zh"),
                municipality: place("zuerich"),
                grid_operator: place("ewz"),
                transformer_circuit: place("t1"),
                leg: Some(LegId::parse("leg-1").unwrap()),
                building: place(self.id.as_str()),
            },
            capacity: Capacity {
                compute_watts: 10_000,
                storage_gb: 1_000,
                solar_peak_watts: 10_000,
                heat_factor: BasisPoints::new(9_000),
                machines: 4,
            },
            reputation: leg_ledger::reputation::WITHOUT_HISTORY,
        }
    }
}

/// The network: a committee of all its hubs.
pub struct Network {
    pub chain: ChainId,
    pub hubs: Vec<Hub>,
    pub ledger: Ledger,
    /// Of the ledger's tip.
    pub certificate: Option<Certificate>,
}

impl Network {
    /// `hubs` hubs, each with [`OPENING`].
    pub fn new(hubs: u8) -> Self {
        Network::named(b"fixture", hubs)
    }

    /// Another name is another network.
    pub fn named(name: &[u8], hubs: u8) -> Self {
        Network::build(name, hubs, hubs)
    }

    /// A network whose first `seats` hubs are the committee.
    pub fn with_committee(hubs: u8, seats: u8) -> Self {
        Network::build(b"fixture", hubs, seats)
    }

    fn build(name: &[u8], hubs: u8, seats: u8) -> Self {
        let hubs: Vec<Hub> = (0..hubs).map(Hub::new).collect();
        let chain = ChainId::from_hash(Hash::of(Domain::Genesis, name));
        let ledger = Ledger::genesis(chain, founding_state(&hubs, usize::from(seats))).unwrap();
        Network { chain, hubs, ledger, certificate: None }
    }

    /// What a chain of this network is opened with.
    pub fn founding(&self) -> crate::chain::Founding {
        crate::chain::Founding { chain: self.chain, state: founding_state(&self.hubs, self.committee().len()) }
    }

    /// A transaction of a hub that is valid in the next 100 blocks: it cancels an order that is not there.
    pub fn transaction(&self, hub: usize, nonce: u64) -> SignedTransaction {
        let body = TransactionBody {
            version: 1,
            chain: self.chain,
            signer: self.hubs[hub].id,
            role: KeyRole::Operator,
            nonce: Nonce::new(nonce),
            last_valid: self.ledger.tip().height.checked_add(100).unwrap(),
            atomic: false,
            actions: vec![Action::CancelOrder { order: OrderId::from_hash(Hash::ZERO) }],
        };
        body.sign(&self.hubs[hub].operator)
    }

    /// The block on the tip with these transactions, a second after the tip.
    pub fn block(&self, transactions: Vec<SignedTransaction>) -> Block {
        let facts = ProposalFacts {
            time: BlockTime::from_ms(self.ledger.tip().time.ms() + 1_000),
            creation_round: Round::new(0),
            proposer: self.committee().proposer(self.ledger.next_height(), Round::new(0)).unwrap().member,
            parent_certificate: self.certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
            commitments: transactions.iter().map(SignedTransaction::commitment).collect(),
        };
        let header = self.ledger.header(&facts);
        Block { header, body: Body { parent_certificate: self.certificate.clone(), transactions } }
    }

    fn committee(&self) -> &Committee {
        self.ledger.committee(self.ledger.next_height()).unwrap()
    }

    /// A certificate signed by the whole committee.
    pub fn certify(&self, block: &Block) -> Certificate {
        let (height, round) = (block.header.height, block.header.creation_round);
        let message = precommit_bytes(self.chain, height, round, Some(block.id()));
        let sign = |hub: &Hub| CommitSignature { member: hub.id, signature: hub.consensus.sign(&message) };
        Certificate::new(height, round, block.id(), self.hubs.iter().map(sign).collect())
    }

    /// The block's transactions, verified.
    pub fn verified(&self, block: &Block) -> Vec<Verified> {
        self.ledger.verify_transactions(&block.body.transactions, &|_, _| false).unwrap()
    }

    /// What executing a block yields.
    pub fn execute(&self, block: &Block) -> Executed {
        let verified = self.verified(block);
        self.ledger.check_block(block, &verified).unwrap();
        self.ledger.execute(block, verified).unwrap()
    }

    /// Makes an executed block the tip.
    pub fn advance(&mut self, executed: Executed, certificate: Certificate) {
        assert!(self.ledger.commit(executed));
        self.certificate = Some(certificate);
    }
}

/// The state at genesis of a network of these hubs, the first `seats` of which are the committee.
pub fn founding_state(hubs: &[Hub], seats: usize) -> State {
    let committee = hubs.iter().take(seats).map(|hub| CommitteeMember { member: hub.id, key: hub.consensus.public() }).collect();
    let committee = Committee::new(committee).unwrap();
    let mut state = State::default();
    let mut overlay = Overlay::new(&state);
    let clock = MarketClock { origin: BlockTime::from_ms(ORIGIN_MS), scale: 1 };
    overlay.put::<Parameters>((), Params::standard(clock));
    overlay.put::<Committees>((), CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee });
    let deposited = MicroChf::new(OPENING.get() * hubs.len() as u64);
    overlay.put::<TotalsTable>((), Totals { deposited, ..Totals::default() });
    for hub in hubs {
        let member = hub.member();
        for (role, key) in member.keys.all() {
            overlay.put::<Keys>(key, (hub.id, role));
        }
        overlay.put::<Members>(hub.id, member);
        overlay.put::<Accounts>(hub.id, Account { free: OPENING, ..Account::default() });
    }
    let changes = overlay.into_changes();
    state.apply(changes);
    assert!(state.get::<Parameters>(&()).is_some());
    state
}

/// Heights from 1 to `last`.
pub fn heights(last: u64) -> impl Iterator<Item = Height> {
    (1..=last).map(Height::new)
}

/// The keys that a hub's node runs with.
pub fn keys_of(hub: &Hub) -> crate::keys::NodeKeys {
    crate::keys::NodeKeys {
        operator: Some(hub.operator.clone()),
        meter: Some(hub.meter.clone()),
        consensus: Some(hub.consensus.clone()),
        network: hub.network.clone(),
    }
}
