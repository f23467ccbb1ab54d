//! What votes change (MARKET 11): whether it can be made today, and what it writes.

use super::reputation::Remark;
use super::state::Seats;
use super::{DAY_MS, Model, SLOT_MS};
use leg_ledger::amount::{BasisPoints, MicroChf};
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::member::{Member, MemberStatus, Role};
use leg_ledger::params::{Activation, Charges, Parameter, Params};
use leg_ledger::receipt::Code;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{Change, Resource};
use std::collections::BTreeSet;
use std::rc::Rc;

const MAX_BASE: u64 = 1_000_000_000_000;
const FRANC: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Params(Box<Params>),
    /// An entry of the registry; its open orders end with it.
    Member(Box<Member>, bool),
    Seats(Seats),
    Reopen(Resource),
    Version(Activation),
}

impl Model {
    pub(super) fn prepare(&self, change: &Change, activation: u64) -> Result<Vec<Step>, Code> {
        let entry = |member: Member, withdraw: bool| vec![Step::Member(Box::new(member), withdraw)];
        Ok(match change {
            Change::Parameter { .. } | Change::BasePrice { .. } | Change::PriceRule { .. } => {
                let new = changed(&self.voted, change).ok_or(Code::ParameterBounds)?;
                if new == *self.voted {
                    return Err(Code::NothingChanges);
                }
                vec![Step::Params(Box::new(new))]
            }
            Change::Join(new) => entry(self.joined(new)?, false),
            Change::Status { member, status } => entry(self.with_status(*member, *status)?, *status != MemberStatus::Active),
            Change::Role { member, role } => entry(self.with_role(*member, *role)?, true),
            Change::Capacity { member, capacity } => {
                let new = self.with_capacity(*member, *capacity)?;
                let old = self.members[member].capacity;
                let figures = |c: &leg_ledger::member::Capacity| [c.compute_watts, c.storage_gb, c.solar_peak_watts, c.machines.into()];
                let falls = figures(capacity).iter().zip(figures(&old)).any(|(new, old)| *new < old);
                entry(new, falls)
            }
            Change::Location { member, location } => entry(self.with_location(*member, location)?, true),
            Change::Keys(keys) => {
                let mut steps = entry(self.with_keys(keys)?, false);
                if let Some(key) = keys.consensus.filter(|_| self.newest().contains_key(&keys.member)) {
                    self.check_overlap(1)?;
                    let mut seats = self.newest().clone();
                    seats.insert(keys.member, key.key);
                    steps.push(Step::Seats(seats));
                }
                steps
            }
            Change::Reopen { resource } if self.halted.contains(resource) => vec![Step::Reopen(*resource)],
            Change::Reopen { .. } => return Err(Code::NotHalted),
            Change::Committee { members } => vec![Step::Seats(self.seats_of(members)?)],
            Change::Version { version } => {
                let height = Height::new(activation.max(self.height + 1));
                let last = self.voted.activations.last().expect("the first version");
                if *version <= last.version || height <= last.height {
                    return Err(Code::BadVersion);
                }
                vec![Step::Version(Activation { height, version: *version })]
            }
        })
    }

    fn check_overlap(&self, replaced: usize) -> Result<(), Code> {
        if 3 * replaced < self.newest().len() { Ok(()) } else { Err(Code::CommitteeOverlap) }
    }

    fn seats_of(&self, members: &[MemberId]) -> Result<Seats, Code> {
        let ascends = members.windows(2).all(|pair| pair[0] < pair[1]);
        if members.len() < 4 || members.len() > 24 || !ascends {
            return Err(Code::CommitteeSize);
        }
        let (before, after): (BTreeSet<MemberId>, BTreeSet<MemberId>) =
            (self.newest().keys().copied().collect(), members.iter().copied().collect());
        let replaced = before.difference(&after).count().max(after.difference(&before).count());
        if replaced == 0 {
            return Err(Code::NothingChanges);
        }
        self.check_overlap(replaced)?;
        let seat = |id: &MemberId| -> Result<(MemberId, PublicKey), Code> {
            let member = self.members.get(id).ok_or(Code::UnknownMember)?;
            let able = member.role == Role::Hub && member.status == MemberStatus::Active && !member.keys.network.is_empty();
            let key = member.keys.consensus.filter(|_| able).ok_or(Code::CannotVote)?;
            let seen = self.conduct.get(id).and_then(|c| c.presence?.seen_at);
            let is_new = !before.contains(id);
            if is_new && seen.is_none_or(|at| self.now - at > DAY_MS) { Err(Code::NoHeartbeat) } else { Ok((*id, key)) }
        };
        members.iter().map(seat).collect()
    }

