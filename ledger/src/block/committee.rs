//! The committee: the hubs whose nodes decide blocks, one vote each.

use crate::codec;
use crate::hash::{Domain, Hash};
use crate::ids::{Height, MemberId, Round};
use crate::limits::MAX_COMMITTEE;
use crate::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// One vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitteeMember {
    /// The hub.
    pub member: MemberId,
    /// Its consensus key.
    pub key: PublicKey,
}

/// Members in ascending order of id, without repetition of ids or keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committee {
    members: Vec<CommitteeMember>,
}

/// Why a list of members is no committee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    /// None, or more than [`MAX_COMMITTEE`].
    #[error("{0} members; 1 to {MAX_COMMITTEE} are allowed")]
    Size(usize),
    /// A member or a key stands in it twice.
    #[error("{0} or its key stands in the committee twice")]
    Duplicate(MemberId),
}

impl Committee {
    /// Builds a committee from members in any order.
    ///
    /// # Errors
    /// [`CommitteeError`].
    pub fn new(mut members: Vec<CommitteeMember>) -> Result<Self, CommitteeError> {
        if members.is_empty() || members.len() > MAX_COMMITTEE {
            return Err(CommitteeError::Size(members.len()));
        }
        members.sort_unstable();
        let mut keys = std::collections::BTreeSet::new();
        let mut ids = std::collections::BTreeSet::new();
        for member in &members {
            if !ids.insert(member.member) || !keys.insert(member.key) {
                return Err(CommitteeError::Duplicate(member.member));
            }
        }
        Ok(Committee { members })
    }

    /// Members in ascending order of id.
    pub fn members(&self) -> &[CommitteeMember] {
        &self.members
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never true: a committee has members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The key of a member.
    pub fn key(&self, member: MemberId) -> Option<PublicKey> {
        self.members.iter().find(|m| m.member == member).map(|m| m.key)
    }

    /// True if `votes` are strictly more than two thirds.
    pub fn is_quorum(&self, votes: usize) -> bool {
        votes.saturating_mul(3) > self.members.len().saturating_mul(2)
    }

    /// The proposer of (height, round): members take turns.
    pub fn proposer(&self, height: Height, round: Round) -> Option<&CommitteeMember> {
        let length = u64::try_from(self.members.len()).ok()?;
        let turn = height.get().wrapping_add(u64::from(round.get())).checked_rem(length)?;
        self.members.get(usize::try_from(turn).ok()?)
    }

    /// Hash of the members and their keys.
    pub fn hash(&self) -> Hash {
        Hash::of(Domain::Committee, &codec::encode(self))
    }
}
