//! Zones: cantons with hubs.

use crate::ids::{LegId, PlaceId};
use crate::member::{Member, MemberStatus, Role};
use crate::state::{Members, View};
use std::collections::BTreeSet;

/// The cantons in which an active hub stands.
pub fn zones(view: &impl View) -> BTreeSet<PlaceId> {
    let hub = |member: &&Member| member.role == Role::Hub && member.status == MemberStatus::Active;
    view.range::<Members>(..).map(|(_, member)| member).filter(hub).map(|member| member.location.canton).collect()
}

/// The zone of a community: the canton of its first member by id.
pub fn zone_of_leg(view: &impl View, leg: LegId) -> Option<PlaceId> {
    view.range::<Members>(..).find(|(_, member)| member.location.leg == Some(leg)).map(|(_, member)| member.location.canton)
}
