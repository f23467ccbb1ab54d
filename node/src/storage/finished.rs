//! What is finished: leaves and nodes of the history log, and the lists by which it is found.
//!
//! A block finishes thousands of things whose leaves follow each other. They are kept in runs of neighbours, each under the key of its first:
//! RocksDB takes one value of some kilobytes many times faster than as many bytes in single entries. A run is found by the last key that is
//! not after the one that is asked for.

use super::StoreError;
use super::database::{Batch, Database, Order, decode};
use super::key::StoreKey;
use super::schema::{
    AllTrades, EndedProposals, FinishedContracts, FinishedOrders, FinishedProposals, FinishedTrade, FinishedTrades, HeatCertificates,
    HistoryNodes, HistoryRecords, MemberHeatCertificates, MemberOrders, MemberTrades, Table,
};
use super::store::{BlockRecord, Store};
use super::views::absent;
use leg_ledger::execute::HistoryRecord;
use leg_ledger::hash::Hash;
use leg_ledger::history::NodeSource;
use leg_ledger::ids::{MemberId, OrderId, ProposalId, TradeId};
use leg_ledger::state::Trade;
use std::collections::BTreeMap;

/// Nodes of the history log in a run: a proof reads some forty.
const NODES_A_RUN: usize = 64;
/// Records in a run: whoever wants one decodes all.
const RECORDS_A_RUN: usize = 16;
/// Leaves in a run of a list.
const LEAVES_A_RUN: usize = 256;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Something finished, with its place in the history log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its leaf.
    pub leaf: u64,
    /// What it was.
    pub record: HistoryRecord,
}

/// Writes what blocks finished that follow each other.
pub(super) fn put(batch: &mut Batch<'_>, records: &[BlockRecord<'_>]) -> Result<(), StoreError> {
    let mut lists = Lists::default();
    for record in records {
        put_log(batch, record)?;
        for (leaf, finished) in (first_leaf(record)..).zip(record.records) {
            lists.add(batch, leaf, finished)?;
        }
    }
    lists.put(batch)
}

/// The leaf of the first thing that a block finished.
fn first_leaf(record: &BlockRecord<'_>) -> u64 {
    record.peaks.size().saturating_sub(record.records.len() as u64)
}

/// Nodes and leaves that a block added to the history log.
fn put_log(batch: &mut Batch<'_>, record: &BlockRecord<'_>) -> Result<(), StoreError> {
    for neighbours in record.history_nodes.chunk_by(|(this, _), (next, _)| this.checked_add(1) == Some(*next)) {
        for run in neighbours.chunks(NODES_A_RUN) {
            let hashes: Vec<u8> = run.iter().flat_map(|(_, hash)| *hash.as_bytes()).collect();
            batch.put_raw::<HistoryNodes>(&run[0].0, &hashes)?;
        }
    }
    let leaves = (first_leaf(record)..).step_by(RECORDS_A_RUN);
    let mut run = Vec::new();
    for (leaf, start) in leaves.zip((0..record.records.len()).step_by(RECORDS_A_RUN)) {
        run.clear();
        record.encoded.append_list(start..start.saturating_add(RECORDS_A_RUN), &mut run);
        batch.put_encoded::<HistoryRecords>(&leaf, &run)?;
    }
    Ok(())
}

