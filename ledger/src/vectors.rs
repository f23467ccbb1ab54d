//! Frozen vectors: the bytes and hashes of one example of everything that is hashed, signed or stored. A change of any byte fails here.

use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::block::{Block, Body, Certificate, CommitSignature, Committee, CommitteeMember, Header, precommit_bytes};
use crate::codec::{self, encode};
use crate::execute::HistoryRecord;
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, ChainId, Height, LegId, MemberId, Nonce, OrderId, OwnerId, PlaceId, ProposalId, Round, TradeId, TransactionId};
use crate::member::{Capacity, Country, DistanceTier, KeyRole, Location, MemberStatus, Role};
use crate::params::{Parameter, Params, PriceRule, ProtocolVersion};
use crate::receipt::{Code, Event, OrderEnd, Receipt};
use crate::signature::SecretKey;
use crate::state::{Account, Accounts, StateEntry, Table};
use crate::time::{BlockTime, MarketClock, MarketTime, Slot};
use crate::transaction::{
    Action, AnnounceManifest, Change, ChunkProof, CompleteTrade, Constraints, HeatPart, HeatPurpose, HeatSelection, KeyChange, NewMember,
    PlaceOrder, Pricing, Product, Propose, ProveStorage, ProvenKey, Reading, ReadingQuality, ReplaceOrder, Resource, RetireHeat, RotateKey,
    SettlementMethod, Side, SignedTransaction, StorageManifest, StorageTier, TimeInForce, TransactionBody, Vote,
};
use std::collections::BTreeMap;

const FROZEN: &str = include_str!("../vectors/v1.json");

fn hash(name: &str) -> Hash {
    Hash::of(Domain::Genesis, name.as_bytes())
}

fn secret() -> SecretKey {
    SecretKey::from_bytes(&[42; 32])
}

fn member() -> MemberId {
    MemberId::parse("hub-01").unwrap()
}

fn place() -> PlaceOrder {
    PlaceOrder {
        side: Side::Bid,
        product: Product::Compute { from: MarketTime::from_ms(900_000), until: MarketTime::from_ms(1_800_000) },
        quantity: Quantity::new(10_000),
        limit: Price::from_micro_chf(200_000),
        time_in_force: TimeInForce::GoodTillTime(MarketTime::from_ms(1_700_000)),
        min_fill: Quantity::new(10),
        settlement: [SettlementMethod::Credits, SettlementMethod::Chf].into_iter().collect(),
        pricing: Pricing::Fixed,
        split: true,
        solar: false,
        constraints: Constraints {
            hub: Some(member()),
            require_hub: true,
            min_reputation: Some(BasisPoints::new(5_000)),
            max_distance: Some(DistanceTier::Canton),
            country: Country::parse("CH"),
        },
        job: Some(hash("job")),
    }
}

fn reading() -> Reading {
    Reading {
        register: Resource::Compute,
        sequence: 3,
        slot: Slot::new(7),
        register_wh: Quantity::new(1_234),
        quality: ReadingQuality::Measured,
    }
}

fn manifest() -> StorageManifest {
    StorageManifest { root: hash("root"), size: 5_000, tier: StorageTier::Cold, content: hash("content"), replica: 1, replicas: 2 }
}

fn operator_actions() -> Vec<Action> {
    let order = OrderId::from_hash(hash("order"));
    let trade = TradeId::from_hash(hash("trade"));
    let leg = LegId::parse("leg-1").unwrap();
    let zone = PlaceId::parse("zh").unwrap();
    vec![
        Action::PlaceOrder(place()),
        Action::PlaceOrder(PlaceOrder { product: Product::Energy { slot: Slot::new(9) }, side: Side::Ask, ..place() }),
        Action::CancelOrder { order },
        Action::ReplaceOrder(ReplaceOrder { order, quantity: Quantity::new(20), limit: Price::from_micro_chf(300) }),
        Action::StartTrade { trade },
        Action::ConfirmTrade { trade },
        Action::CancelTrade { trade },
        Action::ReportExchange { leg, slot: Slot::new(9), energy: Quantity::new(500) },
        Action::ForecastSolar { slots: vec![(Slot::new(9), Quantity::new(400))] },
        Action::RotateKey(RotateKey { role: KeyRole::Meter, key: secret().public(), possession: secret().sign(b"possession") }),
        Action::HaltMarket { resource: Resource::Energy },
        Action::AnnounceManifest(AnnounceManifest { contract: trade, manifest: manifest() }),
        Action::ProveStorage(ProveStorage { contract: trade, day: 3, chunks: vec![ChunkProof { pick: 2, slice: vec![1, 2, 3] }] }),
        Action::TerminateStorage { contract: trade },
        Action::TransferHeat { to: member(), heat: HeatSelection::Earliest(Quantity::new(700)) },
        Action::RetireHeat(RetireHeat {
            heat: HeatSelection::Parts(vec![HeatPart { producer: member(), slot: Slot::new(7), trade, quantity: Quantity::new(300) }]),
            used_by: member(),
            purpose: HeatPurpose::SpaceHeating,
            document: Some(hash("document")),
        }),
        Action::ReportSolar { zone, slots: vec![(Slot::new(9), Quantity::new(40_000))] },
        Action::ReportGridLevel { zone, levels: vec![(Slot::new(9), -1)] },
    ]
}

