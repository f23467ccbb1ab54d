//! What a person sees: a progress bar with a live table while a run goes on, a summary at its end.

use super::replay::{Progress, Watcher};
use super::report::{Report, TradedReport};
use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use leg_ledger::amount::MicroChf;
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
            println!(
                "{}: slot {done}/{}, block {}, {} orders, {} energy and {} compute trades, {} settled",
                self.title,
                progress.slots,
                progress.height,
                counts.orders,
                counts.energy.matches,
                counts.compute.matches,
                counts.energy.settled + counts.compute.settled,
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
    let mut table = new_table(["", "matches", "kWh", "CHF", "settled", "cancelled"]);
    for (name, t) in [("energy", &counts.energy), ("compute", &counts.compute)] {
        let kwh = format!("{:.1}", t.matched_wh as f64 / 1_000.0);
        let money = MicroChf::new(t.matched_value).to_string();
        table.add_row(numbers([name.into(), t.matches.to_string(), kwh, money, t.settled.to_string(), t.cancelled.to_string()]));
    }
    let sent = progress.tracker;
    let rest = format!(
        "block {}, {} orders, {} transactions wait, {:.1} kWh of heat, {} slots late",
        progress.height,
        counts.orders,
        sent.waiting(),
        counts.heat_wh as f64 / 1_000.0,
        sent.late().len()
    );
    table.add_row(vec![Cell::new(rest)]);
    table
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
    let mut trades = new_table(["", "matches", "matched kWh", "settled", "paid kWh", "paid CHF", "fee CHF", "penalty CHF", "cancelled"]);
    for (name, t) in [("energy", &report.energy), ("compute", &report.compute)] {
        trades.add_row(trade_row(name, t));
    }
    let (run, demand, blocks) = (&report.run, &report.demand, &report.blocks);
    let mut facts = Table::new();
    facts.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    let roots = format!("{} of {} nodes have the auditor's", report.nodes.iter().filter(|n| n.agrees).count(), report.nodes.len());
    let conserved = format!(
        "{}: CHF {} deposited = {} in accounts + {} fees + {} penalties, after each of {} blocks",
        if report.conservation.holds { "holds" } else { "BROKEN" },
        report.conservation.deposited_chf,
        report.conservation.accounts_chf,
        report.conservation.fee_chf,
        report.conservation.penalties_chf,
        report.conservation.blocks_checked
    );
    let met = format!(
        "{} of {} kWh net demand ({} %); {} kWh was possible",
        demand.met_inside_kwh, demand.net_kwh, demand.met_inside_percent, demand.possible_kwh
    );
    let rows = [
        ("slots", format!("{} at {} a second, {:.1} s; {} late", run.slots, run.slots_per_second, run.took_seconds, run.late_slots.len())),
        ("orders", format!("{} in {} transactions", report.orders.orders, report.orders.transactions)),
        ("met inside the community", met),
        ("compute jobs", format!("{} served of {} asked", demand.jobs_served, demand.jobs_asked)),
        ("heat credited", format!("{} kWh", report.heat_credited_kwh)),
        ("block time", format!("p50 {} ms, p99 {} ms, {} blocks", blocks.interval_p50_ms, blocks.interval_p99_ms, blocks.height)),
        (
            "finality",
            format!("p50 {} ms, p99 {} ms from sending to reading the final block", blocks.finality_p50_ms, blocks.finality_p99_ms),
        ),
        ("state roots", roots),
        ("conservation", conserved),
    ];
    for (name, value) in rows {
        facts.add_row([name.to_owned(), value]);
    }
    format!("{trades}\n{facts}")
}

fn trade_row(name: &str, t: &TradedReport) -> Vec<Cell> {
    numbers([
        name.to_owned(),
        t.matches.to_string(),
        t.matched_kwh.to_string(),
        t.settled.to_string(),
        t.settled_kwh.to_string(),
        t.gross_chf.to_string(),
        t.fee_chf.to_string(),
        t.penalty_chf.to_string(),
        t.cancelled.to_string(),
    ])
}
