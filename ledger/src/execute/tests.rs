//! Validity and execution of whole blocks on a small network: four committee hubs and one outsider.

use super::*;
use crate::amount::{BasisPoints, MicroChf, Price, Quantity};
use crate::block::{Block, Body, Certificate, CommitSignature, Committee, CommitteeMember, precommit_bytes};
use crate::hash::{Domain, Hash};
use crate::ids::{ChainId, Height, MemberId, Nonce, OwnerId, PlaceId, Round};
use crate::member::{Capacity, Country, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use crate::params::Params;
use crate::receipt::Code;
use crate::signature::{SecretKey, Signature};
use crate::state::{Account, Accounts, CommitteeState, Committees, Keys, Members, Overlay, Parameters, State, Totals, TotalsTable, View};
use crate::time::{BlockTime, MarketClock, MarketTime};
use crate::transaction::{
    Action, Constraints, PlaceOrder, Pricing, Product, RotateKey, SettlementMethod, Side, SignedTransaction, TimeInForce, TransactionBody,
};
use proptest::prelude::*;

const START: u64 = 1_749_945_600_000;
const NAMES: [&str; 5] = ["hub-1", "hub-2", "hub-3", "hub-4", "hub-5"];

fn id(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

fn key(name: &str, role: KeyRole) -> SecretKey {
    SecretKey::from_bytes(Hash::of(Domain::Possession, format!("{name} {role:?}").as_bytes()).as_bytes())
}

fn member(name: &str) -> Member {
    let place = |text: &str| PlaceId::parse(text).unwrap();
    Member {
        id: id(name),
        owner: OwnerId::parse(&format!("owner-{name}")).unwrap(),
        name: name.to_owned(),
        role: Role::Hub,
        status: MemberStatus::Active,
        keys: MemberKeys {
            operator: key(name, KeyRole::Operator).public(),
            meter: Some(key(name, KeyRole::Meter).public()),
            consensus: Some(key(name, KeyRole::Consensus).public()),
            network: Vec::new(),
        },
        location: Location {
            country: Country::parse("CH").unwrap(),
            canton: place("zh"),
            municipality: place("zurich"),
            grid_operator: place("ewz"),
            transformer_circuit: place("t1"),
            leg: None,
            building: place(name),
        },
        capacity: Capacity {
            compute_watts: 100_000,
            storage_gb: 0,
            solar_peak_watts: 0,
            heat_factor: BasisPoints::new(9_000),
            machines: 0,
        },
        reputation: BasisPoints::new(8_000),
    }
}

fn genesis_state() -> State {
    let empty = State::default();
    let mut overlay = Overlay::new(&empty);
    let clock = MarketClock { origin: BlockTime::from_ms(START), scale: 1 };
    overlay.put::<Parameters>((), Params::standard(clock));
    let deposit = MicroChf::new(100_000_000);
    for name in NAMES {
        let member = member(name);
        for (role, key) in member.keys.all() {
            overlay.put::<Keys>(key, (member.id, role));
        }
        overlay.put::<Members>(member.id, member);
        overlay.put::<Accounts>(id(name), Account { free: deposit, ..Account::default() });
    }
    overlay.put::<TotalsTable>((), Totals { deposited: MicroChf::new(500_000_000), ..Totals::default() });
    let members = NAMES[..4].iter().map(|n| CommitteeMember { member: id(n), key: key(n, KeyRole::Consensus).public() });
    let committee = Committee::new(members.collect()).unwrap();
    let committees = CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee };
    overlay.put::<Committees>((), committees);
    let changes = overlay.into_changes();
    let mut state = State::default();
    state.apply(changes);
    state
}

fn chain() -> ChainId {
    ChainId::from_hash(Hash::of(Domain::Genesis, b"execute tests"))
}

fn ledger() -> Ledger {
    Ledger::genesis(chain(), genesis_state()).unwrap()
}

fn sign(name: &str, nonce: u64, last_valid: u64, atomic: bool, actions: Vec<Action>) -> SignedTransaction {
    let meter = matches!(actions.first(), Some(Action::SubmitReadings { .. } | Action::CompleteTrade(_)));
    let role = if meter { KeyRole::Meter } else { KeyRole::Operator };
    let body = TransactionBody {
        version: 1,
        chain: chain(),
        signer: id(name),
        role,
        nonce: Nonce::new(nonce),
        last_valid: Height::new(last_valid),
        atomic,
        actions,
    };
    body.sign(&key(name, role))
}

fn order(side: Side, kwh: u64, price: u64) -> Action {
    Action::PlaceOrder(PlaceOrder {
        side,
        product: Product::Compute { from: MarketTime::from_ms(START), until: MarketTime::from_ms(START + 86_400_000) },
        quantity: Quantity::new(kwh * 1_000),
        limit: Price::from_micro_chf(price),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: Pricing::Fixed,
        split: side == Side::Bid,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    })
}

fn rotation(name: &str, seed: u8) -> (Action, SecretKey) {
    let secret = SecretKey::from_bytes(&[seed; 32]);
    let message = crate::governance::possession_message(id(name), KeyRole::Operator, &secret.public());
    let rotate = RotateKey { role: KeyRole::Operator, key: secret.public(), possession: secret.sign(&message) };
    (Action::RotateKey(rotate), secret)
}

fn certificate(ledger: &Ledger) -> Option<Certificate> {
    let tip = ledger.tip();
    if tip.height == Height::GENESIS {
        return None;
    }
    let message = precommit_bytes(chain(), tip.height, Round::new(0), Some(tip.block));
    let signed = NAMES[..3].iter().map(|n| CommitSignature { member: id(n), signature: key(n, KeyRole::Consensus).sign(&message) });
    Some(Certificate::new(tip.height, Round::new(0), tip.block, signed.collect()))
}

fn block(ledger: &Ledger, transactions: Vec<SignedTransaction>) -> Block {
    let parent_certificate = certificate(ledger);
    let facts = ProposalFacts {
        time: BlockTime::from_ms(ledger.tip().time.ms() + 1_000),
        creation_round: Round::new(0),
        proposer: id("hub-1"),
        parent_certificate: parent_certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
        commitments: transactions.iter().map(SignedTransaction::commitment).collect(),
    };
    Block { header: ledger.header(&facts), body: Body { parent_certificate, transactions } }
}

fn check(ledger: &Ledger, block: &Block) -> Result<Vec<crate::transaction::Verified>, Invalid> {
    let verified = ledger.verify_transactions(&block.body.transactions, &|_, _| false)?;
    ledger.check_block(block, &verified)?;
    Ok(verified)
}

fn advance(ledger: &mut Ledger, transactions: Vec<SignedTransaction>) -> Vec<Code> {
    let block = block(ledger, transactions);
    let verified = check(ledger, &block).unwrap();
    let executed = ledger.execute(&block, verified).unwrap();
    let codes = executed.receipts.iter().map(|r| r.code).collect();
    assert!(ledger.commit(executed));
    codes
}

#[test]
fn a_chain_of_blocks_is_valid_and_keeps_its_money() {
    let mut ledger = ledger();
    assert_eq!(advance(&mut ledger, vec![]), []);
    let codes = advance(&mut ledger, vec![sign("hub-5", 1, 10, false, vec![order(Side::Bid, 10, 200_000)])]);
    assert_eq!(codes, [Code::Ok]);
    let codes = advance(&mut ledger, vec![sign("hub-4", 1, 10, false, vec![order(Side::Ask, 10, 150_000)])]);
    assert_eq!(codes, [Code::Ok]);
    invariants::check_state(ledger.state()).unwrap();
    let buyer = ledger.state().get::<Accounts>(&id("hub-5")).unwrap();
    assert_eq!((buyer.reserved.get(), buyer.escrow.get()), (0, 1_500_000), "matched at the ask's price, the rest freed");
}

#[test]
fn a_known_transaction_with_a_garbage_signature_is_refused() {
    let ledger = ledger();
    let good = sign("hub-1", 1, 10, false, vec![order(Side::Bid, 1, 150_000)]);
    let known_commitment = good.commitment();
    let garbage = SignedTransaction::new(good.body.clone(), Signature::from_bytes([7; 64]));
    assert_eq!(good.id(), garbage.id(), "the id does not cover the signature");
    let known = |commitment: &Hash, _: &crate::signature::PublicKey| *commitment == known_commitment;
    assert!(ledger.verify_transactions(std::slice::from_ref(&good), &known).is_ok());
    let refused = ledger.verify_transactions(&[garbage], &known).unwrap_err();
    let cause = Inadmissible::Signature { member: id("hub-1"), role: KeyRole::Operator };
    assert_eq!(refused, Invalid::Transaction { index: 0, cause });
}

#[test]
fn a_rotated_key_is_in_force_from_the_next_block_only() {
    let mut ledger = ledger();
    let (rotate, new) = rotation("hub-1", 99);
    let old_key = sign("hub-1", 2, 20, false, vec![order(Side::Bid, 1, 150_000)]);
    let unsigned = sign("hub-1", 3, 20, false, vec![order(Side::Bid, 1, 150_000)]);
    let new_key = SignedTransaction::new(unsigned.body.clone(), new.sign(&unsigned.message()));
    let rotation = sign("hub-1", 1, 20, false, vec![rotate]);

    let early = block(&ledger, vec![rotation.clone(), new_key.clone()]);
    assert!(matches!(check(&ledger, &early), Err(Invalid::Transaction { index: 1, cause: Inadmissible::Signature { .. } })));
    // The old key still holds for the whole block of the rotation.
    assert_eq!(advance(&mut ledger, vec![rotation, old_key]), [Code::Ok, Code::Ok]);
    let late = sign("hub-1", 4, 20, false, vec![order(Side::Bid, 1, 150_000)]);
    let refused = check(&ledger, &block(&ledger, vec![late]));
    assert!(matches!(refused, Err(Invalid::Transaction { cause: Inadmissible::Signature { .. }, .. })));
    assert_eq!(advance(&mut ledger, vec![new_key]), [Code::Ok]);
}

#[test]
fn a_transaction_is_valid_once_and_within_its_lifetime() {
    let mut ledger = ledger();
    let tx = |nonce, last| sign("hub-1", nonce, last, false, vec![order(Side::Bid, 1, 150_000)]);
    let refused = |ledger: &Ledger, t: SignedTransaction| match check(ledger, &block(ledger, vec![t])) {
        Err(Invalid::Transaction { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    advance(&mut ledger, vec![]);
    assert_eq!(refused(&ledger, tx(1, 1)), Inadmissible::Expired { last_valid: Height::new(1), next: Height::new(2) });
    let far = Inadmissible::TooFarAhead { last_valid: Height::new(1_003), next: Height::new(2) };
    assert_eq!(refused(&ledger, tx(1, 1_003)), far);
    assert_eq!(advance(&mut ledger, vec![tx(1, 1_002)]), [Code::Ok]);
    let replayed = Inadmissible::Replayed { member: id("hub-1"), nonce: Nonce::new(1) };
    assert_eq!(refused(&ledger, tx(1, 1_003)), replayed);
    let twice = block(&ledger, vec![tx(2, 10), tx(2, 11)]);
    let cause = Inadmissible::Replayed { member: id("hub-1"), nonce: Nonce::new(2) };
    assert_eq!(check(&ledger, &twice).unwrap_err(), Invalid::Transaction { index: 1, cause });
    assert_eq!(advance(&mut ledger, vec![tx(5, 3)]), [Code::Ok]);
    assert!(!ledger.replay().contains(id("hub-1"), Nonce::new(5)), "its last valid height has passed: it cannot come back");
    let other = TransactionBody { chain: ChainId::from_hash(Hash::ZERO), ..tx(9, 10).body.clone() };
    let foreign = other.sign(&key("hub-1", KeyRole::Operator));
    assert!(matches!(refused(&ledger, foreign), Inadmissible::Form(crate::transaction::FormError::Chain(_))));
    let stranger = TransactionBody { signer: id("nobody"), ..tx(9, 10).body.clone() }.sign(&key("hub-1", KeyRole::Operator));
    assert_eq!(refused(&ledger, stranger), Inadmissible::UnknownMember(id("nobody")));
}

#[test]
fn every_header_field_is_checked() {
    let mut ledger = ledger();
    advance(&mut ledger, vec![]);
    let good = block(&ledger, vec![sign("hub-1", 1, 10, false, vec![order(Side::Bid, 1, 150_000)])]);
    check(&ledger, &good).unwrap();
    let wrong = Hash::of(Domain::Header, b"wrong");
    let broken = |change: &dyn Fn(&mut Block)| {
        let mut block = good.clone();
        change(&mut block);
        check(&ledger, &block).unwrap_err()
    };
    for (field, error) in [
        ("state_root", broken(&|b| b.header.state_root = wrong)),
        ("receipts_root", broken(&|b| b.header.receipts_root = wrong)),
        ("history_root", broken(&|b| b.header.history_root = wrong)),
        ("committee", broken(&|b| b.header.committee = wrong)),
        ("next_committee", broken(&|b| b.header.next_committee = wrong)),
    ] {
        assert!(matches!(&error, Invalid::Root { field: f, .. } if *f == field), "{field}: {error}");
        assert!(error.is_divergence());
    }
    for (field, error) in [
        ("version", broken(&|b| b.header.version = crate::params::ProtocolVersion::new(2))),
        ("chain", broken(&|b| b.header.chain = ChainId::from_hash(wrong))),
        ("height", broken(&|b| b.header.height = Height::new(7))),
        ("parent", broken(&|b| b.header.parent = crate::ids::BlockId::from_hash(wrong))),
        ("transactions_root", broken(&|b| b.header.transactions_root = wrong)),
    ] {
        assert!(matches!(&error, Invalid::Header { field: f, .. } if *f == field), "{field}: {error}");
        assert!(!error.is_divergence());
    }
    assert!(matches!(broken(&|b| b.header.time = BlockTime::from_ms(START + 1_000)), Invalid::Time { .. }));
    assert!(matches!(broken(&|b| b.body.parent_certificate = None), Invalid::ParentCertificate(_)));
    assert!(matches!(broken(&|b| b.header.parent_certificate = wrong), Invalid::ParentCertificate(_)));
    let thin = broken(&|b| {
        let certificate = b.body.parent_certificate.as_mut().unwrap();
        certificate.signatures.pop();
        b.header.parent_certificate = certificate.hash();
    });
    assert!(matches!(thin, Invalid::Certificate(_)));
    assert!(matches!(broken(&|b| b.body.transactions.clear()), Invalid::Header { field: "transactions_root", .. }));
}

#[test]
fn a_rebuilt_root_that_differs_is_refused() {
    let mut ledger = ledger();
    advance(&mut ledger, vec![sign("hub-1", 1, 10, false, vec![order(Side::Bid, 1, 150_000)])]);
    let entries: Vec<_> = ledger.state().entries().collect();
    let resume = |entries: Vec<(Vec<u8>, Vec<u8>)>| {
        let state = State::load(entries).unwrap();
        Ledger::resume(chain(), *ledger.tip(), state, ledger.history().clone(), ledger.replay().clone())
    };
    assert_eq!(resume(entries.clone()).unwrap().tip(), ledger.tip());
    let changes = entries.iter().map(|(key, value)| (crate::tree::Key::of(key), Some(crate::state::value_hash(value))));
    let built = (State::load(entries.clone()).unwrap(), crate::tree::Tree::build(&changes.collect()));
    let resumed = Ledger::resume_with_tree(chain(), *ledger.tip(), built, ledger.history().clone(), ledger.replay().clone());
    assert_eq!(resumed.unwrap().tip(), ledger.tip());
    let mut missing = entries.clone();
    missing.retain(|(k, _)| *k != <Accounts as crate::state::Table>::flat_key(&id("hub-5")));
    assert!(matches!(resume(missing), Err(ResumeError::StateRoot { .. })));
    let state = State::load(entries).unwrap();
    let other = crate::history::Peaks::new();
    let refused = Ledger::resume(chain(), *ledger.tip(), state, other, ledger.replay().clone());
    assert!(matches!(refused, Err(ResumeError::HistoryRoot { .. })));
}

#[test]
fn an_atomic_transaction_is_admitted_whole_or_not() {
    let mut ledger = ledger();
    let too_much = order(Side::Bid, 10_000, 200_000);
    let small = order(Side::Bid, 1, 150_000);
    let atomic = sign("hub-1", 1, 10, true, vec![small.clone(), too_much.clone(), small.clone()]);
    let apart = sign("hub-2", 1, 10, false, vec![small.clone(), too_much, small]);
    let codes = advance(&mut ledger, vec![atomic]);
    assert_eq!(codes, [Code::AtomicSibling, Code::InsufficientFunds, Code::AtomicSibling]);
    assert_eq!(ledger.state().get::<Accounts>(&id("hub-1")).unwrap().free, MicroChf::new(100_000_000));
    assert_eq!(advance(&mut ledger, vec![apart]), [Code::Ok, Code::InsufficientFunds, Code::Ok]);
}

#[test]
fn a_suspended_member_is_answered_with_receipts() {
    let mut state = genesis_state();
    let mut suspended = state.get::<Members>(&id("hub-5")).unwrap().clone();
    suspended.status = MemberStatus::Suspended;
    let mut overlay = Overlay::new(&state);
    overlay.put::<Members>(id("hub-5"), suspended);
    let changes = overlay.into_changes();
    state.apply(changes);
    let mut ledger = Ledger::genesis(chain(), state).unwrap();
    let codes = advance(&mut ledger, vec![sign("hub-5", 1, 10, false, vec![order(Side::Bid, 1, 150_000)])]);
    assert_eq!(codes, [Code::MemberInactive]);
    let trade = crate::ids::TradeId::from_hash(Hash::ZERO);
    let codes = advance(&mut ledger, vec![sign("hub-5", 2, 10, false, vec![Action::StartTrade { trade }])]);
    assert_eq!(codes, [Code::UnknownTrade], "running trades may be finished");
}

#[test]
fn a_due_auction_is_work_for_the_next_block() {
    let mut state = genesis_state();
    let mut overlay = crate::state::Overlay::new(&state);
    let due = crate::state::MarketState { auction_due: true, ..Default::default() };
    overlay.put::<crate::state::Markets>(crate::transaction::Market::Compute, due);
    let changes = overlay.into_changes();
    state.apply(changes);
    let mut ledger = Ledger::genesis(chain(), state).unwrap();
    let due = ledger.next_due().map(|due| ledger.params().unwrap().clock.block_time(due));
    assert!(due.is_some_and(|due| due <= ledger.tip().time), "at once");
    advance(&mut ledger, vec![]);
    let midnight = MarketTime::from_ms(START + 86_400_000);
    assert_eq!(ledger.next_due(), Some(midnight), "the auction was held; the first timer is the decay of the committee's standings");
}

#[test]
fn created_money_stops_the_ledger() {
    let mut state = genesis_state();
    let mut overlay = Overlay::new(&state);
    overlay.put::<Accounts>(id("hub-5"), Account { free: MicroChf::new(1), ..Account::default() });
    assert!(matches!(invariants::check_changes(&overlay), Err(Fault::Conservation(_))));
    let changes = overlay.into_changes();
    state.apply(changes);
    assert!(matches!(Ledger::genesis(chain(), state), Err(ResumeError::Conservation(_))));
}

fn arbitrary_order() -> impl Strategy<Value = Action> {
    (any::<bool>(), 1..50_u64, 100..300_u64)
        .prop_map(|(bid, kwh, price)| order(if bid { Side::Bid } else { Side::Ask }, kwh, price * 1_000))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn permuting_a_blocks_transactions_changes_nothing(
        orders in prop::collection::vec((0..5_usize, prop::collection::vec(arbitrary_order(), 1..4)), 1..24),
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let transactions: Vec<_> = orders
            .into_iter()
            .enumerate()
            .map(|(i, (who, actions))| sign(NAMES[who], i as u64, 10, i % 3 == 0, actions))
            .collect();
        let mut shuffled = transactions.clone();
        let start = order.index(shuffled.len());
        shuffled.rotate_left(start);
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let (mut a, mut b) = (ledger(), ledger());
        // A tie-break depends on the parent, which is the same; the block's own id is not an input of execution.
        let codes = advance(&mut a, transactions);
        prop_assert_eq!(codes, advance(&mut b, shuffled));
        prop_assert_eq!(a.tip().state_root, b.tip().state_root);
        prop_assert_eq!(a.tip().receipts_root, b.tip().receipts_root);
        prop_assert_eq!(a.tip().history_root, b.tip().history_root);
        invariants::check_state(a.state()).unwrap();
    }
}
