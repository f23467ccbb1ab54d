//! What an auditor does with a node: fetch all its blocks and believe none of it.

use super::node::Node;
use leg_genesis::Genesis;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::execute::{Ledger, Rules, invariants};
use leg_ledger::ids::Height;
use leg_ledger::limits::HARD_BLOCK_BYTES;

/// Executes the blocks of a node up to `height` from genesis: certificates, validity, roots of each header, conservation.
///
/// # Panics
/// Any of it fails.
pub async fn audit(genesis: &Genesis, node: &Node, height: u64) -> Ledger {
    audit_by(genesis, Rules::default(), node, height).await
}

/// The certificate of a block, as a node gives it.
///
/// # Panics
/// The node does not have it.
pub async fn certificate(node: &Node, height: Height) -> Certificate {
    let bytes = node.client().bytes(&format!("/api/blocks/{}/raw", height.get())).await;
    let (_, certificate): (Block, Certificate) = codec::decode(&bytes, HARD_BLOCK_BYTES * 2).expect("a block and its certificate");
    certificate
}

/// As [`audit`], with the protocol versions and recoveries of `rules`.
///
/// # Panics
/// Any of it fails.
pub async fn audit_by(genesis: &Genesis, rules: Rules, node: &Node, height: u64) -> Ledger {
    let ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).expect("a checked genesis starts a chain");
    let mut ledger = ledger.with_rules(rules);
    for next in 1..=height {
        let bytes = node.client().bytes(&format!("/api/blocks/{next}/raw")).await;
        let (block, certificate): (Block, Certificate) = codec::decode(&bytes, HARD_BLOCK_BYTES * 2).expect("a block and its certificate");
        let committee = ledger.committee(Height::new(next)).expect("a committee");
        certificate.verify(ledger.chain(), committee).unwrap_or_else(|error| panic!("certificate of {next}: {error}"));
        assert_eq!((certificate.height, certificate.block), (Height::new(next), block.id()));
        let verified = ledger.verify_transactions(&block.body.transactions, &|_, _| false).expect("all signatures hold");
        ledger.check_block(&block, &verified).unwrap_or_else(|error| panic!("block {next}: {error}"));
        let executed = ledger.execute(&block, verified).expect("a valid block executes");
        assert!(ledger.commit(executed));
        invariants::check_state(ledger.state()).expect("money and heat are conserved");
    }
    ledger
}
