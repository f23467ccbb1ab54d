//! Heartbeats that a node sends by itself, on the network in memory.

use super::net::Net;
use crate::api::Signer;
use crate::heartbeat::Agent;
use leg_ledger::ids::MemberId;
use leg_ledger::state::{Attendances, Standings, View};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600_000;
/// Blocks in which each of four hubs has two turns to propose.
const TURNS: usize = 8;

fn member(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

fn agent(net: &Arc<Net>, name: &str) -> Agent {
    let keys = net.keys(name);
    let signer = Signer::new(member(name), Some(keys.operator.clone()), None);
    Agent::new(net.clone(), net.clone(), net.clone(), Arc::new(signer))
}

/// A network whose transactions wait for [`block`].
fn waiting() -> Arc<Net> {
    let net = Net::new();
    net.hold.store(true, Ordering::SeqCst);
    net
}

/// A second and a block pass; all agents look.
async fn block(net: &Net, agents: &mut [&mut Agent]) {
    net.advance_ms(SECOND_MS);
    net.produce();
    for agent in agents {
        agent.on_block().await;
    }
}

fn period(net: &Net) -> u64 {
    net.ledger(|ledger| ledger.state().get::<Attendances>(&()).unwrap().period)
}

#[tokio::test]
async fn a_hub_outside_of_the_committee_says_once_in_each_period_that_it_is_there() {
    let net = waiting();
    let mut hub = agent(&net, "hub-05");
    hub.on_block().await;
    assert_eq!(net.submitted(), 0, "before the first block there is no period");
    let first = period_after(&net, &mut hub).await;
    for hour in 1..=5 {
        for _ in 0..3 * TURNS {
            block(&net, &mut [&mut hub]).await;
        }
        assert_eq!(net.submitted(), hour, "one in each period, however many blocks it has");
        net.advance_ms(HOUR_MS);
    }
    assert_eq!(period(&net), first + 4);
    let presence = net.ledger(|ledger| ledger.state().get::<Standings>(&member("hub-05")).unwrap().uptime.unwrap());
    assert_eq!((presence.pair.good, presence.period), (presence.pair.total, first + 4), "it was there in every period");
    assert!(presence.pair.total >= 4_000_000, "four periods counted: {presence:?}");
}

async fn period_after(net: &Net, hub: &mut Agent) -> u64 {
    block(net, &mut [hub]).await;
    assert_eq!(net.submitted(), 1);
    for _ in 0..3 {
        hub.on_block().await;
    }
    assert_eq!(net.submitted(), 1, "one is on its way");
    period(net)
}

#[tokio::test]
async fn who_needs_none_sends_none() {
    let net = waiting();
    let (mut voter, mut customer, mut oracle) = (agent(&net, "hub-01"), agent(&net, "customer-01"), agent(&net, "oracle-01"));
    for _ in 0..3 {
        for _ in 0..2 * TURNS {
            block(&net, &mut [&mut voter, &mut customer, &mut oracle]).await;
        }
        net.advance_ms(HOUR_MS);
    }
    assert_eq!(net.submitted(), 0);
}

#[tokio::test]
async fn a_node_that_is_behind_sends_none() {
    let net = waiting();
    let mut hub = agent(&net, "hub-05");
    net.produce();
    net.advance_ms(10_001);
    hub.on_block().await;
    assert_eq!(net.submitted(), 0, "ten idle intervals without a block");
    net.produce();
    hub.on_block().await;
    assert_eq!(net.submitted(), 1);
}

#[tokio::test]
async fn a_heartbeat_that_was_lost_is_sent_again_when_it_has_expired() {
    let net = waiting();
    let mut hub = agent(&net, "hub-05");
    block(&net, &mut [&mut hub]).await;
    net.lose_waiting();
    for _ in 0..600 {
        block(&net, &mut [&mut hub]).await;
    }
    assert_eq!(net.submitted(), 1, "it could still have been in one of these blocks");
    block(&net, &mut [&mut hub]).await;
    assert_eq!(net.submitted(), 2);
}
