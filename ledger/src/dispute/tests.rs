//! Lives of disputes, to the micro-franc, and the code of each refused step.

use crate::amount::MicroChf;
use crate::hash::Hash;
use crate::ids::TradeId;
use crate::limits::MAX_EVIDENCE;
use crate::receipt::{CancelReason, Code, Event, VerdictBasis};
use crate::reputation::{Note, Part};
use crate::state::{Dispute, Disputes, SlotReadings, TradeStatus, View};
use crate::time::{DAY_MS, HOUR_MS};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, CorrectReading, Resource};

/// CHF 1: the least bond.
const CHF: u64 = 1_000_000;

fn hash(byte: u8) -> Hash {
    Hash::from_bytes([byte; 32])
}

/// A delivered trade of 1 000 kWh at 0.15, CHF 150, of which the meter shows `shown` kWh.
fn delivered(world: &mut World, shown: u64) -> TradeId {
    let id = world.compute(&[(1_000_000, 150_000)]);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.complete("hub-1", &completion(id, slot(0), shown * 1_000, 0)), Code::Ok);
    id
}

/// The buyer says that 400 of 1 000 kWh were delivered.
fn disputed(world: &mut World) -> TradeId {
    let id = delivered(world, 1_000);
    assert_eq!(world.dispute("buyer", id, 400_000), Code::Ok);
    id
}

fn dispute(world: &World, id: TradeId) -> Dispute {
    world.state().get::<Disputes>(&id).unwrap().clone()
}

/// (paid, fee, what the seller got, penalty, refund) of a trade.
fn moved(world: &World, id: TradeId) -> [u64; 5] {
    let s = world.settlement(id).unwrap();
    [s.gross, s.fee, s.seller, s.penalty, s.refund].map(MicroChf::get)
}

#[test]
fn only_the_disputed_share_is_frozen() {
    let mut world = World::with_judges();
    let id = disputed(&mut world);
    // 400 kWh are out of dispute: CHF 60, 3 of them fee; CHF 90 stay in escrow; the bond is 2 % of them.
    let (buyer, seller) = (world.account("buyer"), world.account("hub-1"));
    assert_eq!((seller.free.get(), world.totals().fee.get()), (FUNDS + 57 * CHF, 3 * CHF));
    assert_eq!((buyer.escrow.get(), buyer.bond.get()), (90 * CHF, 1_800_000));
    assert_eq!(world.status(id), Some(TradeStatus::Disputed));
    let open = dispute(&world, id);
    assert_eq!((open.value.get(), open.metered, open.claimed), (90 * CHF, wh(1_000_000), wh(400_000)));
    assert_eq!(open.entitled, JUDGES.map(member), "the committee without the seller");
    let (claimed, value) = (wh(400_000), MicroChf::new(90 * CHF));
    assert!(world.events.contains(&Event::Disputed { trade: id, opener: member("buyer"), claimed, value }));
    world.check();
    world.check_index();
}

#[test]
fn what_nobody_claims_is_refunded_at_once() {
    let mut world = World::with_judges();
    let id = delivered(&mut world, 500);
    // The seller says 600 of the 1 000 kWh, the meter 500: CHF 75 paid, 15 frozen, 60 back.
    assert_eq!(world.dispute("hub-1", id, 600_000), Code::Ok);
    let (buyer, seller) = (world.account("buyer"), world.account("hub-1"));
    assert_eq!((buyer.free.get(), buyer.escrow.get()), (FUNDS - 90 * CHF, 15 * CHF));
    assert_eq!((seller.bond.get(), seller.free.get()), (CHF, FUNDS + 71_250_000 - CHF), "at least a franc of bond");
    assert_eq!(world.concede("buyer", id), Code::Ok);
    // 380 kWh are missing beyond the tolerance: 10 % of CHF 57 is the penalty.
    assert_eq!(moved(&world, id), [90 * CHF, 4_500_000, 79_800_000, 5_700_000, 60 * CHF]);
    world.check();
}

