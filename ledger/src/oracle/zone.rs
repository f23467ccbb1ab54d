//! Zones: cantons with hubs.

use crate::ids::{LegId, MemberId, PlaceId};
use crate::member::Role;
use crate::state::{IndexKey, Members, View};
use std::collections::BTreeSet;
use std::ops::Bound;

/// The cantons in which an active hub stands.
pub fn zones(view: &impl View) -> BTreeSet<PlaceId> {
    cantons_of(view, Role::Hub).collect()
}

/// The cantons in which an active member of a role stands, ascending: one look-up a canton.
pub(super) fn cantons_of(view: &impl View, role: Role) -> impl Iterator<Item = PlaceId> {
    let mut from = Bound::Included(IndexKey::ActiveMember { role, canton: PlaceId::FIRST, member: MemberId::FIRST });
    std::iter::from_fn(move || match view.index((from, Bound::Unbounded)).next()? {
        IndexKey::ActiveMember { role: of, canton, .. } if of == role => {
            from = Bound::Excluded(IndexKey::ActiveMember { role, canton, member: MemberId::LAST });
            Some(canton)
        }
        _ => None,
    })
}

/// The communities that have a member, ascending: one look-up a community.
pub fn legs(view: &impl View) -> impl Iterator<Item = LegId> {
    let mut from = Bound::Included(IndexKey::LegMember { leg: LegId::FIRST, member: MemberId::FIRST });
    std::iter::from_fn(move || match view.index((from, Bound::Unbounded)).next()? {
        IndexKey::LegMember { leg, .. } => {
            from = Bound::Excluded(IndexKey::LegMember { leg, member: MemberId::LAST });
            Some(leg)
        }
        _ => None,
    })
}

/// The zone of a community: the canton of its first member by id.
pub fn zone_of_leg(view: &impl View, leg: LegId) -> Option<PlaceId> {
    match view.index(IndexKey::LegMember { leg, member: MemberId::FIRST }..).next()? {
        IndexKey::LegMember { leg: of, member } if of == leg => view.get::<Members>(&member).map(|member| member.location.canton),
        _ => None,
    }
}
