//! Entries of the registry as votes and their owners leave them (MARKET 2, 11).

use super::{Member, Model};
use leg_ledger::governance::possession_message;
use leg_ledger::ids::MemberId;
use leg_ledger::member::{Capacity, KeyRole, Location, MemberKeys, MemberStatus, Role};
use leg_ledger::receipt::Code;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{KeyChange, NewMember, ProvenKey, RotateKey};
use std::collections::BTreeSet;
use std::rc::Rc;

const MAX_FIGURE: u64 = 1_000_000_000_000;

fn is_possible(c: &Capacity) -> bool {
    let figures = [c.compute_watts, c.storage_gb, c.solar_peak_watts];
    figures.iter().all(|figure| *figure <= MAX_FIGURE) && c.machines <= 1_000_000 && c.heat_factor.get() <= 10_000
}

fn has_meter(role: Role) -> bool {
    matches!(role, Role::Hub | Role::GridOperator)
}

/// Keys fit the role, and none is there twice.
fn check_keys(member: &Member) -> Result<(), Code> {
    let keys = &member.keys;
    let meter_fits = keys.meter.is_none() || has_meter(member.role);
    let consensus_fits = keys.consensus.is_none() || member.role == Role::Hub;
    if !meter_fits || !consensus_fits || keys.network.len() > 4 {
        return Err(Code::BadMember);
    }
    let all: Vec<PublicKey> = keys.all().into_iter().map(|(_, key)| key).collect();
    if all.iter().collect::<BTreeSet<_>>().len() == all.len() { Ok(()) } else { Err(Code::BadKey) }
}

impl Model {
    fn holder(&self, key: &PublicKey) -> Option<(MemberId, KeyRole)> {
        let mut all = self.members.values().flat_map(|m| m.keys.all().into_iter().map(|(role, key)| (m.id, role, key)));
        all.find(|(_, _, held)| held == key).map(|(member, role, _)| (member, role))
    }

    /// A key whose secret half is at hand. Of a canonical point of large order, and of signatures, the model asks the ledger.
    fn proven(&self, member: MemberId, role: KeyRole, proven: &ProvenKey) -> Result<PublicKey, Code> {
        let free = self.holder(&proven.key).is_none_or(|held| held == (member, role));
        let message = possession_message(member, role, &proven.key);
        let signed = proven.key.check().is_ok() && proven.key.verify(&message, &proven.possession).is_ok();
        if free && signed { Ok(proven.key) } else { Err(Code::BadKey) }
    }

    pub(super) fn rotate_key(&mut self, signer: MemberId, rotate: &RotateKey) -> Result<(), Code> {
        let RotateKey { role, key, possession } = *rotate;
        let keys = &self.members[&signer].keys;
        let has = role == KeyRole::Operator || (role == KeyRole::Meter && keys.meter.is_some());
        if !has {
            return Err(Code::KeyRole);
        }
        if self.holder(&key).is_some() {
            return Err(Code::BadKey);
        }
        self.proven(signer, role, &ProvenKey { key, possession })?;
        let keys = &mut Rc::make_mut(&mut self.members).get_mut(&signer).expect("registered").keys;
        if role == KeyRole::Operator {
            keys.operator = key;
        } else {
            keys.meter = Some(key);
        }
        Ok(())
    }

    /// Who has not left.
    fn present(&self, id: MemberId) -> Result<Member, Code> {
        self.members.get(&id).filter(|m| m.status != MemberStatus::Left).cloned().ok_or(Code::UnknownMember)
    }

    pub(super) fn joined(&self, new: &NewMember) -> Result<Member, Code> {
        if self.members.contains_key(&new.id) {
            return Err(Code::MemberExists);
        }
        if new.name.trim().is_empty() || new.name.len() > 64 || !is_possible(&new.capacity) {
            return Err(Code::BadMember);
        }
        let own = |role, key: &ProvenKey| self.proven(new.id, role, key);
        let keys = MemberKeys {
            operator: own(KeyRole::Operator, &new.operator)?,
            meter: new.meter.map(|key| own(KeyRole::Meter, &key)).transpose()?,
            consensus: new.consensus.map(|key| own(KeyRole::Consensus, &key)).transpose()?,
            network: new.network.iter().map(|key| own(KeyRole::Network, key)).collect::<Result<_, _>>()?,
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
            reputation: leg_ledger::amount::BasisPoints::new(8_000),
        };
        check_keys(&member)?;
        Ok(member)
    }

    pub(super) fn with_status(&self, id: MemberId, status: MemberStatus) -> Result<Member, Code> {
        let member = self.present(id)?;
        match (member.status == status, self.is_seated(id)) {
            (true, _) => Err(Code::NothingChanges),
            (_, true) => Err(Code::Seated),
            _ => Ok(Member { status, ..member }),
        }
    }

    pub(super) fn with_role(&self, id: MemberId, role: Role) -> Result<Member, Code> {
        let mut member = self.present(id)?;
        if member.role == role {
            return Err(Code::NothingChanges);
        }
        if self.is_seated(id) {
            return Err(Code::Seated);
        }
        member.role = role;
        member.keys.meter = member.keys.meter.filter(|_| has_meter(role));
        member.keys.consensus = member.keys.consensus.filter(|_| role == Role::Hub);
        Ok(member)
    }

    pub(super) fn with_capacity(&self, id: MemberId, capacity: Capacity) -> Result<Member, Code> {
        let member = self.present(id)?;
        if member.capacity == capacity {
            return Err(Code::NothingChanges);
        }
        if is_possible(&capacity) { Ok(Member { capacity, ..member }) } else { Err(Code::BadMember) }
    }

    pub(super) fn with_location(&self, id: MemberId, location: &Location) -> Result<Member, Code> {
        let member = self.present(id)?;
        if member.location == *location { Err(Code::NothingChanges) } else { Ok(Member { location: location.clone(), ..member }) }
    }

    pub(super) fn with_keys(&self, change: &KeyChange) -> Result<Member, Code> {
        let mut member = self.present(change.member)?;
        let old = member.keys.clone();
        let own = |role, key: &ProvenKey| self.proven(change.member, role, key);
        if let Some(key) = &change.operator {
            member.keys.operator = own(KeyRole::Operator, key)?;
        }
        if let Some(key) = &change.meter {
            member.keys.meter = Some(own(KeyRole::Meter, key)?);
        }
        if let Some(key) = &change.consensus {
            member.keys.consensus = Some(own(KeyRole::Consensus, key)?);
        }
        if let Some(keys) = &change.network {
            member.keys.network = keys.iter().map(|key| own(KeyRole::Network, key)).collect::<Result<_, _>>()?;
        }
        if member.keys == old {
            return Err(Code::NothingChanges);
        }
        check_keys(&member)?;
        if member.keys.network.is_empty() && self.is_seated(member.id) { Err(Code::CannotVote) } else { Ok(member) }
    }
}
