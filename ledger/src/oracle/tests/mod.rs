mod codes;
mod medians;
mod prices;

use super::{report_grid_level, report_solar};
use crate::amount::Quantity;
use crate::ids::{OwnerId, PlaceId};
use crate::member::{Member, Role};
use crate::receipt::Code;
use crate::testing::{World, hub};
use crate::time::Slot;

/// Five oracles, two of one owner, three hubs in Zurich, one in Berne, a grid operator of each.
fn world() -> World {
    let mut world = World::with_hubs(&["a", "b", "c"]);
    let berne = |mut member: Member| {
        member.location.canton = PlaceId::parse("be").unwrap();
        member.location.leg = None;
        member
    };
    world.add(berne(hub("d")), 0);
    for name in ["o-1", "o-2", "o-3", "o-4", "o-5"] {
        let mut oracle = Member { role: Role::Oracle, ..hub(name) };
        oracle.location.leg = None;
        world.add(oracle, 0);
    }
    world.edit_member("o-5", |m| m.owner = OwnerId::parse("owner-o-4").unwrap());
    world.add(Member { role: Role::GridOperator, ..hub("grid") }, 0);
    world.add(berne(Member { role: Role::GridOperator, ..hub("grid-be") }), 0);
    world
}

fn zone(name: &str) -> PlaceId {
    PlaceId::parse(name).unwrap()
}

/// A report in a block of its own; a second passes.
fn solar(world: &mut World, name: &str, at: &str, slots: &[(Slot, u64)]) -> Code {
    let slots: Vec<(Slot, Quantity)> = slots.iter().map(|(slot, wh)| (*slot, Quantity::new(*wh))).collect();
    let env = world.envelope(name);
    world.block(|ctx| ctx.attempt(|ctx| report_solar(ctx, &env, zone(at), &slots))).map_or_else(|code| code, |()| Code::Ok)
}

fn level(world: &mut World, name: &str, at: &str, levels: &[(Slot, i32)]) -> Code {
    let env = world.envelope(name);
    world.block(|ctx| ctx.attempt(|ctx| report_grid_level(ctx, &env, zone(at), levels))).map_or_else(|code| code, |()| Code::Ok)
}