    pub(super) fn make(&mut self, step: Step) {
        match step {
            Step::Params(params) => {
                if params.charges != Charges::default() {
                    self.begin_charges();
                }
                self.voted = Rc::new(*params);
            }
            Step::Member(member, withdraw) => self.write_member(*member, withdraw),
            Step::Seats(seats) => self.announced = Some(seats),
            Step::Reopen(resource) => {
                self.halted.remove(&resource);
                self.halt_votes.remove(&resource);
            }
            Step::Version(activation) => Rc::make_mut(&mut self.voted).activations.push(activation),
        }
    }

    fn write_member(&mut self, member: Member, withdraw: bool) {
        let (id, status) = (member.id, member.status);
        let before = Rc::make_mut(&mut self.members).insert(id, member);
        if withdraw {
            let orders: Vec<_> = self.orders.iter().filter(|(_, o)| o.member == id).map(|(order, _)| *order).collect();
            orders.into_iter().for_each(|order| self.end_order(order));
        }
        let Some(before) = before else { return };
        let after = &self.members[&id];
        if (before.status, before.role) != (status, after.role) {
            self.remarks.push((id, Remark::Looked));
        }
        if status == MemberStatus::Left && before.status != status {
            self.departures.insert(id, (self.now, self.now));
        }
        // A plant that is certified for less makes less of what was forecast.
        let peak = after.capacity.solar_peak_watts;
        if peak < before.capacity.solar_peak_watts {
            let ahead = (id, self.now / SLOT_MS)..=(id, u64::MAX);
            self.forecasts.range_mut(ahead).for_each(|(_, wh)| *wh = (*wh).min(peak / 4));
        }
    }
}

/// The parameters after a vote; `None` outside of the bounds of MARKET 11.
fn changed(old: &Params, change: &Change) -> Option<Params> {
    let mut new = old.clone();
    match change {
        Change::BasePrice { resource, base } => {
            let rules = new.resources.of_mut(*resource);
            let (tick, price) = (rules.tick.micro_chf(), base.micro_chf());
            if price == 0 || price > MAX_BASE || !price.is_multiple_of(tick) {
                return None;
            }
            rules.base = *base;
        }
        Change::PriceRule { resource, rule } => new.resources.of_mut(*resource).rule = *rule,
        Change::Parameter { parameter, value } => set(&mut new, *parameter, *value)?,
        _ => unreachable!("no parameter"),
    }
    let evidence_first = new.disputes.evidence_window_ms < new.disputes.verdict_window_ms;
    (new.barred_reputation <= new.capped_reputation && evidence_first).then_some(new)
}

