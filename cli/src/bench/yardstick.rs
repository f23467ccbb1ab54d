//! What an order costs at any moment of a run: the ledger's benchmark on every core at once, each copy with a chain of its own that stays.
//!
//! ```text
//! network:  load 1        load 2        load 3 ...
//! copies:   ▲      ▲      ▲      ▲      ▲      ▲     an order is measured right before each load and right after it
//! ```
//! The speed of a shared machine changes by half within minutes: what a load reached is compared with what an order cost beside it. The chains
//! grow as they are measured, as the network's do.

use super::ledger::{Bench, LedgerCost, LedgerOptions, Step};
use super::screen::Progress;
use super::usage::cores;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What a copy says when its chain has grown.
const READY: &str = "ready";
/// What it is told to measure.
const MEASURE: &[u8] = b"measure\n";
/// About how long the chains grow, for the progress bar.
const GROWS: Duration = Duration::from_secs(10);

/// The copies, and all that they measured.
pub struct Yardstick {
    copies: Vec<Copy>,
    samples: Vec<LedgerCost>,
}

impl Yardstick {
    /// Starts a copy on each core and waits until their chains have grown.
    ///
    /// # Errors
    /// A copy cannot be started, or fails.
    pub async fn start(options: &LedgerOptions, program: &Path) -> Result<Self> {
        let mut copies = (0..cores()).map(|_| Copy::start(options, program)).collect::<Result<Vec<_>>>()?;
        let ready = async {
            for copy in &mut copies {
                let line = copy.line().await?;
                ensure!(line == READY, "a copy of the ledger's benchmark answers {line:?}");
            }
            Ok(())
        };
        Progress::during("the yardstick's chains grow", GROWS, ready).await?;
        Ok(Yardstick { copies, samples: Vec::new() })
    }

    /// CPU of an order now, while all cores are at work: the mean of the copies.
    ///
    /// # Errors
    /// A copy fails.
    pub async fn sample(&mut self) -> Result<LedgerCost> {
        // All begin before the first is waited for.
        for copy in &mut self.copies {
            copy.input.write_all(MEASURE).await.context("a copy of the ledger's benchmark is gone")?;
        }
        let mut costs = Vec::new();
        for copy in &mut self.copies {
            costs.push(serde_json::from_str(&copy.line().await?).context("the figures of a copy of the ledger's benchmark")?);
        }
        let cost = LedgerCost { cores: self.copies.len(), ..mean(&costs).context("no core to measure on")? };
        self.samples.push(cost.clone());
        Ok(cost)
    }

    /// Ends the copies. The mean of all that they measured.
    ///
    /// # Errors
    /// A copy failed, or nothing was measured.
    pub async fn end(self) -> Result<LedgerCost> {
        for copy in self.copies {
            copy.end().await?;
        }
        mean(&self.samples).context("nothing was measured")
    }
}

/// A process that measures whenever it is asked to.
struct Copy {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Copy {
    fn start(options: &LedgerOptions, program: &Path) -> Result<Self> {
        let LedgerOptions { orders, block_orders, standing, warm_up: _, blocks } = options;
        let mut command = Command::new(program);
        command.args(["bench", "ledger", "--asked"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        for (name, value) in [("--orders", orders), ("--block-orders", block_orders), ("--standing", standing), ("--blocks", blocks)] {
            command.arg(name).arg(value.to_string());
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take().context("a copy without input")?;
        let output = BufReader::new(child.stdout.take().context("a copy without output")?).lines();
        Ok(Copy { child, input, output })
    }

    async fn line(&mut self) -> Result<String> {
        self.output.next_line().await?.context("a copy of the ledger's benchmark ended")
    }

    async fn end(mut self) -> Result<()> {
        // The end of its input is the copy's end.
        drop(self.input);
        let status = self.child.wait().await.context("a copy of the ledger's benchmark is gone")?;
        ensure!(status.success(), "a copy of the ledger's benchmark failed: {status}");
        Ok(())
    }
}

/// What a copy does: grows its chain, says so, then measures once for each line that comes in and answers with a line of figures.
///
/// # Errors
/// The chain or its store fails, or the lines do.
pub fn answer(options: &LedgerOptions, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut bench = Bench::found(options)?;
    bench.grow(&|| {})?;
    let mut say = |line: &str| writeln!(output, "{line}").and_then(|()| output.flush()).context("nobody reads the figures");
    say(READY)?;
    for line in input.lines() {
        line.context("cannot read what to measure")?;
        say(&serde_json::to_string(&bench.measure(&|| {})?)?)?;
    }
    Ok(())
}

/// The mean of some costs of one kind; counts are added, and what stood before is that of the first.
fn mean(costs: &[LedgerCost]) -> Option<LedgerCost> {
    let first = costs.first()?;
    let count = costs.len() as f64;
    let of = |figure: &dyn Fn(&LedgerCost) -> f64| costs.iter().map(figure).sum::<f64>() / count;
    let sum = |figure: fn(&LedgerCost) -> u64| costs.iter().map(figure).sum();
    let step = |(place, step): (usize, &Step)| {
        let order_us = of(&|cost| cost.steps.get(place).map_or(0.0, |step| step.order_us));
        Step { name: step.name.clone(), order_us }
    };
    Some(LedgerCost {
        orders: sum(|cost| cost.orders),
        rejected: sum(|cost| cost.rejected),
        trades: sum(|cost| cost.trades),
        steps: first.steps.iter().enumerate().map(step).collect(),
        order_us: of(&|cost| cost.order_us),
        store_ms: of(&|cost| cost.store_ms),
        order_bytes: of(&|cost| cost.order_bytes),
        ..first.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: LedgerOptions = LedgerOptions { orders: 10, block_orders: 100, standing: 300, warm_up: 1, blocks: 2 };

    #[test]
    fn a_copy_measures_once_for_each_line_on_a_chain_that_goes_on() {
        let mut output = Vec::new();
        answer(&SMALL, "measure\nmeasure\n".as_bytes(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(READY));
        let costs: Vec<LedgerCost> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(costs.iter().map(|cost| (cost.standing, cost.orders)).collect::<Vec<_>>(), [(400, 200), (600, 200)]);
        assert!(costs.iter().all(|cost| cost.order_us > 0.0 && cost.rejected == 0));
    }

    #[test]
    fn a_mean_is_taken_step_by_step() {
        let cost = |order_us: f64, orders: u64| LedgerCost {
            orders_per_signature: 1,
            cores: 1,
            standing: orders,
            orders,
            rejected: 1,
            trades: 2,
            steps: vec![Step { name: "a".to_owned(), order_us }, Step { name: "b".to_owned(), order_us: 2.0 * order_us }],
            order_us: 3.0 * order_us,
            store_ms: order_us,
            order_bytes: 80.0,
        };
        let mean = mean(&[cost(1.0, 10), cost(3.0, 20)]).unwrap();
        assert_eq!((mean.orders, mean.rejected, mean.trades, mean.standing), (30, 2, 4, 10));
        assert_eq!(mean.steps.iter().map(|step| step.order_us).collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!((mean.order_us, mean.store_ms, mean.order_bytes), (6.0, 2.0, 80.0));
        assert_eq!(super::mean(&[]), None);
    }
}
