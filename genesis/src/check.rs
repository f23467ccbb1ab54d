//! Whether a network can start with a content.

use crate::build::{Content, GenesisMember};
use crate::error::{GenesisError, Problem};
use leg_ledger::amount::BasisPoints;
use leg_ledger::block::Committee;
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::limits::{
    HARD_BLOCK_BYTES, MAX_CAPACITY, MAX_COMMITTEE, MAX_DEPOSITED, MAX_MACHINES, MAX_MEMBERS, MAX_NAME_BYTES, MAX_NETWORK_KEYS,
    MAX_ORACLE_AHEAD_MS, MAX_ORACLE_SOURCES, MAX_TRANSACTION_BYTES, SLOT_RETENTION_MS,
};
use leg_ledger::member::{KeyRole, Member, MemberStatus, Role};
use leg_ledger::params::{DisputeParams, Parameter, Params, ProtocolVersion, ResourceParams, StorageParams};
use leg_ledger::signature::PublicKey;
use leg_ledger::time::{DAY_MS, SLOT_MS};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Fastest market: a week of slots in less than a second is of no use to anybody.
const MAX_SCALE: u32 = 1_000_000;
/// Longest window: ten years.
const MAX_WINDOW_MS: u64 = 10 * 366 * leg_ledger::time::DAY_MS;

fn refuse<T>(field: impl Into<String>, problem: Problem) -> Result<T, GenesisError> {
    Err(GenesisError::field(field, problem))
}

fn within<T: PartialOrd + Display>(field: impl Into<String>, value: T, least: T, most: T) -> Result<(), GenesisError> {
    if value < least || value > most {
        return refuse(field, Problem::Range { least: least.to_string(), most: most.to_string() });
    }
    Ok(())
}

fn share(field: &str, value: BasisPoints, least: u32, most: u32) -> Result<(), GenesisError> {
    if value.get() < least || value.get() > most {
        let text = |bp: u32| format!("{}.{:04}", bp / 10_000, bp % 10_000);
        return refuse(field, Problem::Range { least: text(least), most: text(most) });
    }
    Ok(())
}

impl Content {
    /// Checks everything that the ledger takes for granted about a genesis, and returns its committee.
    ///
    /// # Errors
    /// [`GenesisError::Field`] with the first field that is wrong.
    pub fn check(&self) -> Result<Committee, GenesisError> {
        self.check_params()?;
        self.check_members()?;
        self.check_committee()
    }

    fn check_params(&self) -> Result<(), GenesisError> {
        let p = &self.params;
        within("originMs", p.clock.origin.ms(), 1, u64::MAX / 4)?;
        within("scale", p.clock.scale, 1, MAX_SCALE)?;
        check_activations(p)?;
        let resources = &p.resources;
        for (name, resource) in [
            ("compute", &resources.compute),
            ("computeHours", &resources.compute_hours),
            ("storage", &resources.storage),
            ("heat", &resources.heat),
            ("energy", &resources.energy),
        ] {
            check_resource(name, resource)?;
        }
        share("params.fee", p.fee, 200, 500)?;
        share("params.priceCollar", p.price_collar, 10_000, 1_000_000)?;
        share("params.underDeliveryTolerance", p.under_delivery_tolerance, 0, 10_000)?;
        share("params.underDeliveryPenalty", p.under_delivery_penalty, 0, 10_000)?;
        share("params.solarBonus", p.solar_bonus, 0, 10_000)?;
        share("params.cappedReputation", p.capped_reputation, 0, 10_000)?;
        share("params.barredReputation", p.barred_reputation, 0, p.capped_reputation.get())?;
        // A block must hold at least one transaction of the greatest size beside its parent's certificate.
        within("params.maxBlockBytes", p.max_block_bytes as usize, 2 * MAX_TRANSACTION_BYTES, HARD_BLOCK_BYTES)?;
        within("params.maxTimers", p.max_timers, 1, 1_000_000)?;
        within("params.maxMemberTransactions", p.max_member_transactions, 1, 1_000_000)?;
        within("params.maxOpenOrders", p.max_open_orders, 1, 1_000_000)?;
        within("params.heatExpiryMonths", p.heat_expiry_months, 1, 120)?;
        for (name, window) in [
            ("startWindowMs", p.start_window_ms),
            ("completeWindowMs", p.complete_window_ms),
            ("confirmWindowMs", p.confirm_window_ms),
            ("energyOpenMs", p.energy_open_ms),
            ("exchangeWindowMs", p.exchange_window_ms),
            ("readingsWindowMs", p.readings_window_ms),
        ] {
            within(format!("params.{name}"), window, 1, MAX_WINDOW_MS)?;
        }
        check_storage(&p.storage)?;
        within("params.oracle.minSources", p.oracle.min_sources, 1, MAX_ORACLE_SOURCES as u32)?;
        within("params.oracle.forecastStalenessMs", p.oracle.forecast_staleness_ms, SLOT_MS, MAX_ORACLE_AHEAD_MS)?;
        within("params.oracle.gridStalenessMs", p.oracle.grid_staleness_ms, SLOT_MS, DAY_MS)?;
        within("params.reputation.unit", p.reputation.unit.get(), 1, MAX_DEPOSITED)?;
        within("params.reputation.attendanceMs", p.reputation.attendance_ms, 1, MAX_WINDOW_MS)?;
        check_disputes(&p.disputes)?;
        for charge in [Parameter::ApiAccess, Parameter::Certification, Parameter::Support] {
            let (least, most) = charge.bounds().into_inner();
            within(format!("params.{}", charge.name()), charge.get(p), least, most)?;
        }
        within("params.maxDriftMs", p.max_drift_ms, 10, 60_000)?;
        within("params.blockIntervalMs", p.block_interval_ms, 1, 60_000)?;
        within("params.idleIntervalMs", p.idle_interval_ms, p.block_interval_ms, 60_000)
    }