fn governance_actions() -> Vec<Action> {
    let proven = ProvenKey { key: secret().public(), possession: secret().sign(b"possession") };
    let location = Location {
        country: Country::parse("CH").unwrap(),
        canton: PlaceId::parse("zh").unwrap(),
        municipality: PlaceId::parse("zurich").unwrap(),
        grid_operator: PlaceId::parse("ewz").unwrap(),
        transformer_circuit: PlaceId::parse("t1").unwrap(),
        leg: LegId::parse("leg-1"),
        building: PlaceId::parse("b1").unwrap(),
    };
    let capacity =
        Capacity { compute_watts: 5_000, storage_gb: 10, solar_peak_watts: 0, heat_factor: BasisPoints::new(9_000), machines: 2 };
    let member_id = member();
    let new = NewMember {
        id: member_id,
        owner: OwnerId::parse("owner-1").unwrap(),
        name: "A new hub".to_owned(),
        role: Role::Hub,
        location: location.clone(),
        capacity,
        operator: proven,
        meter: Some(proven),
        consensus: None,
        network: vec![proven],
    };
    let keys = KeyChange { member: member_id, operator: None, meter: None, consensus: Some(proven), network: Some(vec![proven]) };
    let changes = vec![
        Change::Parameter { parameter: Parameter::Fee, value: 300 },
        Change::BasePrice { resource: Resource::Heat, base: Price::from_micro_chf(90_000) },
        Change::PriceRule { resource: Resource::Compute, rule: PriceRule::Uniform },
        Change::Join(Box::new(new)),
        Change::Status { member: member_id, status: MemberStatus::Suspended },
        Change::Role { member: member_id, role: Role::Customer },
        Change::Capacity { member: member_id, capacity },
        Change::Location { member: member_id, location: Box::new(location) },
        Change::Keys(Box::new(keys)),
        Change::Reopen { resource: Resource::Energy },
        Change::Committee { members: vec![member_id] },
        Change::Version { version: ProtocolVersion::new(2) },
    ];
    let proposal = ProposalId::from_hash(hash("proposal"));
    let propose = |change| Propose { change, deadline: MarketTime::from_ms(1_700_000), activation: Height::new(50) };
    let mut actions: Vec<Action> = changes.into_iter().map(|change| Action::Propose(Box::new(propose(change)))).collect();
    actions.extend([Action::Vote(Vote { proposal, approve: true }), Action::WithdrawProposal { proposal }, Action::Heartbeat]);
    actions
}

fn meter_actions() -> Vec<Action> {
    let claims = vec![(Slot::new(7), Quantity::new(100))];
    let done = CompleteTrade {
        trade: TradeId::from_hash(hash("trade")),
        delivered: claims.clone(),
        heat: claims,
        readings: vec![reading()],
        result: Some(hash("result")),
    };
    vec![Action::CompleteTrade(done), Action::SubmitReadings { readings: vec![reading()] }]
}

fn transaction(role: KeyRole, actions: Vec<Action>) -> SignedTransaction {
    let body = TransactionBody {
        version: 1,
        chain: ChainId::from_hash(hash("chain")),
        signer: member(),
        role,
        nonce: Nonce::new(5),
        last_valid: Height::new(900),
        atomic: true,
        actions,
    };
    body.sign(&secret())
}

fn certificate() -> Certificate {
    let block = BlockId::from_hash(hash("parent"));
    let message = precommit_bytes(ChainId::from_hash(hash("chain")), Height::new(6), Round::new(1), Some(block));
    let signature = CommitSignature { member: member(), signature: secret().sign(&message) };
    Certificate::new(Height::new(6), Round::new(1), block, vec![signature])
}

