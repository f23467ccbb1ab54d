//! The goals that this project set itself, beside what a run reached.

use super::all::AllFigures;
use super::matching::AuctionCost;
use super::network::Series;
use super::points::RatePoint;
use super::report::average;
use super::screen::{number, table};
use super::tree::TreeCost;
use serde::Serialize;

/// Orders a second at which latency has a goal.
pub const LATENCY_RATE: f64 = 1_000.0;

/// One goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// What it is about.
    pub what: String,
    /// What the run reached.
    pub reached: String,
    /// What was to be reached.
    pub goal: String,
    /// What the machine allows, where that was measured.
    pub ceiling: String,
    /// Whether it was reached.
    pub met: bool,
}

/// All goals that the figures say something of.
pub fn goals(figures: &AllFigures) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (orders, share) in [(1, 0.6), (100, 0.7)] {
        goals.extend(series(figures, orders, false).map(|series| throughput(series, share)));
    }
    let single = series(figures, 1, false);
    goals.extend(single.and_then(|series| series.points.iter().rfind(|point| point.offered == LATENCY_RATE)).map(latency));
    goals.extend(single.map(idle));
    goals.extend(auctions(figures).filter_map(|moments| auction(&moments)));
    goals.extend(growth(figures));
    let trees: Vec<&TreeCost> =
        std::iter::once(&figures.tree).chain(figures.later.iter().map(|later| &later.tree)).filter_map(|trees| trees.last()).collect();
    goals.extend(root(&trees));
    goals.extend(single.and_then(|series| series.catch_up.as_ref()).map(|up| {
        let reached = format!("{} tx/s, {:.1} times", number(up.per_second), up.ratio);
        let produced = format!("produced {} tx/s", number(up.produced_per_second));
        goal("catching up, every signature checked".to_owned(), reached, "4 times the rate of the network", &produced, up.ratio >= 4.0)
    }));
    let restart = &figures.restart;
    let what = format!("restart, {} state entries", number(restart.entries as f64));
    goals.push(goal(what, format!("{:.1} s", restart.seconds), "under 10 s", "", restart.seconds < 10.0));
    goals.extend(series(figures, 1, true).zip(single).map(|(dead, whole)| one_dead(dead, whole)));
    goals
}

fn series(figures: &AllFigures, orders: usize, one_dead: bool) -> Option<&Series> {
    let mut all = figures.network.iter().flat_map(|report| &report.series);
    all.find(|series| series.orders_per_signature == orders && series.one_dead == one_dead)
}

fn goal(what: String, reached: String, goal: &str, ceiling: &str, met: bool) -> Goal {
    Goal { what, reached, goal: goal.to_owned(), ceiling: ceiling.to_owned(), met }
}

fn throughput(series: &Series, share: f64) -> Goal {
    let plural = if series.orders_per_signature == 1 { "order" } else { "orders" };
    let what = format!("{} {plural} a signature, {} nodes", series.orders_per_signature, series.nodes);
    let reached = format!("{}/s, {:.0} % of the ceiling", number(series.reached), series.share * 100.0);
    let wanted = format!("{:.0} % of the ceiling", share * 100.0);
    let (together, alone) = (number(series.ceiling.orders_per_second), number(series.ceiling.alone()));
    let ceiling = format!("{together}/s ({alone} by one core's with a young state)");
    goal(what, reached, &wanted, &ceiling, series.share >= share)
}

fn latency(point: &RatePoint) -> Goal {
    let latency = &point.latency;
    let reached = format!("p50 {} ms, p99 {} ms", number(latency.p50), number(latency.p99));
    let met = latency.p50 < 100.0 && latency.p99 < 500.0 && point.missing() == 0;
    goal(format!("latency at {} orders/s", number(point.offered)), reached, "p50 under 100 ms, p99 under 500 ms", "", met)
}

fn idle(series: &Series) -> Goal {
    let (cores, mib) = average(&series.idle);
    let reached = format!("{cores:.3} cores, {mib:.0} MiB a node");
    goal("idle".to_owned(), reached, "under 0.05 cores, 100 MB a node", "", cores < 0.05 && mib * 1.048_576 < 100.0)
}

/// One market's auctions at all moments of the run, in their order.
fn auctions(figures: &AllFigures) -> impl Iterator<Item = Vec<&AuctionCost>> {
    let first = &figures.matching.auctions;
    let later = figures.later.iter().map(|later| &later.auctions);
    let moments: Vec<&Vec<AuctionCost>> = std::iter::once(first).chain(later).collect();
    (0..first.len()).map(move |market| moments.iter().filter_map(|auctions| auctions.get(market)).collect())
}

