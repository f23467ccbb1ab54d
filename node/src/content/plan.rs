//! What a node has to do for its member's contracts, as the newest state tells it. Pure.

use super::records::Record;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId};
use leg_ledger::limits::MAX_LIFETIME;
use leg_ledger::state::{Challenge, StorageContract, StorageStage};
use leg_ledger::transaction::StorageManifest;
use std::collections::BTreeSet;

/// A step of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The buyer announces its content.
    Announce { contract: TradeId, manifest: StorageManifest },
    /// The seller fetches the content from the buyer's node.
    Fetch { contract: TradeId, manifest: StorageManifest, from: MemberId },
    /// The seller answers a challenge.
    Answer { contract: TradeId, manifest: StorageManifest, challenge: Challenge },
}

/// Which step: that of the contract itself, or the answer to the challenge of a day.
pub(super) type Key = (TradeId, Option<u32>);

impl Step {
    pub(super) fn key(&self) -> Key {
        match *self {
            Step::Announce { contract, .. } | Step::Fetch { contract, .. } => (contract, None),
            Step::Answer { contract, challenge, .. } => (contract, Some(challenge.day)),
        }
    }
}

/// The steps that are to be taken now. `has` says whether a content is whole in the node's store.
pub(super) fn steps(own: MemberId, contracts: &[StorageContract], records: &[Record], has: impl Fn(&StorageManifest) -> bool) -> Vec<Step> {
    contracts.iter().filter_map(|contract| step(own, contract, records, &has)).collect()
}

fn step(own: MemberId, contract: &StorageContract, records: &[Record], has: &impl Fn(&StorageManifest) -> bool) -> Option<Step> {
    let id = contract.id;
    if let StorageStage::Matched { .. } = contract.stage {
        let record = records.iter().find(|record| contract.buyer == own && record.order == contract.bid)?;
        return Some(Step::Announce { contract: id, manifest: record.manifest });
    }
    let manifest = contract.manifest.filter(|_| contract.seller == own)?;
    if !has(&manifest) {
        return Some(Step::Fetch { contract: id, manifest, from: contract.buyer });
    }
    contract.challenge.map(|challenge| Step::Answer { contract: id, manifest, challenge })
}

/// Records whose bid is neither open nor has a contract. A fresh one may wait for its bid's block.
pub(super) fn ended_records(
    records: &[Record],
    contracts: &[StorageContract],
    is_open: impl Fn(OrderId) -> bool,
    tip: Height,
) -> Vec<OrderId> {
    let waits = |record: &Record| record.height.checked_add(MAX_LIFETIME).is_none_or(|last| last >= tip);
    let runs = |record: &Record| contracts.iter().any(|contract| contract.bid == record.order);
    records.iter().filter(|record| !waits(record) && !runs(record) && !is_open(record.order)).map(|record| record.order).collect()
}

/// Contents of the store that no contract of this seller and no record of this buyer needs. What the seller has proved that it has, the buyer
/// need not keep.
pub(super) fn needless(own: MemberId, roots: &[Hash], contracts: &[StorageContract], records: &[Record]) -> Vec<Hash> {
    let sold = contracts.iter().filter(|contract| contract.seller == own);
    let mut needed: BTreeSet<Hash> = sold.filter_map(|contract| contract.manifest.map(|manifest| manifest.root)).collect();
    let is_stored = |record: &Record| {
        let of = |contract: &&StorageContract| contract.bid == record.order;
        contracts.iter().find(of).is_some_and(|contract| matches!(contract.stage, StorageStage::Stored { .. }))
    };
    needed.extend(records.iter().filter(|record| !is_stored(record)).map(|record| record.manifest.root));
    roots.iter().filter(|root| !needed.contains(*root)).copied().collect()
}
