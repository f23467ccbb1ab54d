//! The community of the benchmarks: a genesis with members, funds and quotas that let every order of the mix be judged by the market's rules
//! and not by a limit of the test.
//!
//! 48 hubs of one LEG, each with the plants of a hub of the development network; market time is the clock's. Opening balances of a million
//! francs and a megawatt of certified servers a hub: funds and capacity are checked for each order as everywhere, and suffice for a run.

use super::super::devnet::community::Community;
use anyhow::{Context, Result};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::amount::MicroChf;
use leg_ledger::ids::MemberId;
use leg_ledger::member::Role;
use leg_ledger::time::BlockTime;
use std::collections::BTreeMap;

/// Hubs of the community; each of them trades.
pub const HUBS: usize = 48;
/// CHF 1 000 000 for each member that trades.
const BALANCE: MicroChf = MicroChf::new(1_000_000_000_000);
/// Certified servers of a hub, W.
const COMPUTE_WATTS: u64 = 1_000_000;

/// What a benchmark's network agrees on.
#[derive(Clone, Debug)]
pub struct CommunitySpec {
    /// Nodes of the committee.
    pub committee: usize,
    /// Members whose nodes follow, or that only gossip.
    pub observers: usize,
    /// Genesis time.
    pub origin: BlockTime,
    /// Most bytes of a block.
    pub block_bytes: u32,
    /// Least time between blocks, ms.
    pub interval_ms: u64,
}

impl CommunitySpec {
    /// Blocks of a mebibyte, at most one in 50 ms.
    pub fn new(committee: usize, observers: usize, origin: BlockTime) -> Self {
        CommunitySpec { committee, observers, origin, block_bytes: 1 << 20, interval_ms: 50 }
    }

    /// The genesis and its members' keys.
    ///
    /// # Errors
    /// The numbers make no network.
    pub fn build(&self) -> Result<(Genesis, BTreeMap<MemberId, MemberSecrets>)> {
        let plants = Community::load()?.peak_watts();
        let spec = DevnetSpec {
            scale: 1,
            committee: self.committee,
            observers: self.observers,
            solar_peak_watts: plants.iter().copied().cycle().take(HUBS).collect(),
            ..DevnetSpec::new("leg bench", self.origin.ms())
        };
        let (genesis, secrets) = spec.build().context("the network of the benchmark")?;
        let mut content = genesis.into_content();
        content.params.max_block_bytes = self.block_bytes;
        content.params.block_interval_ms = self.interval_ms;
        // A member's share of a block and of a book: above what the mix asks of any of them.
        content.params.max_member_transactions = 20_000;
        content.params.max_open_orders = 1_000_000;
        for founding in &mut content.members {
            if matches!(founding.member.role, Role::Hub | Role::Customer) {
                founding.balance = BALANCE;
            }
            if founding.member.role == Role::Hub {
                founding.member.capacity.compute_watts = COMPUTE_WATTS;
            }
        }
        Ok((Genesis::new(content).context("the network of the benchmark")?, secrets))
    }
}

/// Id of a hub by its index.
///
/// # Errors
/// Never for an index of the community.
pub fn hub_id(index: usize) -> Result<MemberId> {
    let name = format!("hub-{:02}", index + 1);
    MemberId::parse(&name).with_context(|| format!("{name} is no name"))
}
