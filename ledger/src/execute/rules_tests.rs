use super::super::execute_block;
use super::*;
use crate::amount::BasisPoints;
use crate::state::State;
use crate::state::View;
use crate::testing::World;

const TWO: ProtocolVersion = ProtocolVersion::new(2);

/// The migration of a version 2 that exists in these tests: the fee becomes 2 %.
fn cheaper(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let mut params = ctx.state.get::<Parameters>(&()).ok_or(Fault::Missing("parameters"))?.clone();
    params.fee = BasisPoints::new(200);
    ctx.state.put::<Parameters>((), params);
    Ok(())
}

fn two() -> Rules {
    Rules::default().with_version(TWO, Some(cheaper))
}

fn world() -> World {
    use crate::block::{Committee, CommitteeMember};
    use crate::state::{CommitteeState, Committees};
    let mut world = World::with_hubs(&["a"]);
    let seat = CommitteeMember { member: crate::testing::id("a"), key: crate::testing::operator_key("a").public() };
    let one = Committee::new(vec![seat]).unwrap();
    world.edit(|o| o.put::<Committees>((), CommitteeState { previous: one.clone(), current: one.clone(), next: one }));
    world
}

/// Executes the next block as a chain would, its header's version following from the parameters.
fn block(world: &mut World, rules: &Rules) -> Result<ProtocolVersion, Fault> {
    let header = world.params().version_at(Height::new(world.height));
    let mut facts = world.facts();
    facts.version = rules.version_of(facts.height, header);
    let outcome = execute_block(rules, &world.state, facts, &[])?;
    let state: &mut State = &mut world.state;
    state.apply(outcome.changes);
    world.height += 1;
    world.now += 1_000;
    Ok(header)
}

#[test]
fn an_announced_version_begins_at_its_height_and_migrates_once() {
    let mut world = world();
    world.edit_params(|p| p.activations.push(Activation { height: Height::new(3), version: TWO }));
    let rules = two();
    for (version, fee) in [(1, 500), (1, 500), (2, 200)] {
        assert_eq!(block(&mut world, &rules), Ok(ProtocolVersion::new(version)));
        assert_eq!(world.params().fee.get(), fee);
    }
    world.edit_params(|p| p.fee = BasisPoints::new(400));
    assert_eq!(block(&mut world, &rules), Ok(TWO));
    assert_eq!(world.params().fee.get(), 400, "only the first block migrates");
}

#[test]
fn a_program_that_does_not_know_the_version_stops_and_another_goes_on() {
    let mut world = world();
    world.edit_params(|p| p.activations.push(Activation { height: Height::new(2), version: TWO }));
    block(&mut world, &Rules::default()).unwrap();
    let before = world.state.clone();
    assert_eq!(block(&mut world, &Rules::default()), Err(Fault::Version(2)));
    assert_eq!(world.state, before);
    assert_eq!(block(&mut world, &two()), Ok(TWO));
}

#[test]
fn a_recovery_executes_the_decided_block_under_another_version_and_announces_it() {
    let mut world = world();
    block(&mut world, &two()).unwrap();
    let rules = two().with_recovery(Recovery { height: Height::new(2), version: TWO });
    assert_eq!(block(&mut world, &rules), Ok(ProtocolVersion::V1), "the header stays as it was decided");
    assert_eq!(world.params().fee.get(), 200);
    assert_eq!(block(&mut world, &rules), Ok(TWO), "later headers carry the version");
    assert_eq!(block(&mut world, &two()), Ok(TWO), "and need no recovery any more");
}

#[test]
fn a_recovery_voids_the_announcements_that_it_overtakes() {
    let mut world = world();
    let three = ProtocolVersion::new(3);
    world.edit_params(|p| {
        p.activations.push(Activation { height: Height::new(5), version: TWO });
        p.activations.push(Activation { height: Height::new(9), version: ProtocolVersion::new(4) });
    });
    let rules = Rules::default().with_version(three, None).with_recovery(Recovery { height: Height::new(1), version: three });
    block(&mut world, &rules).unwrap();
    let versions: Vec<(u64, u16)> = world.params().activations.iter().map(|a| (a.height.get(), a.version.get())).collect();
    assert_eq!(versions, [(1, 3), (9, 4)]);
    let back = two().with_version(three, None).with_recovery(Recovery { height: Height::new(2), version: TWO });
    assert_eq!(block(&mut world, &back), Err(Fault::Version(2)), "no recovery goes back");
}
