//! Entries of the registry as a vote leaves them. Nothing is written here.

use super::{committee, possession_message};
use crate::execute::Context;
use crate::ids::MemberId;
use crate::limits::{MAX_CAPACITY, MAX_MACHINES, MAX_MEMBERS, MAX_NAME_BYTES, MAX_NETWORK_KEYS};
use crate::member::{Capacity, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use crate::receipt::Code;
use crate::reputation::WITHOUT_HISTORY;
use crate::signature::PublicKey;
use crate::state::{Keys, Members, View};
use crate::transaction::{KeyChange, NewMember, ProvenKey};
use std::collections::BTreeSet;

/// A member that has not left.
pub(super) fn present(ctx: &Context<'_>, id: MemberId) -> Result<Member, Code> {
    ctx.state.get::<Members>(&id).filter(|m| m.status != MemberStatus::Left).cloned().ok_or(Code::UnknownMember)
}

/// The entry of a member that joins.
///
/// # Errors
/// [`Code::MemberExists`], [`Code::BadMember`], [`Code::BadKey`].
pub(super) fn joined(ctx: &Context<'_>, new: &NewMember) -> Result<Member, Code> {
    if ctx.state.get::<Members>(&new.id).is_some() {
        return Err(Code::MemberExists);
    }
    let named = !new.name.trim().is_empty() && new.name.len() <= MAX_NAME_BYTES;
    let room = ctx.state.range::<Members>(..).count() < MAX_MEMBERS;
    if !named || !room || !is_sane(&new.capacity) {
        return Err(Code::BadMember);
    }
    let own = |proven: &ProvenKey, role| proven_key(ctx, new.id, role, proven);
    let keys = MemberKeys {
        operator: own(&new.operator, KeyRole::Operator)?,
        meter: new.meter.map(|key| own(&key, KeyRole::Meter)).transpose()?,
        consensus: new.consensus.map(|key| own(&key, KeyRole::Consensus)).transpose()?,
        network: new.network.iter().map(|key| own(key, KeyRole::Network)).collect::<Result<_, _>>()?,
    };
    let member = Member {
        id: new.id,
        owner: new.owner,
        name: new.name.clone(),
        role: new.role,
        status: MemberStatus::Active,
        keys,
        location: new.location.clone(),
        capacity: new.capacity,
        reputation: WITHOUT_HISTORY,
    };
    check_keys(&member)?;
    Ok(member)
}

/// A member under another status. Leaving is final.
///
/// # Errors
/// [`Code::UnknownMember`], [`Code::NothingChanges`], [`Code::Seated`].
pub(super) fn with_status(ctx: &Context<'_>, id: MemberId, status: MemberStatus) -> Result<Member, Code> {
    let member = present(ctx, id)?;
    if member.status == status {
        return Err(Code::NothingChanges);
    }
    check_unseated(ctx, id)?;
    Ok(Member { status, ..member })
}

/// A member in another role, without the keys that the role does not have.
///
/// # Errors
/// [`Code::UnknownMember`], [`Code::NothingChanges`], [`Code::Seated`].
pub(super) fn with_role(ctx: &Context<'_>, id: MemberId, role: Role) -> Result<Member, Code> {
    let mut member = present(ctx, id)?;
    if member.role == role {
        return Err(Code::NothingChanges);
    }
    check_unseated(ctx, id)?;
    member.role = role;
    member.keys.meter = member.keys.meter.filter(|_| has_meter(role));
    member.keys.consensus = member.keys.consensus.filter(|_| role == Role::Hub);
    Ok(member)
}

/// A member with another certificate, and whether anything in it falls.
///
/// # Errors
/// [`Code::UnknownMember`], [`Code::NothingChanges`], [`Code::BadMember`].
pub(super) fn with_capacity(ctx: &Context<'_>, id: MemberId, capacity: Capacity) -> Result<(Member, bool), Code> {
    let member = present(ctx, id)?;
    let old = member.capacity;
    if old == capacity {
        return Err(Code::NothingChanges);
    }
    if !is_sane(&capacity) {
        return Err(Code::BadMember);
    }
    let falls = capacity.compute_watts < old.compute_watts
        || capacity.storage_gb < old.storage_gb
        || capacity.solar_peak_watts < old.solar_peak_watts
        || capacity.machines < old.machines;
    Ok((Member { capacity, ..member }, falls))
}

/// A member elsewhere.
///
/// # Errors
/// [`Code::UnknownMember`], [`Code::NothingChanges`].
pub(super) fn with_location(ctx: &Context<'_>, id: MemberId, location: &Location) -> Result<Member, Code> {
    let member = present(ctx, id)?;
    if member.location == *location {
        return Err(Code::NothingChanges);
    }
    Ok(Member { location: location.clone(), ..member })
}

/// A member with other keys.
///
/// # Errors
/// [`Code::UnknownMember`], [`Code::NothingChanges`], [`Code::BadMember`], [`Code::BadKey`]; [`Code::CannotVote`] for a seated member without a
/// network key.
pub(super) fn with_keys(ctx: &Context<'_>, change: &KeyChange) -> Result<Member, Code> {
    let mut member = present(ctx, change.member)?;
    let old = member.keys.clone();
    let own = |proven: &ProvenKey, role| proven_key(ctx, change.member, role, proven);
    if let Some(key) = &change.operator {
        member.keys.operator = own(key, KeyRole::Operator)?;
    }
    if let Some(key) = &change.meter {
        member.keys.meter = Some(own(key, KeyRole::Meter)?);
    }
    if let Some(key) = &change.consensus {
        member.keys.consensus = Some(own(key, KeyRole::Consensus)?);
    }
    if let Some(keys) = &change.network {
        member.keys.network = keys.iter().map(|key| own(key, KeyRole::Network)).collect::<Result<_, _>>()?;
    }
    if member.keys == old {
        return Err(Code::NothingChanges);
    }
    check_keys(&member)?;
    if member.keys.network.is_empty() && committee::is_seated(ctx, member.id) {
        return Err(Code::CannotVote);
    }
    Ok(member)
}

fn check_unseated(ctx: &Context<'_>, id: MemberId) -> Result<(), Code> {
    if committee::is_seated(ctx, id) { Err(Code::Seated) } else { Ok(()) }
}

fn has_meter(role: Role) -> bool {
    matches!(role, Role::Hub | Role::GridOperator)
}

fn is_sane(capacity: &Capacity) -> bool {
    let figures = [capacity.compute_watts, capacity.storage_gb, capacity.solar_peak_watts];
    figures.iter().all(|figure| *figure <= MAX_CAPACITY) && capacity.machines <= MAX_MACHINES && capacity.heat_factor.get() <= 10_000
}

/// A key that its owner proved to have and that nobody else, and no other role, has.
fn proven_key(ctx: &Context<'_>, member: MemberId, role: KeyRole, proven: &ProvenKey) -> Result<PublicKey, Code> {
    let free = ctx.state.get::<Keys>(&proven.key).is_none_or(|held| *held == (member, role));
    let usable = free && proven.key.check().is_ok();
    if !usable || proven.key.verify(&possession_message(member, role, &proven.key), &proven.possession).is_err() {
        return Err(Code::BadKey);
    }
    Ok(proven.key)
}

/// Keys fit the role and are distinct.
fn check_keys(member: &Member) -> Result<(), Code> {
    let keys = &member.keys;
    let fit = (keys.meter.is_none() || has_meter(member.role)) && (keys.consensus.is_none() || member.role == Role::Hub);
    if !fit || keys.network.len() > MAX_NETWORK_KEYS {
        return Err(Code::BadMember);
    }
    let all = keys.all();
    let distinct: BTreeSet<PublicKey> = all.iter().map(|(_, key)| *key).collect();
    if distinct.len() == all.len() { Ok(()) } else { Err(Code::BadKey) }
}
