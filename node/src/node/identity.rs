//! Whose node this is: the member that the registry names for its keys.

use crate::keys::NodeKeys;
use leg_ledger::ids::MemberId;
use leg_ledger::member::KeyRole;
use leg_ledger::signature::PublicKey;
use leg_ledger::state::{Keys, View};

/// The keys of a node belong to no one member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Two keys of one node belong to two members.
    #[error("the {first_role:?} key belongs to {first}, the {second_role:?} key to {second}: a node has the keys of one member")]
    TwoMembers {
        /// A role.
        first_role: KeyRole,
        /// Who holds its key.
        first: MemberId,
        /// Another role.
        second_role: KeyRole,
        /// Who holds that one's.
        second: MemberId,
    },
    /// The keys belong to another member than the one that the configuration names.
    #[error("the node's keys belong to {registered}; its configuration says member = \"{declared}\"")]
    OtherMember {
        /// Who holds the keys.
        registered: MemberId,
        /// Who the configuration names.
        declared: MemberId,
    },
    /// A key stands in the wrong file.
    #[error("{file} holds the {registered:?} key of {member}")]
    WrongRole {
        /// The file.
        file: &'static str,
        /// What it is registered as.
        registered: KeyRole,
        /// By whom.
        member: MemberId,
    },
}

/// What the registry says of a node's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The member, by the registry, or by the configuration while the registry knows no key of it. `None` when neither names one: the node
    /// follows as a guest of the nodes that pinned it.
    pub member: Option<MemberId>,
    /// Key files whose key is not registered. That is a mistake, or this node has not caught up with a rotation yet.
    pub unregistered: Vec<&'static str>,
}

impl Identity {
    /// Looks the keys up in the registry; `declared` is the member that the configuration names.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn of<V: View>(keys: &NodeKeys, registry: &V, declared: Option<MemberId>) -> Result<Self, IdentityError> {
        let mut identity = Identity::default();
        let mut found: Option<(KeyRole, MemberId)> = None;
        for (file, role, key) in files(keys) {
            let Some((member, registered)) = registry.get::<Keys>(&key).copied() else {
                identity.unregistered.push(file);
                continue;
            };
            if registered != role {
                return Err(IdentityError::WrongRole { file, registered, member });
            }
            match found {
                Some((first_role, first)) if first != member => {
                    return Err(IdentityError::TwoMembers { first_role, first, second_role: role, second: member });
                }
                _ => found = Some((role, member)),
            }
        }
        identity.member = match (found, declared) {
            (Some((_, registered)), Some(declared)) if registered != declared => {
                return Err(IdentityError::OtherMember { registered, declared });
            }
            (found, declared) => found.map(|(_, member)| member).or(declared),
        };
        Ok(identity)
    }
}

fn files(keys: &NodeKeys) -> impl Iterator<Item = (&'static str, KeyRole, PublicKey)> {
    use crate::keys::{CONSENSUS_FILE, METER_FILE, NETWORK_FILE, OPERATOR_FILE};
    let all = [
        (OPERATOR_FILE, KeyRole::Operator, keys.operator.as_ref()),
        (METER_FILE, KeyRole::Meter, keys.meter.as_ref()),
        (CONSENSUS_FILE, KeyRole::Consensus, keys.consensus.as_ref()),
        (NETWORK_FILE, KeyRole::Network, Some(&keys.network)),
    ];
    all.into_iter().filter_map(|(file, role, key)| Some((file, role, key?.public())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Network, keys_of};
    use leg_ledger::signature::SecretKey;

    #[test]
    fn keys_name_their_member_and_only_one() {
        let network = Network::new(2);
        let state = network.ledger.state();
        let own = keys_of(&network.hubs[0]);
        let all = Identity::of(&own, state, None).unwrap();
        assert_eq!((all.member, all.unregistered.len()), (Some(network.hubs[0].id), 0));

        let other = NodeKeys { consensus: Some(network.hubs[1].consensus.clone()), ..own.clone() };
        assert!(matches!(Identity::of(&other, state, None), Err(IdentityError::TwoMembers { .. })));
        let swapped = NodeKeys { meter: own.operator.clone(), ..own.clone() };
        assert!(matches!(Identity::of(&swapped, state, None), Err(IdentityError::WrongRole { file: "meter.key", .. })));

        let unknown = SecretKey::from_bytes(&[200; 32]);
        let rotated = NodeKeys { operator: Some(unknown.clone()), ..own };
        let identity = Identity::of(&rotated, state, None).unwrap();
        assert_eq!((identity.member, identity.unregistered), (Some(network.hubs[0].id), vec!["operator.key"]));
        let guest = NodeKeys { operator: None, meter: None, consensus: None, network: unknown };
        assert_eq!(Identity::of(&guest, state, None).unwrap().member, None);
        let later = MemberId::parse("hub-99");
        assert_eq!(Identity::of(&guest, state, later).unwrap().member, later, "who joins later is named by the configuration");
        assert!(matches!(Identity::of(&rotated, state, later), Err(IdentityError::OtherMember { .. })));
    }
}