/// Fee 200..500 bp; collar 2..100 times; least value up to CHF 1 000; block bytes 128 KiB..1 MiB; windows up to 30 days; shares up to all.
fn set(p: &mut Params, parameter: Parameter, value: u64) -> Option<()> {
    use Parameter as P;
    let narrow = u32::try_from(value).ok();
    let window = (1..=30 * DAY_MS).contains(&value).then_some(value);
    let points = |least: u64, most: u64| narrow.filter(|_| (least..=most).contains(&value)).map(BasisPoints::new);
    let all = points(0, 10_000);
    let money = |most: u64| (value <= most).then_some(MicroChf::new(value));
    let count = |least: u64| narrow.filter(|_| (least..=1_000_000).contains(&value));
    let charge = money(10_000 * FRANC);
    match parameter {
        P::Fee => p.fee = points(200, 500)?,
        P::PriceCollar => p.price_collar = points(20_000, 1_000_000)?,
        P::MinNotional => p.min_notional = money(1_000 * FRANC).filter(|least| least.get() > 0)?,
        P::MaxBlockBytes => p.max_block_bytes = narrow.filter(|bytes| (128 << 10..=1 << 20).contains(bytes))?,
        P::MaxTimers => p.max_timers = count(64)?,
        P::MaxMemberTransactions => p.max_member_transactions = count(1)?,
        P::MaxOpenOrders => p.max_open_orders = count(1)?,
        P::StartWindow => p.start_window_ms = window?,
        P::CompleteWindow => p.complete_window_ms = window?,
        P::ConfirmWindow => p.confirm_window_ms = window?,
        P::EnergyOpen => p.energy_open_ms = window?,
        P::ExchangeWindow => p.exchange_window_ms = window?,
        P::ReadingsWindow => p.readings_window_ms = window?,
        P::UnderDeliveryTolerance => p.under_delivery_tolerance = all?,
        P::UnderDeliveryPenalty => p.under_delivery_penalty = all?,
        P::SolarBonus => p.solar_bonus = all?,
        P::CappedReputation => p.capped_reputation = all?,
        P::CappedOpenValue => p.capped_open_value = money(1_000_000 * FRANC)?,
        P::BarredReputation => p.barred_reputation = all?,
        P::HeatExpiryMonths => p.heat_expiry_months = narrow.filter(|months| (1..=120).contains(months))?,
        P::ApiAccess => p.charges.api_access = charge?,
        P::Certification => p.charges.certification = charge?,
        P::Support => p.charges.support = charge?,
        _ => return set_rules(p, parameter, value),
    }
    Some(())
}

/// The rules of storage, oracles, reputation and disputes: windows up to 30 days, terms to 100 years, misses to a year, 1 to 32 sources, a
/// forecast from a slot to 3 days old, a grid level from a slot to a day; slots are corrected for 31 days at most.
fn set_rules(p: &mut Params, parameter: Parameter, value: u64) -> Option<()> {
    use Parameter as P;
    let narrow = u32::try_from(value).ok();
    let window = (1..=30 * DAY_MS).contains(&value).then_some(value);
    let points = narrow.filter(|_| value <= 10_000).map(BasisPoints::new);
    let within = |least: u64, most: u64| (least..=most).contains(&value).then_some(value);
    let count = |most: u32| narrow.filter(|count| (1..=most).contains(count));
    let money = |least: u64| within(least, 1 << 62).map(MicroChf::new);
    match parameter {
        P::StorageMaxMonths => p.storage.max_months = count(1_200)?,
        P::StorageAnnounceWindow => p.storage.announce_window_ms = window?,
        P::StorageFirstProofWindow => p.storage.first_proof_window_ms = window?,
        P::StorageDay => p.storage.day_ms = window?,
        P::StorageAnswerWindow => p.storage.answer_window_ms = window?,
        P::StorageMissingDays => p.storage.missing_days = count(366)?,
        P::OracleMinSources => p.oracle.min_sources = count(32)?,
        P::ForecastStaleness => p.oracle.forecast_staleness_ms = within(SLOT_MS, 3 * DAY_MS)?,
        P::GridStaleness => p.oracle.grid_staleness_ms = within(SLOT_MS, DAY_MS)?,
        P::ReputationUnit => p.reputation.unit = money(1)?,
        P::Attendance => p.reputation.attendance_ms = window?,
        P::DisputeBond => p.disputes.bond = points?,
        P::DisputeMinBond => p.disputes.min_bond = money(0)?,
        P::EvidenceWindow => p.disputes.evidence_window_ms = window?,
        P::VerdictWindow => p.disputes.verdict_window_ms = window?,
        P::MeteredTolerance => p.disputes.metered_tolerance = points?,
        P::CorrectionWindow => p.disputes.correction_window_ms = within(1, 31 * DAY_MS)?,
        _ => unreachable!("a parameter that the caller sets"),
    }
    Some(())
}