    fn check_members(&self) -> Result<(), GenesisError> {
        if self.members.is_empty() {
            return refuse("members", Problem::Empty);
        }
        if self.members.len() > MAX_MEMBERS {
            return refuse("members", Problem::TooMany(MAX_MEMBERS));
        }
        let mut ids: BTreeMap<MemberId, usize> = BTreeMap::new();
        let mut keys: BTreeMap<PublicKey, String> = BTreeMap::new();
        let mut deposited = 0_u64;
        for (index, GenesisMember { member, balance }) in self.members.iter().enumerate() {
            let path = format!("members[{index}].member");
            if let Some(other) = ids.insert(member.id, index) {
                return refuse(format!("{path}.id"), Problem::Duplicate(format!("members[{other}].member.id")));
            }
            check_member(&path, member)?;
            check_keys(&path, member, &mut keys)?;
            deposited = match deposited.checked_add(balance.get()).filter(|sum| *sum <= MAX_DEPOSITED) {
                Some(sum) => sum,
                None => return refuse(format!("members[{index}].openingBalance"), Problem::Deposits),
            };
        }
        Ok(())
    }

    fn check_committee(&self) -> Result<Committee, GenesisError> {
        if self.committee.is_empty() {
            return refuse("committee", Problem::Empty);
        }
        if self.committee.len() > MAX_COMMITTEE {
            return refuse("committee", Problem::TooMany(MAX_COMMITTEE));
        }
        let mut members = Vec::with_capacity(self.committee.len());
        for (index, (id, vote)) in self.committee.iter().zip(self.committee_members()).enumerate() {
            let field = format!("committee[{index}]");
            let Some(entry) = self.members.iter().map(|m| &m.member).find(|m| m.id == *id) else {
                return refuse(field, Problem::UnknownMember(id.to_string()));
            };
            let able = entry.role == Role::Hub && entry.status == MemberStatus::Active && !entry.keys.network.is_empty();
            match vote {
                Some(vote) if able => members.push(vote),
                _ => return refuse(field, Problem::CannotVote),
            }
            if let Some(other) = self.committee.iter().position(|other| other == id).filter(|other| *other < index) {
                return refuse(field, Problem::Duplicate(format!("committee[{other}]")));
            }
        }
        Committee::new(members).map_err(|e| GenesisError::field("committee", Problem::Duplicate(e.to_string())))
    }
}

fn check_activations(p: &Params) -> Result<(), GenesisError> {
    let first = p.activations.first().is_some_and(|a| a.height <= Height::new(1));
    let ascending = p.activations.is_sorted_by(|a, b| a.height < b.height);
    let known = p.activations.iter().all(|a| a.version == ProtocolVersion::V1);
    if first && ascending && known { Ok(()) } else { refuse("params.activations", Problem::Activations) }
}

