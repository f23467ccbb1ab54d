use super::tests::{commit, commit_all, founded, trade};
use super::*;
use crate::fixture::Network;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::execute::{Encoded, Executed, HistoryRecord};
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::history::NodeSource;
use leg_ledger::ids::{Height, MemberId, TradeId};
use leg_ledger::receipt::{CancelReason, Settlement};
use leg_ledger::state::Trade;
use std::collections::BTreeMap;

/// What a block finishes: more than any run holds, one thing, and some.
const COUNTS: [u32; 4] = [1_100, 1, 0, 77];

fn numbered(number: u32, buyer: MemberId, seller: MemberId) -> Trade {
    let id = TradeId::from_hash(Hash::of(Domain::HistoryLeaf, &number.to_le_bytes()));
    Trade { id, ..trade(1, buyer, seller) }
}

fn is_trade(record: &HistoryRecord) -> Option<(&Trade, FinishedTrade)> {
    match record {
        HistoryRecord::Settled { trade, .. } => Some((trade, FinishedTrade::Settled)),
        HistoryRecord::Cancelled { trade, .. } => Some((trade, FinishedTrade::Cancelled)),
        _ => None,
    }
}

/// The lists as one would make them of all records.
fn listed(all: &[HistoryRecord], member: Option<MemberId>, kind: Option<FinishedTrade>, below: u64, limit: usize) -> Vec<u64> {
    let leaves = (0_u64..).zip(all).filter(|(leaf, record)| {
        let wanted = is_trade(record).filter(|(trade, found)| {
            member.is_none_or(|member| [trade.buyer, trade.seller].contains(&member)) && kind.is_none_or(|kind| kind == *found)
        });
        *leaf < below && wanted.is_some()
    });
    let mut leaves: Vec<u64> = leaves.map(|(leaf, _)| leaf).collect();
    leaves.reverse();
    leaves.truncate(limit);
    leaves
}

/// What executing a block yields that finishes so many trades beside its transactions, the first of this number.
fn finishing(network: &Network, block: &Block, (first, count): (u32, u32)) -> Executed {
    let mut executed = network.execute(block);
    for index in 0..count {
        let hub = |index: u32| network.hubs[index as usize % 3].id;
        let trade = Box::new(numbered(first + index, hub(index), hub(index + 1 + index / 7 % 2)));
        let height = Height::new(1);
        let record = match index % 5 {
            0 => HistoryRecord::Cancelled { trade, reason: CancelReason::BySeller, height },
            _ => HistoryRecord::Settled { trade, settlement: Settlement::default(), height },
        };
        let leaf = Hash::of(Domain::HistoryLeaf, &codec::encode(&record));
        executed.history_nodes.extend(executed.peaks.append(leaf).unwrap());
        executed.records.push(record);
    }
    executed.encoded = Encoded::of(&executed.receipts, &executed.events, &executed.records);
    executed
}

/// Commits blocks that finish so many trades each, one by one or in one batch, and returns all records and all nodes.
fn filled(store: &Store, network: &mut Network, together: bool) -> (Vec<HistoryRecord>, BTreeMap<u64, Hash>) {
    let (mut all, mut nodes, mut blocks) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (nonce, count) in COUNTS.into_iter().enumerate() {
        let block = network.block(vec![network.transaction(0, nonce as u64 + 1)]);
        let numbers = (all.len() as u32, count);
        let (executed, certificate) = (finishing(network, &block, numbers), network.certify(&block));
        let again = finishing(network, &block, numbers);
        nodes.extend(executed.history_nodes.iter().copied());
        all.extend(executed.records.iter().cloned());
        if !together {
            commit(store, &block, &certificate, &executed).unwrap();
        }
        network.advance(again, certificate.clone());
        blocks.push((block, certificate, executed));
    }
    if together {
        commit_all(store, &blocks).unwrap();
    }
    (all, nodes)
}

#[test]
fn runs_give_back_every_leaf_node_and_list() {
    for together in [false, true] {
        give_back(together);
    }
}

fn give_back(together: bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(3);
    let store = founded(folder.path(), &network);
    let (all, nodes) = filled(&store, &mut network, together);
    assert!(all.len() > 1_100);
    for (leaf, record) in (0..).zip(&all) {
        assert_eq!(store.finished(leaf).unwrap().record, *record, "leaf {leaf}");
        if let Some((trade, _)) = is_trade(record) {
            assert_eq!(store.finished_trade(trade.id).unwrap().unwrap().leaf, leaf);
        }
    }
    assert_eq!(store.record(all.len() as u64).unwrap(), None);
    for (position, hash) in &nodes {
        assert_eq!(store.node(*position), Some(*hash), "node {position}");
    }
    assert_eq!(store.node(nodes.len() as u64), None);
    let members = [None, Some(network.hubs[0].id), Some(network.hubs[2].id)];
    for member in members {
        for kind in [None, Some(FinishedTrade::Settled), Some(FinishedTrade::Cancelled)] {
            for below in [0, 1, 5, 255, 256, 257, 1_000, u64::MAX] {
                for limit in [0, 1, 100, 5_000] {
                    let found: Vec<u64> =
                        store.finished_trades(member, kind, below, limit).unwrap().iter().map(|finished| finished.leaf).collect();
                    assert_eq!(found, listed(&all, member, kind, below, limit), "{member:?} {kind:?} below {below}, {limit}");
                }
            }
        }
    }
}