/// An auction decides; what it decided is written by the block's execution, which is part of the ceiling. The fastest moment counts.
fn auction(moments: &[&AuctionCost]) -> Option<Goal> {
    let best = moments.iter().max_by(|a, b| a.decided_per_second.total_cmp(&b.decided_per_second))?;
    let worst = moments.iter().map(|auction| auction.decided_per_second).fold(f64::INFINITY, f64::min);
    let what = format!("auction, {} open orders, {}", number(best.orders as f64), best.market);
    let [decided, slowest, all] = [best.decided_per_second, worst, best.orders_per_second].map(number);
    let reached = format!("{decided} orders/s decided ({slowest} at the slowest of {} moments); {all} with all it writes", moments.len());
    Some(goal(what, reached, "1,000,000 orders/s, one core", "", best.decided_per_second >= 1e6))
}

/// The root of the largest tree. The fastest moment counts.
fn root(moments: &[&TreeCost]) -> Option<Goal> {
    let best = moments.iter().min_by(|a, b| a.changed_us.total_cmp(&b.changed_us))?;
    let worst = moments.iter().map(|tree| tree.changed_us).fold(0.0, f64::max);
    let what = format!("state root, {} keys", number(best.keys as f64));
    let [us, slowest, written] = [best.changed_us, worst, best.applied_us].map(number);
    let reached = format!("{us} us a changed key ({slowest} at the slowest of {} moments), {written} more to write it", moments.len());
    Some(goal(what, reached, "under 3 us, one core", "", best.changed_us < 3.0))
}

fn growth(figures: &AllFigures) -> Option<Goal> {
    let (first, last) = figures.matching.growth.first().zip(figures.matching.growth.last())?;
    let times = last.order_us / first.order_us.max(f64::EPSILON);
    let what = format!("an order at {} and {} open orders", number(first.open_orders as f64), number(last.open_orders as f64));
    let reached = format!("{} and {} us, {times:.1} times", number(first.order_us), number(last.order_us));
    Some(goal(what, reached, "within 2 times", "", times <= 2.0))
}

fn one_dead(dead: &Series, whole: &Series) -> Goal {
    let followed = dead.points.iter().rfind(|point| !point.is_saturated());
    let p99 = followed.map(|point| point.latency.p99);
    let shown = p99.map_or_else(|| "no rate was followed".to_owned(), |p99| format!("p99 {} ms", number(p99)));
    let reached = format!("{}/s, {shown}", number(dead.reached));
    let enough = dead.reached >= whole.reached / 2.0;
    let wanted = format!("half of {}/s, p99 under 2 s", number(whole.reached));
    let ceiling = format!("{}/s", number(dead.ceiling.orders_per_second));
    goal("one of four nodes dead".to_owned(), reached, &wanted, &ceiling, enough && p99.is_some_and(|p99| p99 < 2_000.0))
}

/// The goals as a table.
pub fn goals_text(goals: &[Goal]) -> String {
    let mut table = table(["what", "reached", "goal", "ceiling in this run", ""]);
    for goal in goals {
        let met = if goal.met { "met" } else { "not met" };
        table.add_row([goal.what.as_str(), &goal.reached, &goal.goal, &goal.ceiling, met]);
    }
    format!("{table}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_absolute_goal_counts_at_its_fastest_moment_and_shows_its_slowest() {
        let auction_at = |per_second: f64| AuctionCost {
            market: "energy".to_owned(),
            orders: 10_000,
            trades: 8_000,
            decide_ms: 1e7 / per_second,
            decided_per_second: per_second,
            auction_ms: 40.0,
            orders_per_second: 250_000.0,
        };
        let (slow, fast) = (auction_at(600_000.0), auction_at(1_200_000.0));
        let met = auction(&[&slow, &fast, &slow]).unwrap();
        assert!(met.met && met.reached.starts_with("1,200,000 orders/s decided (600,000 at the slowest of 3 moments)"), "{met:?}");
        assert!(!auction(&[&slow]).unwrap().met);
        assert_eq!(auction(&[]), None);
        let tree_at = |changed_us: f64| TreeCost { keys: 1_000_000, changed_us, applied_us: 1.5, built_us: 2.0 };
        let met = root(&[&tree_at(3.5), &tree_at(2.5)]).unwrap();
        assert!(met.met && met.reached.starts_with("2.50 us a changed key (3.50 at the slowest of 2 moments)"), "{met:?}");
        assert!(!root(&[&tree_at(3.0)]).unwrap().met);
    }
}
