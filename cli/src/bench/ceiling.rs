//! The most that a machine allows, from what an order costs on it.
//!
//! ```text
//! ceiling = cores / (replicas on the machine x CPU of one node per order)
//! ```
//! The CPU of one node per order is measured by the benchmark [`super::ledger`] in the same run, with everything on: decoding, signatures,
//! validity, execution with matching, the state's root, the synced store; on as many cores at once as there are, since that is what the
//! formula multiplies: cores that share memory and caches are slower together; and with state and store about as large as the loads make them,
//! since what outgrows the caches costs more. [`super::yardstick`] measures it right before a load and right after it, because the speed of a
//! shared machine changes: the mean is what the load is compared with. What nodes do beside that (gossip, votes, HTTP) and what the load
//! generator and the signing clients take of the same cores is not in it: it is the part that a network can lose to them, and never more. What a
//! lone core with a young state would allow stands beside it.

use serde::Serialize;

/// A ceiling, with what it was computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ceiling {
    /// Cores of the machine.
    pub cores: usize,
    /// Nodes on it.
    pub replicas: usize,
    /// CPU of one node per order while all cores are at work, with a grown state, microseconds.
    pub order_us: f64,
    /// The same while the other cores rest, with a young state.
    pub alone_us: f64,
    /// Orders a second.
    pub orders_per_second: f64,
}

impl Ceiling {
    /// Of `replicas` nodes on a machine with `cores` cores.
    pub fn new(cores: usize, replicas: usize, order_us: f64, alone_us: f64) -> Self {
        Ceiling { cores, replicas, order_us, alone_us, orders_per_second: rate(cores as f64, replicas, order_us) }
    }

    /// What it would be if cores were as fast together as each is alone, and the state young.
    pub fn alone(&self) -> f64 {
        rate(self.cores as f64, self.replicas, self.alone_us)
    }

    /// What is left of it when `others` cores are busy with something else: the load generator and the signing clients.
    pub fn left(&self, others: f64) -> f64 {
        rate((self.cores as f64 - others).max(0.0), self.replicas, self.order_us)
    }

    /// The same with one node a machine of this kind: computed, not measured.
    pub fn one_node_a_machine(&self) -> f64 {
        rate(self.cores as f64, 1, self.order_us)
    }
}

/// What share of `most` was reached; none where nothing was measured.
pub fn share(reached: f64, most: f64) -> f64 {
    if most > 0.0 { reached / most } else { 0.0 }
}

fn rate(cores: f64, replicas: usize, order_us: f64) -> f64 {
    let us = replicas as f64 * order_us;
    if us > 0.0 { cores * 1e6 / us } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_the_machine_over_what_all_its_nodes_do_for_an_order() {
        let ceiling = Ceiling::new(2, 4, 20.0, 16.0);
        assert_eq!(ceiling.orders_per_second, 25_000.0);
        assert_eq!(ceiling.left(0.4), 20_000.0);
        assert_eq!(ceiling.left(9.0), 0.0);
        assert_eq!(ceiling.alone(), 31_250.0);
        assert_eq!(ceiling.one_node_a_machine(), 100_000.0);
        assert_eq!(Ceiling::new(2, 4, 0.0, 0.0).orders_per_second, 0.0, "nothing was measured");
    }
}
