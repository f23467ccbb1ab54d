//! Orders that keep coming while a test does something else.

use super::Cluster;
use super::client::Client;
use leg_cli::devnet::wallet::Wallet;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::codec;
use leg_ledger::ids::Height;
use leg_ledger::member::KeyRole;
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{Action, Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Hubs without a node, which sign themselves.
const TRADERS: [&str; 4] = ["hub-09", "hub-10", "hub-11", "hub-12"];
/// Between two tries while no node answers.
const PAUSE: Duration = Duration::from_millis(50);

/// A transaction that a node acknowledged as final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its id.
    pub transaction: String,
    /// Its block.
    pub height: u64,
}

/// Running traders: each sends an order, waits until it is final, and sends the next, in turns through all nodes.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    traders: Vec<JoinHandle<Vec<Acknowledged>>>,
}

impl Load {
    /// Starts the traders.
    pub fn start(cluster: &Cluster) -> Load {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<Client> = cluster.nodes.iter().map(|node| node.client().anonymous()).collect();
        let now = cluster.genesis.clock().origin.ms();
        let traders = TRADERS.iter().enumerate().map(|(index, name)| {
            let trader = Trader { wallet: cluster.wallet(name), side: if index % 2 == 0 { Side::Bid } else { Side::Ask }, origin: now };
            tokio::spawn(trader.run(clients.clone(), index, stop.clone(), count.clone()))
        });
        let traders = traders.collect();
        Load { stop, count, traders }
    }

    /// Transactions that were acknowledged as final so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Stops the traders and returns all that was acknowledged.
    pub async fn stop(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for trader in self.traders {
            all.extend(trader.await.expect("a trader does not panic"));
        }
        all
    }
}

struct Trader {
    wallet: Wallet,
    side: Side,
    origin: u64,
}

impl Trader {
    async fn run(mut self, clients: Vec<Client>, first: usize, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Vec<Acknowledged> {
        let (mut acknowledged, mut height) = (Vec::new(), 1);
        for turn in first.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let action = Action::PlaceOrder(self.order());
            let signed = self.wallet.sign(KeyRole::Operator, Height::new(height), vec![action]);
            let body = json!({ "transaction": hex::encode(codec::encode(&signed)) });
            match clients[turn % clients.len()].try_post("/api/transactions?wait=final", &body, None).await {
                Ok(reply) if reply.status == 200 => {
                    let id = reply.body["ledgerTransaction"].as_str().expect("an id").to_owned();
                    height = reply.body["height"].as_u64().expect("a height");
                    acknowledged.push(Acknowledged { transaction: id, height });
                    count.fetch_add(1, Ordering::SeqCst);
                }
                // Not final within 5 s, refused, or a node that is down: nothing was promised.
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        acknowledged
    }

    /// 0.1 kWh of compute at the base price; bids and asks meet.
    fn order(&self) -> PlaceOrder {
        PlaceOrder {
            side: self.side,
            product: Product::Compute { from: MarketTime::from_ms(self.origin), until: MarketTime::from_ms(self.origin + DAY_MS) },
            quantity: Quantity::new(100),
            limit: Price::from_micro_chf(150_000),
            time_in_force: TimeInForce::GoodTillCancelled,
            min_fill: Quantity::ZERO,
            settlement: SettlementMethod::Credits.only(),
            pricing: Pricing::Fixed,
            split: false,
            solar: false,
            constraints: Constraints::default(),
            job: None,
        }
    }
}
