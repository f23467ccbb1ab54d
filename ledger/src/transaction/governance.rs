//! What the community votes on (MARKET 2, 11). The lists here are bounded by the form ([`super::TransactionBody::check_form`]).

use crate::amount::Price;
use crate::ids::{Height, MemberId, OwnerId, ProposalId};
use crate::member::{Capacity, Location, MemberStatus, Role};
use crate::params::{Parameter, PriceRule, ProtocolVersion};
use crate::signature::{PublicKey, Signature};
use crate::time::MarketTime;
use crate::transaction::Resource;
use serde::{Deserialize, Serialize};

/// Proposes a change; by a hub of the committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    /// What is to change.
    pub change: Change,
    /// Votes count before this time; without two thirds by then the proposal is rejected.
    pub deadline: MarketTime,
    /// First height at which the change is in force, if it has passed by then; else it is in force as soon as it can be.
    pub activation: Height,
}

/// Votes on a proposal, once; by a hub that sat in the committee when the proposal entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The proposal.
    pub proposal: ProposalId,
    /// For it or against it.
    pub approve: bool,
}

/// A key with the proof that whoever registers it has its secret half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvenKey {
    /// The key.
    pub key: PublicKey,
    /// Its signature over (member id, role, key): [`crate::governance::possession_message`].
    pub possession: Signature,
}

/// An entry that joins the registry, active from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMember {
    /// Short unique name; never used again.
    pub id: MemberId,
    /// Who owns it.
    pub owner: OwnerId,
    /// Name for people, 1 to [`crate::limits::MAX_NAME_BYTES`] bytes.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Where it is.
    pub location: Location,
    /// What it is certified for.
    pub capacity: Capacity,
    /// Signs transactions.
    pub operator: ProvenKey,
    /// Signs readings; only hubs and grid operators have meters.
    pub meter: Option<ProvenKey>,
    /// Signs votes; only hubs.
    pub consensus: Option<ProvenKey>,
    /// Its nodes in the swarm, at most [`crate::limits::MAX_NETWORK_KEYS`].
    pub network: Vec<ProvenKey>,
}

/// New keys of a member; what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyChange {
    /// Whose.
    pub member: MemberId,
    /// Replaces a lost operator key; who still has the old one rotates it alone.
    pub operator: Option<ProvenKey>,
    /// Replaces or adds the meter key.
    pub meter: Option<ProvenKey>,
    /// Replaces or adds the consensus key; a seat in the committee goes over to it.
    pub consensus: Option<ProvenKey>,
    /// All network keys from then on, at most [`crate::limits::MAX_NETWORK_KEYS`].
    pub network: Option<Vec<ProvenKey>>,
}

/// What a proposal changes. New kinds are appended, never inserted: the variant number is part of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// One parameter, within its bounds.
    Parameter {
        /// Which.
        parameter: Parameter,
        /// Its value, in the parameter's unit.
        value: u64,
    },
    /// Base price of a resource; the collar and the reference price follow it.
    BasePrice {
        /// The resource.
        resource: Resource,
        /// Per priced unit, a multiple of the tick.
        base: Price,
    },
    /// How prices of a resource are formed.
    PriceRule {
        /// The resource.
        resource: Resource,
        /// The rule.
        rule: PriceRule,
    },
    /// A member joins.
    Join(Box<NewMember>),
    /// A member is suspended, reinstated or leaves. Leaving is final.
    Status {
        /// Who.
        member: MemberId,
        /// What it becomes.
        status: MemberStatus,
    },
    /// A member plays another role.
    Role {
        /// Who.
        member: MemberId,
        /// What it becomes.
        role: Role,
    },
    /// What a member is certified for; where a figure falls its open orders end, since they rest on the old certificate.
    Capacity {
        /// Who.
        member: MemberId,
        /// The certificate.
        capacity: Capacity,
    },
    /// Where a member is; its open orders end, since they were placed elsewhere.
    Location {
        /// Who.
        member: MemberId,
        /// Where.
        location: Box<Location>,
    },
    /// Keys of a member.
    Keys(Box<KeyChange>),
    /// Markets that the committee halted accept orders again.
    Reopen {
        /// The resource.
        resource: Resource,
    },
    /// The committee, whole: ascending ids of active hubs with consensus and network keys.
    Committee {
        /// Its members.
        members: Vec<MemberId>,
    },
    /// The rules of a protocol version, from the activation height on. A program that does not know them stops there.
    Version {
        /// The version.
        version: ProtocolVersion,
    },
}
