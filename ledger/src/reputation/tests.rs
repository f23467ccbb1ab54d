use super::formula::{self, counted};
use super::{Note, Part, WITHOUT_HISTORY, last_seen, note, on_day, report, update};
use crate::amount::{BasisPoints, MicroChf};
use crate::block::{Certificate, CommitSignature, Committee, CommitteeMember, Signers};
use crate::execute::{Context, Fault};
use crate::hash::{Domain, Hash};
use crate::ids::{BlockId, Height, MemberId, OwnerId, Round};
use crate::limits::MAX_COUNTERPARTIES;
use crate::member::{MemberStatus, Role};
use crate::receipt::Code;
use crate::state::{CommitteeState, Committees, IndexKey, Members, Pair, Shares, Standings, State, TimerId, View};
use crate::testing::{self, World, id, operator_key};
use crate::time::{DAY_MS, HOUR_MS};
use proptest::prelude::*;

const CHF: u64 = 1_000_000;
const HUBS: [&str; 6] = ["hub-1", "hub-2", "hub-3", "hub-4", "hub-5", "hub-6"];

fn chf(francs: u64) -> MicroChf {
    MicroChf::new(francs * CHF)
}

/// Six hubs, of which the first four are the committee.
fn world() -> World {
    let mut world = World::with_hubs(&HUBS);
    let members = HUBS[..4].iter().map(|name| CommitteeMember { member: id(name), key: operator_key(&format!("c {name}")).public() });
    let committee = Committee::new(members.collect()).unwrap();
    let committees = CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee };
    world.edit(|overlay| overlay.put::<Committees>((), committees));
    world
}

fn signers(world: &World, names: &[&str]) -> Signers {
    let committee = &world.state.get::<Committees>(&()).unwrap().previous;
    let signature = operator_key("any").sign(b"any");
    let signatures = names.iter().map(|name| CommitSignature { member: id(name), signature });
    let block = BlockId::from_hash(Hash::of(Domain::Header, b"parent"));
    Signers::of(&Certificate::new(Height::new(1), Round::new(0), block, signatures.collect()), committee)
}

