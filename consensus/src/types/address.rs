//! Who votes.

use arc_malachitebft_core_types as engine;
use leg_ledger::ids::MemberId;
use std::cmp::Ordering;
use std::fmt;

/// The address of a voter: its member id.
///
/// `local` marks the address that this node gives the engine as its own. It takes no part in equality, order or bytes; only
/// [`super::CommitteeView`] looks at it, to answer "is this node a voter at this height" apart from "is this member in the committee".
#[derive(Clone, Copy)]
pub struct Address {
    member: MemberId,
    local: bool,
}

impl Address {
    /// The address of a member.
    pub const fn new(member: MemberId) -> Self {
        Address { member, local: false }
    }

    /// The address of this node.
    pub const fn local(member: MemberId) -> Self {
        Address { member, local: true }
    }

    /// The member.
    pub const fn member(&self) -> MemberId {
        self.member
    }

    pub(super) const fn is_local(&self) -> bool {
        self.local
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.member == other.member
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.member.cmp(&other.member)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.member.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.member.fmt(f)
    }
}

impl engine::Address for Address {}