#[test]
fn a_vote_for_the_opener_refunds_and_takes_the_respondents_bond() {
    let mut world = World::with_judges();
    let id = disputed(&mut world);
    assert_eq!(world.evidence("hub-1", id, &[hash(1)]), Code::Ok);
    assert_eq!(world.account("hub-1").bond.get(), 1_800_000);
    world.check();
    world.wait_ms(2 * DAY_MS);
    assert_eq!(world.vote("judge-1", id, true), Code::Ok);
    assert_eq!(world.status(id), Some(TradeStatus::Disputed), "one of three is no majority");
    assert_eq!(world.vote("judge-3", id, true), Code::Ok);
    let verdict = world.verdict(id).unwrap();
    assert_eq!((verdict.quantity, verdict.basis, verdict.loser), (wh(400_000), VerdictBasis::Vote, Some(member("hub-1"))));
    // 580 kWh missing beyond the tolerance are CHF 87: a penalty of 8.7. As a whole the trade is as if 400 kWh had been metered.
    assert_eq!(moved(&world, id), [60 * CHF, 3 * CHF, 48_300_000, 8_700_000, 90 * CHF]);
    assert_eq!((world.account("buyer").free.get(), world.account("buyer").bond.get()), (FUNDS - 60 * CHF, 0));
    assert_eq!(world.totals().penalties.get(), 8_700_000 + 1_800_000);
    world.check();
}

#[test]
fn a_vote_for_the_respondent_pays_in_full_and_takes_the_openers_bond() {
    let mut world = World::with_judges();
    let id = disputed(&mut world);
    world.wait_ms(2 * DAY_MS);
    assert_eq!((world.vote("judge-1", id, false), world.vote("judge-2", id, false)), (Code::Ok, Code::Ok));
    assert_eq!(world.verdict(id).unwrap().loser, Some(member("buyer")));
    assert_eq!(moved(&world, id), [150 * CHF, 7_500_000, 142_500_000, 0, 0]);
    assert_eq!((world.account("buyer").money().unwrap().get(), world.totals().penalties.get()), (FUNDS - 150 * CHF - 1_800_000, 1_800_000));
    world.check();
}

