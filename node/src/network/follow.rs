//! Keeps the swarm at the chain's tip: who may connect, and the root to compare with peers.

use super::{Network, Stopped};
use crate::chain::ChainHandle;
use leg_ledger::ids::MemberId;
use leg_ledger::signature::PublicKey;
use leg_ledger::state::{Members, View};

impl Network {
    /// Follows the chain until it or the network ends: hands over the registry now and whenever its network keys change, and each new tip's
    /// state root. Heights that pass too quickly to be seen are skipped.
    pub async fn follow(self, chain: ChainHandle) {
        // Both ends mean that the node is stopping.
        let _: Result<(), Stopped> = self.follow_tips(chain).await;
    }

    async fn follow_tips(self, chain: ChainHandle) -> Result<(), Stopped> {
        let mut tips = chain.watch_tip();
        let mut known: Option<Vec<(MemberId, Vec<PublicKey>)>> = None;
        loop {
            let tip = *tips.borrow_and_update();
            let registry = chain.read(|ledger| {
                let members = ledger.state().range::<Members>(..);
                members.map(|(id, member)| (*id, member.keys.network.clone())).collect::<Vec<_>>()
            });
            if known.as_ref() != Some(&registry) {
                self.set_registry(tip.height, registry.clone()).await?;
                known = Some(registry);
            }
            self.set_tip(tip.height, tip.state_root).await?;
            tips.changed().await.map_err(|_| Stopped)?;
        }
    }
}
