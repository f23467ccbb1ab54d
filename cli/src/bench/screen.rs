//! What a person sees of a benchmark while it runs, and how its tables look.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a bar that follows the clock is moved.
const TICK: Duration = Duration::from_millis(200);

/// A progress bar on the terminal; none where there is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `steps` steps.
    pub fn new(steps: u64, title: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {elapsed_precise}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(title.to_owned());
        Progress(bar)
    }

    /// One step further.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Runs `job` while a bar follows the clock over `seconds`.
    pub async fn during<T>(title: &str, seconds: Duration, job: impl Future<Output = T>) -> T {
        let (progress, begun) = (Progress::new(seconds.as_secs().max(1), title), Instant::now());
        let mut ticks = tokio::time::interval(TICK);
        tokio::pin!(job);
        loop {
            tokio::select! {
                done = &mut job => return done,
                _ = ticks.tick() => progress.0.set_position(begun.elapsed().as_secs().min(seconds.as_secs())),
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A table with a heading, as wide as the terminal at most; all columns but the first hold numbers.
pub fn table<const N: usize>(heading: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_header(heading);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A number as people read it: whole and with thousands apart from ten thousand on, three digits below.
pub fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        return thousands(value.round());
    }
    let digits = if value.abs() >= 10.0 { 1 } else { 2 };
    format!("{value:.digits$}")
}

fn thousands(value: f64) -> String {
    let text = format!("{value:.0}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_exact_as_they_are_useful() {
        let cases = [
            (0.0, "0.00"),
            (0.047, "0.05"),
            (9.876, "9.88"),
            (12.34, "12.3"),
            (123.4, "123"),
            (24_000.4, "24,000"),
            (1_234_567.0, "1,234,567"),
            (-1_500.0, "-1,500"),
        ];
        for (value, want) in cases {
            assert_eq!(number(value), want);
        }
    }
}
