//! The shipped data as integers: a Swiss week of 60 households and 231 compute requests (see NOTICE for sources and licences).

use anyhow::{Context, Result, ensure};
use leg_ledger::decimal::parse_kwh;
use serde::Deserialize;

/// Slots of the week.
pub const WEEK_SLOTS: usize = 672;
/// Households of the week.
pub const HOUSEHOLDS: usize = 60;

const CONSUMPTION: &str = include_str!("../../data/swiss-leg/consumption_kwh.csv");
const HOMES: &str = include_str!("../../data/swiss-leg/households.csv");
const SOLAR: &str = include_str!("../../data/swiss-leg/solar_kwh_per_kwp.csv");
const REQUESTS: &str = include_str!("../../data/compute_requests.csv");

/// The shipped files by name, as they are.
pub const FILES: [(&str, &str); 4] =
    [("consumption_kwh.csv", CONSUMPTION), ("compute_requests.csv", REQUESTS), ("solar_kwh_per_kwp.csv", SOLAR), ("households.csv", HOMES)];

/// A week of electricity.
#[derive(Clone, Debug)]
pub struct Week {
    /// Wh drawn, by slot and household.
    pub drawn_wh: Vec<Vec<u64>>,
    /// Peak power of each household's solar plant, W.
    pub peak_watts: Vec<u64>,
    /// Made by one kWp in each slot, in hundredths of a Wh (10 micro-kWh).
    pub made_centi_wh_per_kwp: Vec<u64>,
}

/// A resource request of the compute marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose it was: deployment and service.
    pub name: String,
    /// Thousandths of a CPU core.
    pub milli_cores: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// GPUs.
    pub gpus: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HomeRow {
    household: String,
    #[serde(rename = "household_type")]
    _household_type: String,
    #[serde(rename = "heating_type")]
    _heating_type: String,
    pv_kwp: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRow {
    deployment: String,
    service: String,
    cpu_cores: String,
    memory_gib: String,
    #[serde(rename = "storage_gib")]
    _storage_gib: String,
    gpus: u64,
}

/// A decimal in thousandths: kWh as Wh, kWp as W, cores as milli-cores.
fn thousandths(text: &str) -> Result<u64> {
    Ok(parse_kwh(text).with_context(|| format!("{text:?} in the shipped data"))?.get())
}

impl Week {
    /// Reads the shipped week.
    ///
    /// # Errors
    /// When the embedded files are not what this program was written for.
    pub fn load() -> Result<Self> {
        let mut drawn_wh = Vec::with_capacity(WEEK_SLOTS);
        for (slot, record) in csv::Reader::from_reader(CONSUMPTION.as_bytes()).records().enumerate() {
            let record = record.context("consumption_kwh.csv")?;
            ensure!(record.get(0) == Some(slot.to_string().as_str()), "consumption_kwh.csv: slot {slot} is missing");
            let row: Vec<u64> = record.iter().skip(1).map(thousandths).collect::<Result<_>>().context("consumption_kwh.csv")?;
            ensure!(row.len() == HOUSEHOLDS, "consumption_kwh.csv: slot {slot} has {} households", row.len());
            drawn_wh.push(row);
        }
        let mut peak_watts = Vec::with_capacity(HOUSEHOLDS);
        for (index, row) in csv::Reader::from_reader(HOMES.as_bytes()).deserialize::<HomeRow>().enumerate() {
            let row = row.context("households.csv")?;
            ensure!(row.household == format!("h{:03}", index + 1), "households.csv: {} is out of order", row.household);
            peak_watts.push(thousandths(&row.pv_kwp)?);
        }
        let mut made = Vec::with_capacity(WEEK_SLOTS);
        for record in csv::Reader::from_reader(SOLAR.as_bytes()).records() {
            let record = record.context("solar_kwh_per_kwp.csv")?;
            made.push(hundred_thousandths(record.get(1).unwrap_or_default()).context("solar_kwh_per_kwp.csv")?);
        }
        ensure!(
            drawn_wh.len() == WEEK_SLOTS && made.len() == WEEK_SLOTS && peak_watts.len() == HOUSEHOLDS,
            "the shipped week is not whole"
        );
        Ok(Week { drawn_wh, peak_watts, made_centi_wh_per_kwp: made })
    }

    /// Wh that `peak_watts` of solar plant make in a slot, rounded down.
    pub fn made_wh(&self, slot: usize, peak_watts: u64) -> u64 {
        self.made_centi_wh_per_kwp[slot] * peak_watts / 100_000
    }
}

/// A decimal of at most five digits after the point, in its fifth digit.
fn hundred_thousandths(text: &str) -> Result<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    ensure!(part.len() <= 5, "{text:?} has more than five digits after the point");
    let digits = format!("{whole}{part:0<5}");
    digits.parse().with_context(|| format!("{text:?} in the shipped data"))
}

/// Reads the shipped requests, in their order.
///
/// # Errors
/// When the embedded file is not what this program was written for.
pub fn requests() -> Result<Vec<Request>> {
    let mut out = Vec::new();
    for row in csv::Reader::from_reader(REQUESTS.as_bytes()).deserialize::<RequestRow>() {
        let row = row.context("compute_requests.csv")?;
        out.push(Request {
            name: format!("{}/{}", row.deployment, row.service),
            milli_cores: thousandths(&row.cpu_cores)?,
            memory_mib: thousandths(&row.memory_gib)? * 1_024 / 1_000,
            gpus: row.gpus,
        });
    }
    ensure!(!out.is_empty(), "compute_requests.csv is empty");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_adds_up_to_what_its_text_says() {
        let week = Week::load().unwrap();
        // Sums from the text of the files, digit by digit, without this module's parsers.
        let all: u64 = week.drawn_wh.iter().flatten().sum();
        assert_eq!(all, 19_346_881, "19 346.881 kWh");
        assert_eq!(week.peak_watts.iter().sum::<u64>(), 665_500);
        assert_eq!(week.made_centi_wh_per_kwp.iter().max(), Some(&10_520), "0.10520 kWh per kWp");
        assert_eq!(week.drawn_wh[0][..4], [30, 174, 10, 180]);
        assert_eq!(week.made_wh(40, 59_100), 4_385, "0.07420 x 59.1 kWp = 4.385 22 kWh");
    }

    #[test]
    fn requests_are_read_in_order() {
        let requests = requests().unwrap();
        assert_eq!(requests.len(), 231);
        assert_eq!(requests[1], Request { name: "Ace-Music-AI/acestep".into(), milli_cores: 4_000, memory_mib: 16_384, gpus: 1 });
        assert_eq!(requests.iter().map(|r| r.gpus).sum::<u64>(), 129);
    }
}