#[test]
fn without_a_verdict_in_time_the_metered_amount_stands() {
    // (votes, basis, quantity): two of three are a quorum; one is none, and one against one is a tie.
    type Case<'a> = (&'a [(&'a str, bool)], VerdictBasis, u64);
    let table: [Case; 4] = [
        (&[], VerdictBasis::Undecided, 1_000_000),
        (&[("judge-1", true)], VerdictBasis::Undecided, 1_000_000),
        (&[("judge-1", true), ("judge-2", false)], VerdictBasis::Undecided, 1_000_000),
        (&[("judge-1", true), ("judge-2", false), ("judge-3", true)], VerdictBasis::Vote, 400_000),
    ];
    for (votes, basis, quantity) in table {
        let mut world = World::with_judges();
        let id = disputed(&mut world);
        world.wait_ms(2 * DAY_MS);
        for (judge, side) in votes {
            assert_eq!(world.vote(judge, id, *side), Code::Ok);
        }
        world.wait_ms(5 * DAY_MS - 1);
        assert_eq!(world.timers(10), 0, "seven days from the opening");
        world.wait_ms(1);
        world.timers(10);
        let verdict = world.verdict(id).unwrap();
        assert_eq!((verdict.basis, verdict.quantity), (basis, wh(quantity)), "{votes:?}");
        assert_eq!((world.status(id), world.state().range::<Disputes>(..).count()), (None, 0));
        world.check();
        world.check_index();
    }
}

#[test]
fn nothing_delivered_by_a_verdict_cancels_the_trade() {
    let mut world = World::with_judges();
    let id = delivered(&mut world, 500);
    assert_eq!(world.dispute("buyer", id, 0), Code::Ok);
    assert_eq!(world.account("buyer").escrow.get(), 75 * CHF);
    assert_eq!(world.concede("hub-1", id), Code::Ok);
    assert!(world.events.contains(&Event::Cancelled { trade: id, reason: CancelReason::Disputed }));
    assert_eq!(world.account("buyer").free.get(), FUNDS);
    assert_eq!(world.settlement(id), None);
    world.check();
}

#[test]
fn whoever_concedes_gives_the_other_its_amount_and_bonds_go_back() {
    for (party, quantity) in [("buyer", 1_000_000), ("hub-1", 400_000)] {
        let mut world = World::with_judges();
        let id = disputed(&mut world);
        assert_eq!(world.evidence("hub-1", id, &[hash(1)]), Code::Ok);
        assert_eq!(world.concede(party, id), Code::Ok);
        let verdict = world.verdict(id).unwrap();
        assert_eq!((verdict.quantity, verdict.basis, verdict.loser), (wh(quantity), VerdictBasis::Conceded, None));
        assert_eq!((world.account("buyer").bond.get(), world.account("hub-1").bond.get()), (0, 0));
        world.check();
    }
}

#[test]
fn fewer_than_two_entitled_leave_the_metered_amount_without_a_bond() {
    // The committee of this world is the seller alone.
    let mut world = World::new();
    let id = disputed(&mut world);
    let verdict = world.verdict(id).unwrap();
    assert_eq!((verdict.quantity, verdict.basis, verdict.loser), (wh(1_000_000), VerdictBasis::Undecided, None));
    assert_eq!((world.totals().penalties.get(), moved(&world, id)[0]), (0, 150 * CHF));
    world.check();
    // Judges of a party's owner do not count either.
    let mut world = World::with_judges();
    let owner = world.state().get::<crate::state::Members>(&member("buyer")).unwrap().owner;
    world.edit_member("judge-1", |judge| judge.owner = owner);
    let id = disputed(&mut world);
    assert_eq!(dispute(&world, id).entitled, [member("judge-2"), member("judge-3")]);
}

/// Corrects what the seller's compute register increased in slot 0.
fn correct(world: &mut World, corrected: u64) {
    world.run(|ctx| {
        let key = (member("hub-1"), Resource::Compute, slot(0));
        let mut entry = *ctx.state.get::<SlotReadings>(&key).unwrap();
        entry.corrected = Some(wh(corrected));
        ctx.state.put::<SlotReadings>(key, entry);
    });
}

#[test]
fn registers_that_differ_from_the_claim_by_more_than_two_percent_decide_at_once() {
    // (corrected increase in kWh, what decides at the opening)
    for (corrected, decides) in [(980_000, false), (979_999, true), (300_000, true), (0, true)] {
        let mut world = World::with_judges();
        let id = delivered(&mut world, 1_000);
        correct(&mut world, corrected);
        assert_eq!(world.dispute("buyer", id, 400_000), Code::Ok);
        let verdict = world.verdict(id).map(|v| (v.quantity, v.basis, world.totals().penalties.is_zero()));
        let want = decides.then_some((wh(corrected), VerdictBasis::Registers));
        assert_eq!(verdict.map(|(quantity, basis, _)| (quantity, basis)), want, "{corrected}");
        assert_eq!(world.account("buyer").bond.get() > 0, !decides, "a bond only where nothing decides");
        world.check();
    }
}

#[test]
fn registers_corrected_while_a_dispute_is_open_overrule_the_vote_within_what_is_disputed() {
    for (corrected, quantity) in [(700_000, 700_000), (100_000, 400_000)] {
        let mut world = World::with_judges();
        let id = disputed(&mut world);
        correct(&mut world, corrected);
        world.wait_ms(2 * DAY_MS);
        assert_eq!((world.vote("judge-1", id, false), world.vote("judge-2", id, false)), (Code::Ok, Code::Ok));
        let verdict = world.verdict(id).unwrap();
        assert_eq!((verdict.quantity, verdict.basis), (wh(quantity), VerdictBasis::Registers));
        world.check();
    }
}

/// Completes a running trade with a reading that leaves a gap, or one that goes back.
fn broken(world: &mut World, id: TradeId, sequence: u64, register_wh: u64) -> Code {
    let readings = vec![reading(Resource::Compute, sequence, slot(0), register_wh)];
    let delivered = vec![(slot(0), wh(1_000_000))];
    world.complete("hub-1", &CompleteTrade { trade: id, delivered, heat: vec![], readings, result: Some(Hash::MAX) })
}

#[test]
fn a_meter_that_left_a_gap_or_went_back_disputes_what_it_claims() {
    for (sequence, register_wh, want) in [(3, 1_000_000, Code::Ok), (2, 99, Code::Ok), (1, 1_000_000, Code::BadReading)] {
        let mut world = World::with_judges();
        assert_eq!(world.read("hub-1", &[reading(Resource::Compute, 1, slot(0), 100)]), Code::Ok);
        let id = world.compute(&[(1_000_000, 150_000)]);
        assert_eq!(world.start("hub-1", id), Code::Ok);
        assert_eq!(broken(&mut world, id, sequence, register_wh), want, "{sequence}");
        if want != Code::Ok {
            assert_eq!(world.status(id), Some(TradeStatus::Running), "a reading sent twice is only refused");
            continue;
        }
        // The 100 Wh that the register showed before are out of dispute.
        let open = dispute(&world, id);
        assert_eq!((open.metered, open.claimed, open.opener), (wh(100), wh(1_000_000), member("hub-1")));
        assert_eq!(open.settled.gross.get(), 15_000);
        world.check();
        // The grid operator finds 600 kWh, which decides, and the meter goes on.
        world.at(slot(1), 0);
        let stand = Some((9, wh(600_100)));
        let correction =
            CorrectReading { member: member("hub-1"), register: Resource::Compute, slot: slot(0), increase: wh(600_000), stand };
        assert_eq!(world.correct("grid-1", correction), Code::Ok);
        world.wait_ms(7 * DAY_MS);
        world.timers(10);
        let verdict = world.verdict(id).unwrap();
        assert_eq!((verdict.quantity, verdict.basis), (wh(600_000), VerdictBasis::Registers));
        assert_eq!(moved(&world, id)[0], 90 * CHF);
        world.check();
    }
}

#[test]
fn a_meter_that_shows_nothing_is_judged_and_without_a_verdict_the_buyer_is_refunded() {
    for (votes, paid) in [(vec![], 0), (vec!["judge-1", "judge-2"], 150 * CHF)] {
        let mut world = World::with_judges();
        let id = world.compute(&[(1_000_000, 150_000)]);
        assert_eq!(world.start("hub-1", id), Code::Ok);
        assert_eq!(broken(&mut world, id, 2, 1_000_000), Code::Ok);
        assert_eq!((world.account("hub-1").bond.get(), world.account("buyer").escrow.get()), (3 * CHF, 150 * CHF));
        world.check();
        world.wait_ms(2 * DAY_MS);
        for judge in &votes {
            assert_eq!(world.vote(judge, id, true), Code::Ok);
        }
        world.wait_ms(5 * DAY_MS);
        world.timers(10);
        assert_eq!(world.settlement(id).map_or(0, |s| s.gross.get()), paid);
        assert_eq!(world.account("buyer").free.get(), FUNDS - paid);
        world.check();
    }
}

#[test]
fn a_lost_dispute_is_noted_over_its_value_and_a_concession_is_not() {
    let lost = |basis: VerdictBasis| {
        let mut world = World::with_judges();
        let id = disputed(&mut world);
        world.wait_ms(2 * DAY_MS);
        world.run(|ctx| {
            let dispute = super::open_dispute(ctx, id).unwrap();
            let loser = (basis != VerdictBasis::Conceded).then_some(member("hub-1"));
            super::verdict::close(ctx, dispute, crate::receipt::Verdict { quantity: wh(400_000), basis, loser }).unwrap();
            let seller = ctx.notes.iter().find(|(m, n)| *m == member("hub-1") && matches!(n, Note::Conduct { part: Part::Disputes, .. }));
            seller.map(|(_, remark)| *remark)
        })
    };
    let remark = |good: u64| Some(Note::partly(Part::Disputes, member("buyer"), MicroChf::new(good), MicroChf::new(150 * CHF)));
    assert_eq!(lost(VerdictBasis::Vote), remark(60 * CHF));
    assert_eq!(lost(VerdictBasis::Registers), remark(60 * CHF));
    assert_eq!(lost(VerdictBasis::Conceded), remark(150 * CHF));
    assert_eq!(lost(VerdictBasis::Undecided), remark(150 * CHF));
}

type Step = fn(&mut World, TradeId) -> Code;

fn running(w: &mut World) -> TradeId {
    let id = w.compute(&[(1_000_000, 150_000)]);
    w.start("hub-1", id);
    id
}

fn whole(w: &mut World) -> TradeId {
    delivered(w, 1_000)
}

fn poor(w: &mut World, name: &str) {
    let free = w.account(name).free;
    w.run(|ctx| crate::execute::reserve(ctx, member(name), free).unwrap());
}

fn unknown() -> TradeId {
    TradeId::from_hash(Hash::MAX)
}

fn late(w: &mut World, ms: u64) -> &mut World {
    w.wait_ms(ms);
    w
}

#[test]
fn every_step_of_a_dispute_has_its_codes() {
    let many: Vec<Hash> = (0..=u8::try_from(MAX_EVIDENCE).unwrap()).map(hash).collect();
    assert_eq!(many.len(), MAX_EVIDENCE + 1);
    type Case = (&'static str, fn(&mut World) -> TradeId, Step, Code);
    let table: Vec<Case> = vec![
        ("open", whole, |w, id| w.dispute("buyer", id, 0), Code::Ok),
        ("open of nothing", whole, |w, _| w.dispute("buyer", unknown(), 0), Code::UnknownTrade),
        ("open by a stranger", whole, |w, id| w.dispute("hub-2", id, 0), Code::NotParty),
        ("open while running", running, |w, id| w.dispute("buyer", id, 0), Code::WrongState),
        ("open twice", disputed, |w, id| w.dispute("buyer", id, 0), Code::WrongState),
        ("open when silence has confirmed", whole, |w, id| late(w, DAY_MS).dispute("buyer", id, 0), Code::TooLate),
        ("buyer claims what is metered", whole, |w, id| w.dispute("buyer", id, 1_000_000), Code::BadClaim),
        ("buyer claims more", whole, |w, id| w.dispute("buyer", id, 1_000_001), Code::BadClaim),
        ("seller claims less", whole, |w, id| w.dispute("hub-1", id, 1), Code::BadClaim),
        ("seller claims above the order", |w| delivered(w, 10), |w, id| w.dispute("hub-1", id, 1_000_001), Code::BadClaim),
        ("seller claims more", |w| delivered(w, 10), |w, id| w.dispute("hub-1", id, 1_000_000), Code::Ok),
        ("buyer claims a little less", whole, |w, id| w.dispute("buyer", id, 1_000_000 - 1), Code::Ok),
        ("no bond", |w| (whole(w), poor(w, "buyer")).0, |w, id| w.dispute("buyer", id, 0), Code::InsufficientFunds),
        ("evidence", disputed, |w, id| w.evidence("buyer", id, &[hash(1)]), Code::Ok),
        ("evidence without a dispute", whole, |w, id| w.evidence("buyer", id, &[hash(1)]), Code::UnknownDispute),
        ("evidence of a stranger", disputed, |w, id| w.evidence("judge-1", id, &[hash(1)]), Code::NotParty),
        ("late evidence", disputed, |w, id| late(w, 48 * HOUR_MS).evidence("buyer", id, &[hash(1)]), Code::TooLate),
        ("no evidence", disputed, |w, id| w.evidence("buyer", id, &[]), Code::BadEvidence),
        ("evidence twice", disputed, |w, id| w.evidence("buyer", id, &[hash(1), hash(1)]), Code::BadEvidence),
        (
            "evidence again",
            disputed,
            |w, id| (w.evidence("buyer", id, &[hash(1)]), w.evidence("buyer", id, &[hash(1)])).1,
            Code::BadEvidence,
        ),
        (
            "no bond of the respondent",
            |w| (disputed(w), poor(w, "hub-1")).0,
            |w, id| w.evidence("hub-1", id, &[hash(1)]),
            Code::InsufficientFunds,
        ),
        ("concede", disputed, |w, id| w.concede("buyer", id), Code::Ok),
        ("concede without a dispute", whole, |w, id| w.concede("buyer", id), Code::UnknownDispute),
        ("concede by a stranger", disputed, |w, id| w.concede("judge-1", id), Code::NotParty),
        ("concede at the verdict", disputed, |w, id| late(w, 7 * DAY_MS).concede("buyer", id), Code::TooLate),
        ("vote", disputed, |w, id| late(w, 48 * HOUR_MS).vote("judge-1", id, true), Code::Ok),
        ("vote without a dispute", whole, |w, id| w.vote("judge-1", id, true), Code::UnknownDispute),
        ("vote of a party", disputed, |w, id| late(w, 48 * HOUR_MS).vote("hub-1", id, true), Code::NotEntitled),
        ("vote of a hub outside", disputed, |w, id| late(w, 48 * HOUR_MS).vote("hub-2", id, true), Code::NotEntitled),
        ("vote while evidence is taken", disputed, |w, id| late(w, 48 * HOUR_MS - 1).vote("judge-1", id, true), Code::TooEarly),
        ("vote at the verdict", disputed, |w, id| late(w, 7 * DAY_MS).vote("judge-1", id, true), Code::TooLate),
        (
            "vote twice",
            disputed,
            |w, id| (late(w, 48 * HOUR_MS).vote("judge-1", id, true), w.vote("judge-1", id, false)).1,
            Code::AlreadyVoted,
        ),
    ];
    for (name, before, step, want) in table {
        let mut world = World::with_judges();
        let id = before(&mut world);
        let twice = want == Code::AlreadyVoted || name == "evidence again";
        let (state, events) = (world.state().clone(), world.events.len());
        assert_eq!(step(&mut world, id), want, "{name}");
        world.check();
        assert!(want == Code::Ok || twice || (*world.state() == state && world.events.len() == events), "{name}: changes nothing");
    }
    let mut world = World::with_judges();
    let id = disputed(&mut world);
    assert_eq!(world.evidence("buyer", id, &many), Code::BadEvidence, "more than {MAX_EVIDENCE}");
    assert_eq!(world.evidence("buyer", id, &many[1..]), Code::Ok);
    assert_eq!(world.evidence("buyer", id, &many[..1]), Code::BadEvidence, "in all");
}

#[test]
fn a_difference_worth_less_than_a_micro_franc_is_no_dispute() {
    let mut world = World::with_judges();
    let id = world.compute(&[(10_000, 100)]);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.complete("hub-1", &completion(id, slot(0), 10_000, 0)), Code::Ok);
    assert_eq!(world.dispute("buyer", id, 9_999), Code::BadClaim);
}