fn block() -> Block {
    let transactions = vec![transaction(KeyRole::Operator, operator_actions()), transaction(KeyRole::Meter, meter_actions())];
    let committee = Committee::new(vec![CommitteeMember { member: member(), key: secret().public() }]).unwrap().hash();
    let header = Header {
        version: ProtocolVersion::V1,
        chain: ChainId::from_hash(hash("chain")),
        height: Height::new(7),
        time: BlockTime::from_ms(1_700_000_000_000),
        creation_round: Round::new(2),
        proposer: member(),
        parent: BlockId::from_hash(hash("parent")),
        parent_certificate: certificate().hash(),
        transactions_root: crate::block::transactions_root(transactions.iter().map(SignedTransaction::commitment)),
        state_root: hash("state"),
        receipts_root: hash("receipts"),
        history_root: hash("history"),
        committee,
        next_committee: committee,
    };
    Block { header, body: Body { parent_certificate: Some(certificate()), transactions } }
}

fn computed() -> BTreeMap<&'static str, String> {
    let operator = transaction(KeyRole::Operator, operator_actions());
    let meter = transaction(KeyRole::Meter, meter_actions());
    let governance = transaction(KeyRole::Operator, governance_actions());
    let receipt = Receipt {
        transaction: TransactionId::from_hash(hash("transaction")),
        action: 3,
        code: Code::PriceCollar,
        order: Some(OrderId::from_hash(hash("order"))),
    };
    let event = Event::OrderEnded { order: OrderId::from_hash(hash("order")), end: OrderEnd::Expired, open: Quantity::new(5) };
    let account = Account { free: MicroChf::new(1_425_000), heat_free: Quantity::new(900), ..Account::default() };
    let entry = StateEntry { key: Accounts::flat_key(&member()), value: Some(encode(&account)) };
    let record = HistoryRecord::Receipt { receipt, height: Height::new(7) };
    let params = Params::standard(MarketClock { origin: BlockTime::from_ms(1_700_000_000_000), scale: 900 });
    BTreeMap::from([
        ("transaction.operator", hex::encode(encode(&operator))),
        ("transaction.operator.id", operator.id().to_string()),
        ("transaction.operator.commitment", operator.commitment().to_string()),
        ("transaction.operator.message", hex::encode(operator.message())),
        ("transaction.governance", hex::encode(encode(&governance))),
        ("transaction.governance.id", governance.id().to_string()),
        ("transaction.meter", hex::encode(encode(&meter))),
        ("transaction.meter.id", meter.id().to_string()),
        ("precommit", hex::encode(precommit_bytes(ChainId::from_hash(hash("chain")), Height::new(6), Round::new(1), None))),
        ("certificate", hex::encode(encode(&certificate()))),
        ("certificate.hash", certificate().hash().to_string()),
        ("header", hex::encode(encode(&block().header))),
        ("block.id", block().id().to_string()),
        ("block.hash", Hash::of(Domain::Header, &encode(&block())).to_string()),
        ("receipt", hex::encode(encode(&receipt))),
        ("event", hex::encode(encode(&event))),
        ("history.leaf", Hash::of(Domain::HistoryLeaf, &encode(&record)).to_string()),
        ("state.key", hex::encode(&entry.key)),
        ("state.value", hex::encode(entry.value.as_deref().unwrap())),
        ("state.path", entry.path().to_string()),
        ("state.value.hash", entry.value_hash().unwrap().to_string()),
        ("params.hash", Hash::of(Domain::StateValue, &encode(&params)).to_string()),
    ])
}

#[test]
fn bytes_are_frozen() {
    let computed = computed();
    let frozen: BTreeMap<String, String> = serde_json::from_str(FROZEN).unwrap();
    let computed: BTreeMap<String, String> = computed.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    assert_eq!(computed, frozen, "computed:\n{}", serde_json::to_string_pretty(&computed).unwrap());
}

#[test]
fn every_example_decodes_to_itself() {
    let block = block();
    assert_eq!(codec::decode::<Block>(&encode(&block), 100_000).unwrap(), block);
    let certificate = certificate();
    assert_eq!(codec::decode::<Certificate>(&encode(&certificate), 10_000).unwrap(), certificate);
}

#[test]
fn no_flipped_bit_of_a_transaction_keeps_its_commitment() {
    let transaction = transaction(KeyRole::Operator, operator_actions());
    let bytes = encode(&transaction);
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        if let Ok(other) = codec::decode::<SignedTransaction>(&flipped, 100_000) {
            assert_ne!(other.commitment(), transaction.commitment(), "byte {index}");
            assert!(other.clone().verify(transaction.body.chain, secret().public()).is_err(), "byte {index} is not covered");
        }
    }
}
