//! What oracles and the grid operator report of the zone.

use super::generator::Workload;
use leg_ledger::amount::Quantity;
use leg_ledger::ids::PlaceId;
use leg_ledger::time::{MarketTime, Slot};
use leg_ledger::transaction::Action;
use rand::Rng;

/// A forecast or levels of the slots ahead, now and then of a zone or at a level that does not exist.
pub(super) fn report(w: &mut Workload, now: MarketTime, forecasts: bool) -> Action {
    let zone = PlaceId::parse(if w.once_in(20) { "vd" } else { "zh" }).expect("the name of a canton");
    let first = now.slot().get();
    if forecasts && w.once_in(2) {
        // Up to three days and, now and then, a slot too far.
        let count = if w.once_in(3) { w.rng.gen_range(280..=290) } else { w.rng.gen_range(1..=48) };
        let slots = (first..first + count).map(|slot| (Slot::new(slot), Quantity::new(w.rng.gen_range(0..=200_000)))).collect();
        return Action::ReportSolar { zone, slots };
    }
    let most = if w.once_in(20) { 4 } else { 3 };
    let levels = (first..first + w.rng.gen_range(1..=8)).map(|slot| (Slot::new(slot), w.rng.gen_range(-1..=most))).collect();
    Action::ReportGridLevel { zone, levels }
}