/// The lists to which blocks add.
#[derive(Default)]
struct Lists<'r> {
    trades: Vec<(&'r TradeId, u64)>,
    orders: Vec<(&'r OrderId, u64)>,
    all_trades: Vec<(u64, FinishedTrade)>,
    member_trades: BTreeMap<MemberId, Vec<(u64, FinishedTrade)>>,
    member_orders: BTreeMap<MemberId, Vec<u64>>,
}

impl<'r> Lists<'r> {
    fn add(&mut self, batch: &mut Batch<'_>, leaf: u64, finished: &'r HistoryRecord) -> Result<(), StoreError> {
        match finished {
            HistoryRecord::Settled { trade, .. } => self.add_trade(leaf, trade, FinishedTrade::Settled),
            HistoryRecord::Cancelled { trade, .. } => self.add_trade(leaf, trade, FinishedTrade::Cancelled),
            HistoryRecord::Order { order, .. } => {
                self.orders.push((&order.id, leaf));
                self.member_orders.entry(order.member).or_default().push(leaf);
            }
            HistoryRecord::Storage { contract, .. } => batch.put::<FinishedContracts>(&contract.id, &leaf)?,
            // A dispute is found by its place, right before the end of its trade.
            HistoryRecord::Receipt { .. } | HistoryRecord::Dispute { .. } => {}
            HistoryRecord::Proposal { proposal, .. } => {
                batch.put::<FinishedProposals>(&proposal.id, &leaf)?;
                batch.put::<EndedProposals>(&leaf, &proposal.id)?;
            }
            HistoryRecord::HeatRetired { certificate, .. } => {
                batch.put::<HeatCertificates>(&leaf, &certificate.member)?;
                batch.put::<MemberHeatCertificates>(&(certificate.member, leaf), &())?;
            }
        }
        Ok(())
    }

    fn add_trade(&mut self, leaf: u64, trade: &'r Trade, finished: FinishedTrade) {
        self.trades.push((&trade.id, leaf));
        self.all_trades.push((leaf, finished));
        for member in [trade.buyer, trade.seller] {
            self.member_trades.entry(member).or_default().push((leaf, finished));
        }
    }

    /// Writes them, each in the order of its keys.
    fn put(mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        self.trades.sort_unstable();
        self.orders.sort_unstable();
        for (id, leaf) in self.trades {
            batch.put::<FinishedTrades>(id, &leaf)?;
        }
        for (id, leaf) in self.orders {
            batch.put::<FinishedOrders>(id, &leaf)?;
        }
        for run in self.all_trades.chunks(LEAVES_A_RUN) {
            batch.put_run::<AllTrades, _>(&run[0].0, run)?;
        }
        for (member, leaves) in &self.member_trades {
            for run in leaves.chunks(LEAVES_A_RUN) {
                batch.put_run::<MemberTrades, _>(&(*member, run[0].0), run)?;
            }
        }
        for (member, leaves) in &self.member_orders {
            for run in leaves.chunks(LEAVES_A_RUN) {
                batch.put_run::<MemberOrders, _>(&(*member, run[0]), run)?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// The record at a leaf of the history log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, leaf: u64) -> Result<Option<HistoryRecord>, StoreError> {
        let Some((first, bytes)) = self.database.at_or_before::<HistoryRecords>(&[], &leaf)? else { return Ok(None) };
        let run = decode::<HistoryRecords>(&first.to_bytes(), &bytes)?;
        Ok(usize::try_from(leaf - first).ok().and_then(|index| run.into_iter().nth(index)))
    }

    /// A leaf of the history log.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the log has no such leaf.
    pub fn finished(&self, leaf: u64) -> Result<Finished, StoreError> {
        let record = self.record(leaf)?.ok_or_else(|| absent::<HistoryRecords>(&leaf))?;
        Ok(Finished { leaf, record })
    }

    /// A finished trade.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedTrades>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// A storage contract that ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_contract(&self, id: TradeId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedContracts>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// A finished order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedOrders>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// At most `limit` finished trades of a member (or of all) with leaves below `below`, the newest first, of one kind or of both.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_trades(
        &self,
        member: Option<MemberId>,
        kind: Option<FinishedTrade>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let of_kind = |run: Vec<(u64, FinishedTrade)>| -> Vec<u64> {
            run.into_iter().filter(|(_, found)| kind.is_none_or(|kind| kind == *found)).map(|(leaf, _)| leaf).collect()
        };
        let leaves = match member {
            Some(member) => {
                let from = (member, last);
                let runs = self.database.scan_values::<MemberTrades>(&member.to_bytes(), Some(&from), Order::Descending)?;
                newest(runs.map(|run| Ok(of_kind(run?.1))), last, limit)?
            }
            None => {
                let runs = self.database.scan_values::<AllTrades>(&[], Some(&last), Order::Descending)?;
                newest(runs.map(|run| Ok(of_kind(run?.1))), last, limit)?
            }
        };
        leaves.into_iter().map(|leaf| self.finished(leaf)).collect()
    }

    /// A proposal that ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_proposal(&self, id: ProposalId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedProposals>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// At most `limit` proposals that ended, with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ended_proposals(&self, below: u64, limit: usize) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let entries = self.database.scan::<EndedProposals>(&[], Some(&last), Order::Descending)?;
        entries.take(limit).map(|entry| self.finished(entry?.0)).collect()
    }

    /// At most `limit` finished orders of a member with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let from = (member, last);
        let runs = self.database.scan_values::<MemberOrders>(&member.to_bytes(), Some(&from), Order::Descending)?;
        let leaves = newest(runs.map(|run| Ok(run?.1)), last, limit)?;
        leaves.into_iter().map(|leaf| self.finished(leaf)).collect()
    }

    /// At most `limit` certificates of heat that a member (or anybody) retired, with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn heat_certificates(&self, member: Option<MemberId>, below: u64, limit: usize) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let mut leaves = Vec::new();
        if let Some(member) = member {
            let entries = self.database.scan::<MemberHeatCertificates>(&member.to_bytes(), Some(&(member, last)), Order::Descending)?;
            for entry in entries.take(limit) {
                leaves.push(entry?.0.1);
            }
        } else {
            let entries = self.database.scan::<HeatCertificates>(&[], Some(&last), Order::Descending)?;
            for entry in entries.take(limit) {
                leaves.push(entry?.0);
            }
        }
        leaves.into_iter().map(|leaf| self.finished(leaf)).collect()
    }
}

/// At most `limit` leaves of these runs that are not after `last`, the newest first. The runs come newest first, each with its oldest leaf first.
fn newest(runs: impl Iterator<Item = Result<Vec<u64>, StoreError>>, last: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
    let mut leaves = Vec::new();
    for run in runs {
        let wanted = run?.into_iter().rev().filter(|leaf| *leaf <= last);
        leaves.extend(wanted.take(limit.saturating_sub(leaves.len())));
        if leaves.len() >= limit {
            break;
        }
    }
    Ok(leaves)
}

/// A node of the history log.
fn node(database: &Database, position: u64) -> Result<Option<Hash>, StoreError> {
    let Some((first, hashes)) = database.at_or_before::<HistoryNodes>(&[], &position)? else { return Ok(None) };
    if hashes.len() % HASH_BYTES != 0 {
        return Err(StoreError::damaged(HistoryNodes::NAME, &first.to_bytes(), "not whole hashes"));
    }
    let index = usize::try_from(position - first).unwrap_or(usize::MAX);
    let bytes = hashes.chunks_exact(HASH_BYTES).nth(index).and_then(|hash| hash.first_chunk::<HASH_BYTES>());
    Ok(bytes.copied().map(Hash::from_bytes))
}

/// Nodes of the history log for proofs. What cannot be read is as good as missing: there is then no proof.
impl NodeSource for Store {
    fn node(&self, position: u64) -> Option<Hash> {
        match node(&self.database, position) {
            Ok(node) => node,
            Err(error) => {
                tracing::error!(%error, position, "a node of the history log cannot be read");
                None
            }
        }
    }
}
