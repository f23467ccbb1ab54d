//! From a change to what it writes: prepared from the state as it is, made in one go.

use super::{charges, committee, departure, member};
use crate::block::Committee;
use crate::execute::{Context, Fault};
use crate::ids::Height;
use crate::market;
use crate::member::{Member, MemberStatus};
use crate::params::{Activation, Params};
use crate::receipt::{Code, Event};
use crate::reputation::{Note, note};
use crate::state::{Keys, Members, Parameters, View};
use crate::transaction::{Change, Resource};

/// One thing that a change writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The parameters.
    Params(Box<Params>),
    /// A member joins, or its entry changes.
    Member {
        /// The entry.
        member: Box<Member>,
        /// Its open orders end.
        withdraw: bool,
    },
    /// The committee that is announced next.
    Committee(Committee),
    /// Markets of a resource accept orders again.
    Reopen(Resource),
    /// A version comes into force.
    Version(Activation),
}

/// What a change writes if it is made in this block; `activation` is the height that its proposal asks for.
///
/// # Errors
/// The code that says why it cannot be made.
pub(super) fn prepare(ctx: &Context<'_>, change: &Change, activation: Height) -> Result<Vec<Step>, Code> {
    let entry = |member: Member, withdraw: bool| vec![Step::Member { member: Box::new(member), withdraw }];
    Ok(match change {
        Change::Parameter { .. } | Change::BasePrice { .. } | Change::PriceRule { .. } => {
            vec![Step::Params(Box::new(params(ctx, change)?))]
        }
        Change::Join(new) => entry(member::joined(ctx, new)?, false),
        Change::Status { member, status } => entry(member::with_status(ctx, *member, *status)?, *status != MemberStatus::Active),
        Change::Role { member, role } => entry(member::with_role(ctx, *member, *role)?, true),
        Change::Capacity { member, capacity } => {
            let (member, falls) = member::with_capacity(ctx, *member, *capacity)?;
            entry(member, falls)
        }
        Change::Location { member, location } => entry(member::with_location(ctx, *member, location)?, true),
        Change::Keys(keys) => {
            let mut steps = entry(member::with_keys(ctx, keys)?, false);
            if let Some(key) = keys.consensus {
                steps.extend(committee::with_key(ctx, keys.member, key.key)?.map(Step::Committee));
            }
            steps
        }
        Change::Reopen { resource } => {
            if !market::is_halted(&ctx.state, *resource) {
                return Err(Code::NotHalted);
            }
            vec![Step::Reopen(*resource)]
        }
        Change::Committee { members } => vec![Step::Committee(committee::of_members(ctx, members)?)],
        Change::Version { version } => {
            let height = activation.max(ctx.facts.height.next().ok_or(Code::Overflow)?);
            let last = current(ctx)?.activations.last().copied();
            if last.is_some_and(|last| *version <= last.version || height <= last.height) {
                return Err(Code::BadVersion);
            }
            vec![Step::Version(Activation { height, version: *version })]
        }
    })
}

/// Parameters as earlier changes of this block left them.
fn current<'c>(ctx: &'c Context<'_>) -> Result<&'c Params, Code> {
    ctx.state.get::<Parameters>(&()).ok_or(Code::ParameterBounds)
}

fn params(ctx: &Context<'_>, change: &Change) -> Result<Params, Code> {
    let old = current(ctx)?;
    let mut new = old.clone();
    match change {
        Change::Parameter { parameter, value } => new = parameter.set(old, *value).ok_or(Code::ParameterBounds)?,
        Change::BasePrice { resource, base } => {
            let of = new.resources.of_mut(*resource);
            let on_tick = base.floor_to(of.tick) == Some(*base);
            if !on_tick || !(of.tick.micro_chf()..=crate::limits::MAX_BASE_PRICE).contains(&base.micro_chf()) {
                return Err(Code::ParameterBounds);
            }
            of.base = *base;
        }
        Change::PriceRule { resource, rule } => new.resources.of_mut(*resource).rule = *rule,
        _ => {}
    }
    if new == *old { Err(Code::NothingChanges) } else { Ok(new) }
}

/// Writes a step that was prepared on the state as it is.
///
/// # Errors
/// [`Fault`]: a bug.
pub(super) fn make(ctx: &mut Context<'_>, step: Step) -> Result<(), Fault> {
    match step {
        Step::Params(params) => {
            let charged = params.charges != crate::params::Charges::default();
            ctx.state.put::<Parameters>((), *params);
            if charged { charges::begin(ctx) } else { Ok(()) }
        }
        Step::Member { member, withdraw } => write_member(ctx, *member, withdraw),
        Step::Committee(committee) => {
            let height = ctx.facts.height.checked_add(2).ok_or(Fault::Rejected(Code::Overflow))?;
            ctx.next_committee = Some(committee);
            ctx.events.push(Event::CommitteeChanged { height });
            Ok(())
        }
        Step::Reopen(resource) => {
            market::reopen(ctx, resource);
            ctx.events.push(Event::Reopened { resource });
            Ok(())
        }
        Step::Version(activation) => {
            let mut params = current(ctx)?.clone();
            params.activations.push(activation);
            ctx.state.put::<Parameters>((), params);
            ctx.events.push(Event::VersionAnnounced { version: activation.version, height: activation.height });
            Ok(())
        }
    }
}

/// Writes an entry with the index of its keys, and what follows from another status.
fn write_member(ctx: &mut Context<'_>, member: Member, withdraw: bool) -> Result<(), Fault> {
    let id = member.id;
    let old = ctx.state.get::<Members>(&id).cloned();
    let new_keys = member.keys.all();
    for (role, key) in old.iter().flat_map(|old| old.keys.all()).filter(|held| !new_keys.contains(held)) {
        ctx.state.remove::<Keys>(&key);
        ctx.events.push(Event::KeyRotated { member: id, role });
    }
    for (role, key) in new_keys {
        if ctx.state.get::<Keys>(&key).is_none() {
            ctx.state.put::<Keys>(key, (id, role));
        }
    }
    let status = member.status;
    if old.as_ref().is_some_and(|old| (old.status, old.role) != (status, member.role)) {
        note(ctx, id, Note::Changed);
    }
    let plant_shrinks = old.as_ref().is_some_and(|old| member.capacity.solar_peak_watts < old.capacity.solar_peak_watts);
    let changed = old.is_none_or(|old| old.status != status);
    ctx.state.put::<Members>(id, member);
    if withdraw {
        market::withdraw_member(ctx, id)?;
    }
    if plant_shrinks {
        market::cap_forecast(ctx, id)?;
    }
    if changed {
        ctx.events.push(Event::MemberStatus { member: id, status });
        if status == MemberStatus::Left {
            departure::begin(ctx, id);
        }
    }
    Ok(())
}