fn check_resource(name: &str, p: &ResourceParams) -> Result<(), GenesisError> {
    let field = |field: &str| format!("params.resources.{name}.{field}");
    within(field("lot"), p.lot.get(), 1, 1_000_000_000)?;
    within(field("tick"), p.tick.micro_chf(), 1, 1_000_000_000)?;
    within(field("basePrice"), p.base.micro_chf(), 1, 1_000_000_000_000)?;
    if !p.base.micro_chf().is_multiple_of(p.tick.micro_chf()) {
        return refuse(field("basePrice"), Problem::NotMultiple(p.tick.to_string()));
    }
    // MARKET 1: price x lot is exact, so that only metered amounts round.
    if !(p.tick.micro_chf() * p.lot.get()).is_multiple_of(1_000) {
        return refuse(field("tick"), Problem::NotMultiple("1000 micro-CHF / lot, so that tick x lot is whole micro-CHF".into()));
    }
    Ok(())
}

fn check_storage(p: &StorageParams) -> Result<(), GenesisError> {
    within("params.storage.maxMonths", p.max_months, 1, 1_200)?;
    within("params.storage.challengeChunks", p.challenge_chunks, 1, 32)?;
    within("params.storage.missingDays", p.missing_days, 1, 366)?;
    for (name, window) in [
        ("announceWindowMs", p.announce_window_ms),
        ("firstProofWindowMs", p.first_proof_window_ms),
        ("dayMs", p.day_ms),
        ("answerWindowMs", p.answer_window_ms),
    ] {
        within(format!("params.storage.{name}"), window, 1, MAX_WINDOW_MS)?;
    }
    Ok(())
}

fn check_disputes(p: &DisputeParams) -> Result<(), GenesisError> {
    share("params.disputes.bond", p.bond, 0, 10_000)?;
    within("params.disputes.minBond", p.min_bond.get(), 0, MAX_DEPOSITED)?;
    within("params.disputes.verdictWindowMs", p.verdict_window_ms, 2, MAX_WINDOW_MS)?;
    // Votes are cast between the two.
    within("params.disputes.evidenceWindowMs", p.evidence_window_ms, 1, p.verdict_window_ms - 1)?;
    share("params.disputes.meteredTolerance", p.metered_tolerance, 0, 10_000)?;
    // Slots are kept for that long.
    within("params.disputes.correctionWindowMs", p.correction_window_ms, 1, SLOT_RETENTION_MS)
}

fn check_member(path: &str, member: &Member) -> Result<(), GenesisError> {
    if member.name.trim().is_empty() {
        return refuse(format!("{path}.name"), Problem::Empty);
    }
    if member.name.len() > MAX_NAME_BYTES {
        return refuse(format!("{path}.name"), Problem::TooMany(MAX_NAME_BYTES));
    }
    let capacity = &member.capacity;
    within(format!("{path}.capacity.computeWatts"), capacity.compute_watts, 0, MAX_CAPACITY)?;
    within(format!("{path}.capacity.storageGb"), capacity.storage_gb, 0, MAX_CAPACITY)?;
    within(format!("{path}.capacity.solarPeakWatts"), capacity.solar_peak_watts, 0, MAX_CAPACITY)?;
    within(format!("{path}.capacity.machines"), capacity.machines, 0, MAX_MACHINES)?;
    share(&format!("{path}.capacity.heatFactor"), capacity.heat_factor, 0, 10_000)
}

fn check_keys(path: &str, member: &Member, known: &mut BTreeMap<PublicKey, String>) -> Result<(), GenesisError> {
    let keys = &member.keys;
    let hub = member.role == Role::Hub;
    if keys.meter.is_some() && !hub && member.role != Role::GridOperator {
        return refuse(format!("{path}.keys.meter"), Problem::KeyOfRole);
    }
    if keys.consensus.is_some() && !hub {
        return refuse(format!("{path}.keys.consensus"), Problem::KeyOfRole);
    }
    if keys.network.len() > MAX_NETWORK_KEYS {
        return refuse(format!("{path}.keys.network"), Problem::TooMany(MAX_NETWORK_KEYS));
    }
    let mut network = 0;
    for (role, key) in keys.all() {
        let field = match role {
            KeyRole::Operator => format!("{path}.keys.operator"),
            KeyRole::Meter => format!("{path}.keys.meter"),
            KeyRole::Consensus => format!("{path}.keys.consensus"),
            KeyRole::Network => {
                network += 1;
                format!("{path}.keys.network[{}]", network - 1)
            }
        };
        if key.check().is_err() {
            return refuse(field, Problem::NotKey);
        }
        if let Some(other) = known.insert(key, field.clone()) {
            return refuse(field, Problem::Duplicate(other));
        }
    }
    Ok(())
}
