//! `leg order`: orders through a node's API, signed by the node with its hub's key.

use super::node::NodeArguments;
use crate::client::HttpNode;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use serde_json::{Map, Value};

/// Through which node, and what.
#[derive(Debug, Args)]
pub struct OrderArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    command: OrderCommand,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Place an order.
    Place(Box<PlaceArguments>),
    /// List orders.
    List(ListArguments),
    /// Cancel an open order of this hub.
    Cancel {
        /// The order.
        id: String,
        /// Until when to wait.
        #[arg(long, value_enum, default_value_t = WaitFor::Final)]
        wait: WaitFor,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WaitFor {
    /// Until the mempool has it.
    Admitted,
    /// Until it is in a final block.
    Final,
}

impl WaitFor {
    fn text(self) -> &'static str {
        match self {
            WaitFor::Admitted => "admitted",
            WaitFor::Final => "final",
        }
    }
}

/// The order; amounts are decimals, exact to the digit.
#[derive(Debug, Args)]
struct PlaceArguments {
    /// bid buys, ask sells.
    #[arg(long, default_value = "bid", value_parser = ["bid", "ask"])]
    side: String,
    /// What is traded.
    #[arg(long, value_parser = ["compute", "compute-hours", "storage", "heat", "energy"])]
    resource: String,
    /// kWh of compute, heat and energy; hours; GB of storage.
    #[arg(long)]
    quantity: String,
    /// Limit in CHF per kWh, hour or GB-month: the most that a bid pays, the least that an ask takes.
    #[arg(long, value_name = "CHF")]
    price: String,
    /// The slot of energy: its start (RFC 3339, market time) or its number.
    #[arg(long)]
    slot: Option<String>,
    /// Earliest start of compute (RFC 3339, market time).
    #[arg(long, requires = "until")]
    from: Option<String>,
    /// End of the compute window.
    #[arg(long, requires = "from")]
    until: Option<String>,
    /// Months of storage.
    #[arg(long)]
    months: Option<u32>,
    /// GTC, GTT, IOC or FOK.
    #[arg(long, value_name = "TIF", value_parser = ["GTC", "GTT", "IOC", "FOK"])]
    time_in_force: Option<String>,
    /// End of a GTT order (RFC 3339, market time).
    #[arg(long)]
    good_till: Option<String>,
    /// Least size of each fill.
    #[arg(long)]
    min_fill: Option<String>,
    /// Preferred counterparty.
    #[arg(long)]
    hub: Option<String>,
    /// Only the preferred counterparty.
    #[arg(long, requires = "hub")]
    require_hub: bool,
    /// The ask follows the reference price, the limit is its floor.
    #[arg(long)]
    dynamic: bool,
    /// The bid may fill at several sellers.
    #[arg(long)]
    split: bool,
    /// The ask is backed by the hub's solar forecast.
    #[arg(long)]
    solar: bool,
    /// Until when to wait.
    #[arg(long, value_enum, default_value_t = WaitFor::Final)]
    wait: WaitFor,
    /// A retry with the same key buys once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Orders of this hub.
    #[arg(long)]
    hub: Option<String>,
    /// Orders for this resource.
    #[arg(long)]
    resource: Option<String>,
    /// Orders that left the book, rather than open ones.
    #[arg(long, requires = "hub")]
    finished: bool,
}

/// Runs a command.
pub async fn run(arguments: OrderArguments) -> Result<()> {
    let node = arguments.node.client()?;
    match arguments.command {
        OrderCommand::Place(place) => {
            let path = format!("/api/marketplace/orders?wait={}", place.wait.text());
            let answer: Value = node.post(&path, &place.body(), place.idempotency_key.as_deref()).await?;
            println!("{}", serde_json::to_string_pretty(&answer)?);
            Ok(())
        }
        OrderCommand::List(list) => print_orders(&node, &list).await,
        OrderCommand::Cancel { id, wait } => {
            let answer: Value = node.delete(&format!("/api/marketplace/orders/{id}?wait={}", wait.text())).await?;
            println!("{}", serde_json::to_string_pretty(&answer)?);
            Ok(())
        }
    }
}

impl PlaceArguments {
    /// The API's order. Decimals stay text, so that no digit is lost.
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        put("side", self.side.clone().into());
        put("resource", self.resource.clone().into());
        put("quantity", self.quantity.clone().into());
        put(if self.side == "bid" { "maxPricePerUnitChf" } else { "minPricePerUnitChf" }, self.price.clone().into());
        if let Some(slot) = &self.slot {
            put("slot", slot.parse::<u64>().map_or_else(|_| Value::from(slot.clone()), Value::from));
        }
        if let (Some(from), Some(until)) = (&self.from, &self.until) {
            put("window", serde_json::json!({ "from": from, "until": until }));
        }
        let texts = [("timeInForce", &self.time_in_force), ("goodTill", &self.good_till), ("minFill", &self.min_fill)];
        for (name, text) in texts {
            if let Some(text) = text {
                put(name, text.clone().into());
            }
        }
        if let Some(months) = self.months {
            put("months", months.into());
        }
        if let Some(hub) = &self.hub {
            put("constraints", serde_json::json!({ "hubId": hub, "requireHub": self.require_hub }));
        }
        if self.dynamic {
            put("pricing", "dynamic".into());
        }
        for (name, flag) in [("split", self.split), ("solar", self.solar)] {
            if flag {
                put(name, true.into());
            }
        }
        Value::Object(body)
    }
}

async fn print_orders(node: &HttpNode, list: &ListArguments) -> Result<()> {
    let mut path = "/api/marketplace/orders?".to_owned();
    if list.finished {
        path.push_str("state=finished&");
    }
    for (name, value) in [("hubId", &list.hub), ("resource", &list.resource)] {
        if let Some(value) = value {
            path.push_str(&format!("{name}={value}&"));
        }
    }
    let answer: Value = node.get(path.trim_end_matches(['?', '&'])).await?;
    let orders = answer.get("orders").and_then(Value::as_array).context("the node answered without orders")?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "order",
        "hub",
        "side",
        "resource",
        "quantity",
        "open",
        "limit CHF",
        "status",
    ]);
    for order in orders {
        let text = |name: &str| match order.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let id = text("orderId");
        let names = ["hubId", "side", "resource", "quantity", "openQuantity", "limitPricePerUnitChf", "status"];
        table.add_row(std::iter::once(id).chain(names.iter().map(|name| text(name))));
    }
    println!("{table}");
    if answer.get("next").is_some() {
        println!("there are more; narrow the list with --hub or --resource");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Arguments;
    use clap::Parser;

    #[test]
    fn an_order_keeps_every_digit_that_was_typed() {
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            place: PlaceArguments,
        }
        let line = "x --resource compute --quantity 10.010 --price 0.20 --from 2026-11-22T14:00:00Z --until 2026-11-22T15:00:00Z --hub hub-02 --require-hub";
        let place = Only::try_parse_from(line.split(' ')).unwrap().place;
        let want = serde_json::json!({
            "side": "bid", "resource": "compute", "quantity": "10.010", "maxPricePerUnitChf": "0.20",
            "window": { "from": "2026-11-22T14:00:00Z", "until": "2026-11-22T15:00:00Z" },
            "constraints": { "hubId": "hub-02", "requireHub": true },
        });
        assert_eq!(place.body(), want);
    }

    #[test]
    fn the_command_line_has_no_contradictions() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
