//! What a person sees: a progress bar with a live table while a run goes on, a summary at its end.

use super::counts::RESOURCES;
use super::market_report::{PriceReport, TradedReport};
use super::replay::{Progress, Watcher};
use super::report::Report;
use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use leg_ledger::amount::MicroChf;
use leg_ledger::transaction::Resource;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The table is drawn at most this often.
const REDRAW: Duration = Duration::from_millis(200);

/// The live view of a run. Without a terminal it prints a line every tenth of the run.
pub struct Screen {
    bar: ProgressBar,
    table: ProgressBar,
    live: bool,
    drawn: Instant,
    tenth: usize,
    title: String,
}

impl Screen {
    /// A view of a run of `slots`.
    pub fn new(slots: usize, title: &str) -> Self {
        let live = std::io::stderr().is_terminal();
        let all = MultiProgress::with_draw_target(if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        let (bar, table) = (all.add(ProgressBar::new(slots as u64)), all.add(ProgressBar::new_spinner()));
        let style = ProgressStyle::with_template("{prefix} {wide_bar} slot {pos}/{len} {elapsed_precise}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(title.to_owned());
        table.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let long_ago = Instant::now().checked_sub(REDRAW).unwrap_or_else(Instant::now);
        Screen { bar, table, live, drawn: long_ago, tenth: 0, title: title.to_owned() }
    }

    /// Ends the view.
    pub fn clear(&self) {
        self.table.finish_and_clear();
        self.bar.finish_and_clear();
    }

    fn line(&mut self, progress: &Progress<'_>) {
        let done = usize::try_from(progress.tick).unwrap_or(0).min(progress.slots);
        let tenth = done * 10 / progress.slots.max(1);
        if tenth > self.tenth {
            self.tenth = tenth;
            let counts = progress.counts;
            let trades: Vec<String> = RESOURCES.iter().map(|r| format!("{} {}", name(*r), counts.of(*r).matches)).collect();
            println!(
                "{}: slot {done}/{}, block {}, {} orders; trades: {}",
                self.title,
                progress.slots,
                progress.height,
                counts.orders,
                trades.join(", ")
            );
        }
    }
}

impl Watcher for Screen {
    fn on_progress(&mut self, progress: &Progress<'_>) {
        if !self.live {
            return self.line(progress);
        }
        if self.drawn.elapsed() < REDRAW {
            return;
        }
        self.drawn = Instant::now();
        self.bar.set_position(u64::try_from(progress.tick).unwrap_or(0).min(progress.slots as u64));
        self.table.set_message(live_table(progress).to_string());
    }
}

fn live_table(progress: &Progress<'_>) -> Table {
    let counts = progress.counts;
    let mut table = new_table(["", "trades", "kWh, h, GB", "CHF", "settled", "cancelled", "reference CHF"]);
    for resource in RESOURCES {
        let t = counts.of(resource);
        let quantity = format!("{:.1}", t.matched as f64 / 1_000.0);
        let money = MicroChf::new(t.matched_value).to_string();
        let reference = counts.prices.get(&resource).map_or_else(String::new, |range| MicroChf::new(range.last.micro_chf()).to_string());
        let counted = [t.matches, t.settled, t.cancelled].map(|n| n.to_string());
        let [matches, settled, cancelled] = counted;
        table.add_row(numbers([name(resource), matches, quantity, money, settled, cancelled, reference]));
    }
    let (sent, stored) = (progress.tracker, counts.storage);
    let rest = format!(
        "block {}, {} orders, {} transactions wait, {} slots late; heat: {:.1} kWh issued, {:.1} retired; storage: {} contents, {} of {} challenges answered",
        progress.height,
        counts.orders,
        sent.waiting(),
        sent.late().len(),
        counts.heat.issued as f64 / 1_000.0,
        counts.heat.retired as f64 / 1_000.0,
        stored.stored,
        stored.answered,
        stored.asked,
    );
    table.add_row(vec![Cell::new(rest)]);
    table
}

/// A resource's name as everybody writes it.
fn name(resource: Resource) -> String {
    serde_json::to_value(resource).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

fn numbers<const N: usize>(cells: [String; N]) -> Vec<Cell> {
    let align = |index: usize| if index == 0 { CellAlignment::Left } else { CellAlignment::Right };
    cells.into_iter().enumerate().map(|(index, text)| Cell::new(text).set_alignment(align(index))).collect()
}

/// The summary of a report.
pub fn summary(report: &Report) -> String {
    let mut trades = new_table(["", "trades", "matched", "settled", "delivered", "", "paid CHF", "fee CHF", "penalty CHF", "cancelled"]);
    for traded in &report.trades {
        trades.add_row(trade_row(traded));
    }
    let mut prices = new_table(["reference CHF", "lowest", "highest", "last", "sun", "grid", "demand"]);
    for price in &report.prices {
        prices.add_row(price_row(price));
    }
    format!("{trades}\n{prices}\n{}", facts(report))
}

fn facts(report: &Report) -> Table {
    let (run, demand, blocks) = (&report.run, &report.demand, &report.blocks);
    let mut facts = Table::new();
    facts.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    let roots = format!("{} of {} nodes have the auditor's", report.nodes.iter().filter(|n| n.agrees).count(), report.nodes.len());
    let conservation = &report.conservation;
    let verdict = if conservation.holds { "hold" } else { "BROKEN" };
    let conserved = format!("all sums {verdict} after each of {} blocks", conservation.blocks_checked);
    let francs = format!(
        "{} deposited = {} in accounts ({} of it in escrow for running trades) + {} fees + {} penalties",
        conservation.deposited_chf, conservation.accounts_chf, conservation.escrow_chf, conservation.fee_chf, conservation.penalties_chf
    );
    let kwh = format!(
        "{} credited for compute = {} in lots + {} retired; {} sold",
        conservation.heat_issued_kwh, conservation.heat_accounts_kwh, conservation.heat_retired_kwh, report.heat.sold_kwh
    );
    let met = format!(
        "{} of {} kWh net demand ({} %); {} kWh was possible",
        demand.met_inside_kwh, demand.net_kwh, demand.met_inside_percent, demand.possible_kwh
    );
    let storage = &report.storage;
    let stored = format!(
        "{} files stored over the swarm, {} read back whole; {} of {} daily challenges answered; {} months billed",
        storage.stored,
        storage.contents.iter().filter(|content| content.read_back).count(),
        storage.answered,
        storage.challenges,
        storage.months_billed
    );
    let rows = [
        ("slots", format!("{} at {} a second, {:.1} s; {} late", run.slots, run.slots_per_second, run.took_seconds, run.late_slots.len())),
        ("orders", format!("{} in {} transactions", report.orders.orders, report.orders.transactions)),
        ("met inside the community", met),
        ("compute jobs", format!("{} served of {} asked, machines by the hour among them", demand.jobs_served, demand.jobs_asked)),
        ("storage", stored),
        ("block time", format!("p50 {} ms, p99 {} ms, {} blocks", blocks.interval_p50_ms, blocks.interval_p99_ms, blocks.height)),
        (
            "finality",
            format!("p50 {} ms, p99 {} ms from sending to reading the final block", blocks.finality_p50_ms, blocks.finality_p99_ms),
        ),
        ("state roots", roots),
        ("conservation", conserved),
        ("CHF", francs),
        ("kWh of heat", kwh),
    ];
    for (name, value) in rows {
        facts.add_row([name.to_owned(), value]);
    }
    facts
}

fn trade_row(t: &TradedReport) -> Vec<Cell> {
    numbers([
        name(t.resource),
        t.matches.to_string(),
        t.matched.to_string(),
        t.settled.to_string(),
        t.delivered.to_string(),
        t.unit.to_owned(),
        t.gross_chf.to_string(),
        t.fee_chf.to_string(),
        t.penalty_chf.to_string(),
        t.cancelled.to_string(),
    ])
}

/// The parts are shares: the lowest, the highest and, in brackets, that of the last price.
fn price_row(p: &PriceReport) -> Vec<Cell> {
    let percent = |bp: i32| format!("{:+.1}", f64::from(bp) / 100.0);
    let part = |[least, most, last]: [i32; 3]| format!("{} .. {} % ({})", percent(least), percent(most), percent(last));
    numbers([
        name(p.resource),
        p.lowest_chf.to_string(),
        p.highest_chf.to_string(),
        p.last_chf.to_string(),
        part(p.supply),
        part(p.grid),
        part(p.demand),
    ])
}
