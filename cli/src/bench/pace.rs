//! Whether the machine is as fast as before: others may use it too, and then figures of one run do not compare.

use super::screen::Progress;
use super::signatures::sign_us;
use super::usage::cores;
use anyhow::{Context, Result, anyhow};
use std::time::{Duration, Instant};

/// CPU time of a measurement on each core.
const MEASURED: Duration = Duration::from_millis(50);
/// Slower than this many times the best pace so far, the machine is waited for...
pub const SLOW: f64 = 1.15;
/// ...for so long at most, looking at it this often.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(3);

/// The best pace so far.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    best_us: f64,
}

impl Pace {
    /// The pace now.
    ///
    /// # Errors
    /// The system does not tell CPU times.
    pub fn now() -> Result<Self> {
        Ok(Pace { best_us: signature_us()? })
    }

    /// Waits until the machine is about as fast as it was at its best, or a minute. How many times slower it still is; below 1.15 for one that is
    /// as fast.
    ///
    /// # Errors
    /// The system does not tell CPU times.
    pub async fn settle(&mut self) -> Result<f64> {
        let begun = Instant::now();
        loop {
            let us = tokio::task::spawn_blocking(signature_us).await.context("the measurement of the pace ended")??;
            self.best_us = self.best_us.min(us);
            let slower = us / self.best_us.max(f64::EPSILON);
            if slower < SLOW || begun.elapsed() >= PATIENCE {
                return Ok(slower);
            }
            Progress::during("the machine is slower than before: waiting", PAUSE, tokio::time::sleep(PAUSE)).await;
        }
    }
}

/// CPU time of a signature while all cores sign, microseconds.
fn signature_us() -> Result<f64> {
    let threads: Vec<_> = (0..cores()).map(|_| std::thread::spawn(|| sign_us(MEASURED))).collect();
    let count = threads.len().max(1) as f64;
    let mut sum = 0.0;
    for thread in threads {
        sum += thread.join().map_err(|_| anyhow!("a thread that signs panicked"))??;
    }
    Ok(sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pace_is_compared_with_the_best_so_far() {
        // Nothing is as slow as this: what comes next is the best.
        let mut pace = Pace { best_us: f64::MAX };
        let slower = pace.settle().await.unwrap();
        assert_eq!(slower, 1.0);
        assert!(pace.best_us > 0.0 && pace.best_us < f64::MAX);
    }
}
