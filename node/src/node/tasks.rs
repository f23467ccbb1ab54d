//! The tasks between the rooms: what one has to tell another whenever it changes.

use super::metrics::BlockAge;
use crate::chain::ChainHandle;
use crate::clock::SystemClock;
use crate::mempool::Mempool;
use crate::network::{KnownSeat, Network, NodeId, PeerInfo, Seats, Stopped};
use leg_consensus::{Presence, WorkBell};
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::signature::PublicKey;
use leg_ledger::state::{Members, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Network keys of each member.
type Registry = Vec<(MemberId, Vec<PublicKey>)>;

/// The registry's network keys after the newest decided block.
fn registry(chain: &ChainHandle) -> (Height, Registry) {
    chain.read_decided(|ledger| {
        let members = ledger.state().range::<Members>(..).map(|(id, member)| (*id, member.keys.network.clone())).collect();
        (ledger.tip().height, members)
    })
}

/// Tells the network who may connect, and keeps telling it where the chain is; ends with the network.
pub(super) struct NetworkFollower {
    chain: ChainHandle,
    network: Network,
    told: Registry,
    block_age: BlockAge,
}

impl NetworkFollower {
    /// Tells the network of the registry and the tip as they are.
    pub async fn start(chain: ChainHandle, network: Network, block_age: BlockAge) -> Result<Self, Stopped> {
        let mut follower = NetworkFollower { chain, network, told: Vec::new(), block_age };
        follower.tell().await?;
        Ok(follower)
    }

    async fn tell(&mut self) -> Result<(), Stopped> {
        let tip = self.chain.tip();
        self.network.set_tip(tip.height, tip.state_root).await?;
        let (height, members) = registry(&self.chain);
        if members != self.told {
            self.network.set_registry(height, members.clone()).await?;
            self.told = members;
        }
        Ok(())
    }

    /// Follows the chain.
    pub async fn run(mut self) {
        let mut tip = self.chain.watch_tip();
        while tip.changed().await.is_ok() {
            let time = tip.borrow_and_update().time;
            self.block_age.store(SystemClock.drift_ms(time), Ordering::Relaxed);
            if self.tell().await.is_err() {
                return;
            }
        }
    }
}

/// Who may speak in consensus, as the chain knows it: the committees of its tip and of the next two heights.
pub(super) fn seats(chain: ChainHandle) -> Seats {
    Box::new(move |height, member| {
        chain.read_decided(|ledger| {
            let furthest = ledger.tip().height.checked_add(2)?;
            let key = ledger.committee(height.min(furthest))?.key(member)?;
            Some(KnownSeat { key, certain: height <= furthest })
        })
    })
}

/// Tells consensus of each member whose last connection with this node ends. What it misses when one goes and comes back at once is no loss.
pub(super) async fn tell_of_losses(network: Network, presence: Presence) {
    let mut peers = network.watch_peers();
    let mut before = BTreeSet::new();
    loop {
        let now = connected_members(&peers.borrow_and_update());
        before.difference(&now).for_each(|member| presence.lost(*member));
        before = now;
        if peers.changed().await.is_err() {
            return;
        }
    }
}

fn connected_members(peers: &BTreeMap<NodeId, PeerInfo>) -> BTreeSet<MemberId> {
    peers.values().filter(|info| info.connected).filter_map(|info| info.standing.member()).collect()
}

/// Rings the proposer's bell whenever transactions wait. Ends with the mempool.
pub(super) async fn ring_for_work(mempool: Mempool, bell: WorkBell) {
    let mut waiting = mempool.watch();
    loop {
        if *waiting.borrow_and_update() > 0 {
            bell.ring();
        }
        if waiting.changed().await.is_err() {
            return;
        }
    }
}