/// A block that `proposer` made and whose parent `signed` signed: timers, then `f`, then phase 4.
fn block(world: &mut World, proposer: &str, signed: &[&str], f: impl FnOnce(&mut Context<'_>)) {
    let signers = signers(world, signed);
    let proposer = id(proposer);
    world
        .block(|ctx| {
            ctx.facts.signers = signers;
            ctx.facts.proposer = proposer;
            let now = ctx.facts.market_time;
            let due: Vec<IndexKey> = ctx.state.index(..).take_while(|k| matches!(k, IndexKey::Timer { due, .. } if *due <= now)).collect();
            for key in due {
                if let IndexKey::Timer { id: TimerId::Standing(member), .. } = key {
                    on_day(ctx, member);
                }
            }
            f(ctx);
            update(ctx)
        })
        .unwrap();
}

/// A block without signs of life.
fn noted(world: &mut World, notes: Vec<(MemberId, Note)>) {
    block(world, "nobody", &[], |ctx| notes.into_iter().for_each(|(member, remark)| note(ctx, member, remark)));
}

fn reputation(world: &World, name: &str) -> u32 {
    world.state.get::<Members>(&id(name)).unwrap().reputation.get()
}

fn parts(world: &World, name: &str) -> [u32; 4] {
    let report = report(&world.state, &world.params(), id(name)).unwrap();
    let parts = [report.uptime, report.completion, report.settlement, report.disputes].map(|part| part.value);
    assert_eq!(formula::weigh(parts).get(), reputation(world, name), "the registry has what the standing makes");
    parts.map(BasisPoints::get)
}

fn share(good: u64, total: u64) -> Pair {
    Pair { good: good * CHF, total: total * CHF }
}

fn owners(pairs: &[Pair]) -> Shares {
    let named = pairs.iter().enumerate().map(|(index, pair)| (OwnerId::parse(&format!("o-{index:02}")).unwrap(), *pair));
    Shares { owners: named.collect(), rest: Pair::default() }
}

#[test]
fn without_history_every_part_is_eight_tenths() {
    let world = world();
    assert_eq!(parts(&world, "hub-1"), [8_000; 4]);
    assert_eq!(WITHOUT_HISTORY, BasisPoints::new(8_000));
    assert_eq!(report(&world.state, &world.params(), id("stranger")), None);
}

#[test]
fn one_owner_counts_for_a_fifth_at_most() {
    // (shares of owners, value of the part): one alone lies between 0.64 and 0.84, five can reach all.
    let table: [(&[Pair], u32); 8] = [
        (&[share(1, 1)], 8_181),
        (&[share(1_000, 1_000)], 8_400),
        (&[share(0, 1_000)], 6_400),
        (&[share(1_000, 1_000), share(0, 1_000)], 6_800),
        (&[share(1_000, 1_000); 4], 9_600),
        (&[share(1_000, 1_000); 5], 9_996),
        (&[share(0, 1_000); 5], 15),
        // 4 x 100 and 10 000: the heavy one counts for (10 + 400) / 4.
        (&[share(100, 100), share(100, 100), share(100, 100), share(100, 100), share(0, 10_000)], 7_960),
    ];
    for (pairs, want) in table {
        let value = formula::part(counted(&owners(pairs), CHF), CHF);
        assert_eq!(value.get(), want, "{pairs:?}");
    }
}

#[test]
fn the_weights_are_those_of_the_rule() {
    let weigh = |parts: [u32; 4]| formula::weigh(parts.map(BasisPoints::new)).get();
    assert_eq!(weigh([10_000, 0, 0, 0]), 3_000);
    assert_eq!(weigh([0, 10_000, 0, 0]), 3_000);
    assert_eq!(weigh([0, 0, 10_000, 0]), 2_500);
    assert_eq!(weigh([0, 0, 0, 10_000]), 1_500);
    assert_eq!(weigh([10_000; 4]), 10_000);
}

#[test]
fn notes_move_the_part_that_they_are_about() {
    for (part, place) in [(Part::Completion, 1), (Part::Settlement, 2), (Part::Disputes, 3)] {
        let mut world = world();
        noted(&mut world, vec![(id("hub-5"), Note::failed(part, id("hub-6"), chf(2)))]);
        let mut want = [8_000; 4];
        want[place] = 6_666;
        assert_eq!(parts(&world, "hub-5"), want, "{part:?}");
        assert_eq!(parts(&world, "hub-6"), [8_000; 4]);
    }
    let mut world = world();
    noted(&mut world, vec![(id("hub-5"), Note::partly(Part::Completion, id("hub-6"), chf(1), chf(2)))]);
    assert_eq!(parts(&world, "hub-5"), [8_000, 7_500, 8_000, 8_000]);
}

#[test]
fn conduct_towards_the_own_owner_counts_for_nothing_and_the_networks_in_full() {
    let mut world = world();
    let owner = world.state.get::<Members>(&id("hub-5")).unwrap().owner;
    world.edit_member("hub-6", |member| member.owner = owner);
    noted(&mut world, vec![(id("hub-5"), Note::kept(Part::Completion, id("hub-6"), chf(2)))]);
    assert_eq!(world.state.get::<Standings>(&id("hub-5")), None);
    let heavy = Note::Conduct { part: Part::Disputes, with: None, pair: share(0, 90) };
    noted(&mut world, vec![(id("hub-5"), heavy)]);
    assert_eq!(parts(&world, "hub-5")[3], 800, "8 of 100, no fifth");
}

#[test]
fn reputation_changes_with_the_next_block_and_not_with_a_rejected_action() {
    let mut world = world();
    let failed = |ctx: &mut Context<'_>| note(ctx, id("hub-5"), Note::failed(Part::Completion, id("hub-6"), chf(2)));
    block(&mut world, "nobody", &[], |ctx| {
        let rejected: Result<(), Code> = ctx.attempt(|ctx| (failed(ctx), Err(Code::WrongState)).1);
        assert_eq!((rejected, ctx.notes.len()), (Err(Code::WrongState), 0));
    });
    assert_eq!(reputation(&world, "hub-5"), 8_000);
    block(&mut world, "nobody", &[], |ctx| {
        failed(ctx);
        assert_eq!(ctx.member(id("hub-5")).unwrap().reputation.get(), 8_000, "as after the parent");
    });
    assert_eq!(reputation(&world, "hub-5"), 7_599);
}

#[test]
fn history_decays_by_a_sixty_fourth_a_day_until_nothing_is_left() {
    let mut world = world();
    noted(&mut world, vec![(id("hub-5"), Note::failed(Part::Completion, id("hub-6"), chf(2)))]);
    let total = |world: &World| world.state.get::<Standings>(&id("hub-5")).map(|s| s.completion.owners[0].1.total);
    assert_eq!(total(&world), Some(2_000_000));
    world.now = testing::START + DAY_MS;
    noted(&mut world, vec![]);
    assert_eq!(total(&world), Some(2_000_000 - 31_250));
    assert_eq!(parts(&world, "hub-5")[1], 6_684);
    // A timer that runs late catches up as if it had run each day.
    let mut daily = world.clone();
    for _ in 0..40 {
        daily.now += DAY_MS;
        noted(&mut daily, vec![]);
    }
    let mut late = world.clone();
    late.now = daily.now - 1_000;
    noted(&mut late, vec![]);
    assert_eq!(late.state.get::<Standings>(&id("hub-5")), daily.state.get::<Standings>(&id("hub-5")));
    world.now += 2_000 * DAY_MS;
    noted(&mut world, vec![]);
    assert_eq!((total(&world), reputation(&world, "hub-5")), (None, 8_000), "the entry leaves the state");
}

#[test]
fn counterparties_beyond_the_bound_are_pooled_and_failures_towards_them_count_in_full() {
    let mut world = world();
    let count = 40;
    for index in 0..count {
        world.add(testing::hub(&format!("small-{index:02}")), 0);
    }
    let small = |index: u64| id(&format!("small-{index:02}"));
    let notes = |pair: fn(u64) -> Pair| -> Vec<(MemberId, Note)> {
        let conduct = |i: u64| Note::Conduct { part: Part::Completion, with: Some(small(i)), pair: pair(i) };
        (0..count).map(|i| (id("hub-5"), conduct(i))).collect()
    };
    let mut fair = world.clone();
    noted(&mut fair, notes(|i| share(100 + i, 100 + i)));
    let standing = fair.state.get::<Standings>(&id("hub-5")).unwrap();
    assert_eq!(standing.completion.owners.len(), MAX_COUNTERPARTIES);
    assert!(standing.completion.owners.iter().all(|(_, pair)| pair.total >= 124 * CHF), "the heaviest stay");
    assert!(parts(&fair, "hub-5")[1] >= 9_990);
    // Sixteen large partners are served, all small ones are not.
    noted(&mut world, notes(|i| if i < 24 { share(0, 100 + i) } else { share(100 + i, 100 + i) }));
    assert_eq!(parts(&world, "hub-5")[1], 4_409);
}

#[test]
fn hubs_that_sign_propose_or_send_heartbeats_are_there() {
    let mut world = world();
    let periods = 50;
    for _ in 0..periods {
        // Sixteen blocks within the hour that begins: hub-4 never votes nor proposes, hub-3 only proposes.
        for _ in 0..8 {
            block(&mut world, "hub-3", &["hub-1", "hub-2"], |_| {});
        }
        let envelope = world.envelope("hub-5");
        block(&mut world, "hub-1", &["hub-1", "hub-2"], |ctx| super::heartbeat(ctx, &envelope).unwrap());
        world.now += HOUR_MS;
    }
    world.now = testing::START + 3 * DAY_MS;
    block(&mut world, "hub-1", &["hub-1", "hub-2", "hub-3"], |_| {});
    for name in ["hub-1", "hub-2", "hub-3", "hub-5"] {
        assert!(parts(&world, name)[0] > 9_600, "{name} {:?}", parts(&world, name));
    }
    assert!(parts(&world, "hub-4")[0] < 1_600, "{:?}", parts(&world, "hub-4"));
    assert_eq!(parts(&world, "hub-6")[0], 8_000, "never seen, never expected");
    assert_eq!(last_seen(&world.state, id("hub-4")), None);
    assert_eq!(last_seen(&world.state, id("hub-1")).unwrap().ms(), testing::START + 3 * DAY_MS);
}

#[test]
fn hours_in_which_the_network_stood_still_count_for_nobody() {
    let mut world = world();
    for _ in 0..2 {
        for _ in 0..9 {
            block(&mut world, "hub-1", &["hub-1", "hub-2", "hub-3", "hub-4"], |_| {});
        }
        world.now += 48 * HOUR_MS;
    }
    block(&mut world, "hub-1", &["hub-1", "hub-2", "hub-3", "hub-4"], |_| {});
    for name in &HUBS[..4] {
        assert!(parts(&world, name)[0] > 8_000, "{name} {:?}", parts(&world, name));
    }
}

#[test]
fn who_may_not_act_is_not_expected_and_who_left_is_forgotten() {
    let mut world = world();
    let run = |world: &mut World, days: u64| {
        for _ in 0..days * 24 {
            for _ in 0..8 {
                block(world, "hub-1", &["hub-1", "hub-2", "hub-3"], |_| {});
            }
            world.now += HOUR_MS;
        }
    };
    run(&mut world, 2);
    world.edit_member("hub-4", |member| member.status = MemberStatus::Suspended);
    let uptime = parts(&world, "hub-4")[0];
    assert!(uptime < 2_500, "{uptime}");
    run(&mut world, 3);
    assert!(parts(&world, "hub-4")[0] > uptime, "only decays: {uptime} {:?}", parts(&world, "hub-4"));
    world.edit_member("hub-4", |member| member.status = MemberStatus::Left);
    world.edit(|overlay| {
        let three = Committee::new(overlay.get::<Committees>(&()).unwrap().current.members()[..3].to_vec()).unwrap();
        overlay.put::<Committees>((), CommitteeState { previous: three.clone(), current: three.clone(), next: three });
    });
    run(&mut world, 2);
    assert_eq!(world.state.get::<Standings>(&id("hub-4")), None);
    assert_eq!(reputation(&world, "hub-4"), 8_000);
}

#[test]
fn only_hubs_send_heartbeats() {
    for role in [Role::Hub, Role::Customer, Role::Oracle, Role::SettlementAgent, Role::GridOperator, Role::Observer] {
        let mut world = world();
        world.edit_member("hub-5", |member| member.role = role);
        let envelope = world.envelope("hub-5");
        let code = world.block(|ctx| super::heartbeat(ctx, &envelope));
        assert_eq!(code, if role == Role::Hub { Ok(()) } else { Err(Code::WrongRole) }, "{role:?}");
    }
}

#[test]
fn a_standing_without_a_member_is_a_fault() {
    let mut world = world();
    let fault = world.block(|ctx| {
        note(ctx, id("stranger"), Note::Day);
        update(ctx)
    });
    assert!(matches!(fault, Err(Fault::Missing(_))));
}

fn remarks() -> impl Strategy<Value = Vec<(usize, usize, u64, u64, u8)>> {
    prop::collection::vec((0_usize..6, 0_usize..6, 0_u64..1 << 40, 0_u64..1 << 40, 0_u8..3), 0..60)
}

fn apply(world: &mut World, remarks: &[(usize, usize, u64, u64, u8)]) {
    let note = |(member, with, good, total, part): &(usize, usize, u64, u64, u8)| {
        let part = [Part::Completion, Part::Settlement, Part::Disputes][usize::from(*part)];
        (id(HUBS[*member]), Note::partly(part, id(HUBS[*with]), MicroChf::new(*good), MicroChf::new(*total)))
    };
    noted(world, remarks.iter().map(note).collect());
}

proptest! {
    #[test]
    fn the_order_of_notes_does_not_matter(remarks in remarks(), seed in any::<u64>()) {
        let (mut a, mut b) = (world(), world());
        apply(&mut a, &remarks);
        let mut shuffled = remarks;
        shuffled.sort_by_key(|r| Hash::of(Domain::TieBreak, format!("{seed} {r:?}").as_bytes()));
        apply(&mut b, &shuffled);
        prop_assert_eq!(&a.state, &b.state);
        prop_assert_eq!(&State::load(a.state.entries()).unwrap(), &a.state);
    }

    #[test]
    fn shares_stay_within_their_bounds(totals in prop::collection::vec((0_u64..=u64::MAX, 0_u64..=10_000), 0..16), rest in (0_u64..1 << 62, 0_u64..=10_000)) {
        let pair = |(total, permyriad): (u64, u64)| Pair { good: u64::try_from(u128::from(total) * u128::from(permyriad) / 10_000).unwrap(), total };
        let mut shares = owners(&totals.iter().copied().map(pair).collect::<Vec<_>>());
        shares.rest = pair(rest);
        let sum = counted(&shares, CHF);
        prop_assert!(sum.good <= sum.total);
        // The rule itself, solved by halving: the largest l with 5 l <= the sum of min(total, l) + 10, failures in the pool in full.
        let bad = u128::from(shares.rest.total - shares.rest.good);
        let all: Vec<u128> = totals.iter().map(|(total, _)| u128::from(*total)).chain([u128::from(shares.rest.good)]).collect();
        let within = |l: u128| all.iter().map(|t| (*t).min(l)).sum::<u128>() + bad;
        let (mut low, mut high) = (0_u128, 1_u128 << 72);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if 5 * middle <= within(middle) + u128::from(10 * CHF) { low = middle } else { high = middle }
        }
        prop_assert!(sum.total.abs_diff(within(low)) <= 20, "{} {}", sum.total, within(low));
        let value = formula::part(sum, CHF).get();
        prop_assert!(value <= 10_000);
    }

    #[test]
    fn more_good_conduct_never_lowers_a_part(totals in prop::collection::vec((0_u64..1 << 40, 0_u64..=10_000), 1..8), more in 1_u64..1 << 40) {
        let pair = |(total, permyriad): &(u64, u64)| Pair { good: total * permyriad / 10_000, total: *total };
        let before: Vec<Pair> = totals.iter().map(pair).collect();
        let mut after = before.clone();
        // A new partner: what an old one counts for is diluted, never its ratio.
        after.push(Pair { good: more, total: more });
        let value = |pairs: &[Pair]| formula::part(counted(&owners(pairs), CHF), CHF).get();
        prop_assert!(value(&after) + 1 >= value(&before), "{} {}", value(&before), value(&after));
    }
}
