//! What the inputs do to reference prices: s and g of MARKET 5.

use super::evaluate::{Evaluation, evaluate, lower_median};
use super::zone::{cantons_of, zones};
use crate::execute::Context;
use crate::ids::PlaceId;
use crate::member::Role;
use crate::receipt::Event;
use crate::state::OracleInput;
use crate::time::{DAY_MS, SLOT_MS, Slot};
use std::collections::BTreeMap;

/// Days over which the mean of a time of day is taken.
const DAYS: u64 = 7;
/// Adjustment for a grid level, basis points.
const GRID: i64 = 1_000;

/// What is known of a zone in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    /// F and N, Wh.
    solar: Option<(i64, i64)>,
    level: Option<i64>,
}

/// The adjustments of a slot, by zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adjustment {
    zones: BTreeMap<PlaceId, Known>,
}

impl Adjustment {
    /// (s, g) of a zone, or of the whole network, basis points.
    pub fn of(&self, zone: Option<PlaceId>) -> (i32, i32) {
        let known: Vec<Known> = self.zones.iter().filter(|(of, _)| zone.is_none_or(|zone| zone == **of)).map(|(_, known)| *known).collect();
        let sum = |f: fn(&(i64, i64)) -> i64| {
            known.iter().filter_map(|k| k.solar.as_ref()).fold(0_i128, |sum, k| sum.saturating_add(i128::from(f(k))))
        };
        let level = lower_median(known.iter().filter_map(|known| known.level).collect()).unwrap_or(0);
        (supply(sum(|s| s.0), sum(|s| s.1)), i32::try_from(level.saturating_mul(GRID)).unwrap_or(0))
    }
}

/// s = clamp(1 500 x (N - F) / N, -1 500, 1 500), truncated toward zero; 0 where N is 0.
pub(super) fn supply(forecast: i128, mean: i128) -> i32 {
    let scaled = mean.saturating_sub(forecast).saturating_mul(1_500).checked_div(mean).unwrap_or(0);
    i32::try_from(scaled.clamp(-1_500, 1_500)).unwrap_or(0)
}

/// The adjustments of a slot on the state as after h-1. Tells what is missing where there are oracles at all.
pub fn adjustments(ctx: &mut Context<'_>, slot: Slot) -> Adjustment {
    let (state, params) = (ctx.state.base(), ctx.params.oracle);
    let expected = cantons_of(state, Role::Oracle).next().is_some();
    let mut adjustment = Adjustment::default();
    for zone in zones(state) {
        let read = |input, slot| evaluate(state, &params, input, zone, slot);
        let solar = read(OracleInput::SolarForecast, slot);
        let grid = read(OracleInput::GridLevel, slot);
        for (input, found) in [(OracleInput::SolarForecast, &solar), (OracleInput::GridLevel, &grid)] {
            if expected && found.value.is_none() {
                ctx.events.push(missing(input, zone, slot, found));
            }
        }
        let mean = solar.value.and_then(|_| mean(slot, |slot| read(OracleInput::SolarForecast, slot).value));
        adjustment.zones.insert(zone, Known { solar: solar.value.zip(mean), level: grid.value });
    }
    adjustment
}

fn missing(input: OracleInput, zone: PlaceId, slot: Slot, found: &Evaluation) -> Event {
    Event::InputMissing { input, zone, slot, sources: u32::try_from(found.counted()).unwrap_or(u32::MAX) }
}

/// N: the mean of the forecasts of the same time of day over the days before, as far as they have one, rounded down.
fn mean(slot: Slot, forecast: impl Fn(Slot) -> Option<i64>) -> Option<i64> {
    let day = DAY_MS.checked_div(SLOT_MS)?;
    let before = |days: u64| slot.get().checked_sub(day.checked_mul(days)?).map(Slot::new);
    let values: Vec<i64> = (1..=DAYS).filter_map(before).filter_map(forecast).collect();
    let sum = values.iter().try_fold(0_i64, |sum, value| sum.checked_add(*value))?;
    sum.checked_div(i64::try_from(values.len()).ok()?)
}
