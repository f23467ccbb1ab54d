//! What processes and threads use of the machine, as the system counts it.

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use procfs::process::Process;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// CPU time of this thread so far.
///
/// # Errors
/// The system does not tell.
pub fn thread_cpu() -> Result<Duration> {
    clock(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of this process so far, all threads.
///
/// # Errors
/// The system does not tell.
pub fn process_cpu() -> Result<Duration> {
    clock(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(id: ClockId) -> Result<Duration> {
    Ok(Duration::from(clock_gettime(id).context("the system does not tell its CPU time")?))
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a process has used up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// CPU time, s.
    cpu_seconds: f64,
    /// Memory in use, bytes.
    resident: u64,
    /// Bytes that it had the disk write.
    written: u64,
}

impl Snapshot {
    /// Of a process on this machine.
    ///
    /// # Errors
    /// It ended, or the system does not tell.
    pub fn of(pid: u32) -> Result<Self> {
        let read = || -> procfs::ProcResult<Snapshot> {
            let process = Process::new(i32::try_from(pid).unwrap_or(i32::MAX))?;
            let stat = process.stat()?;
            let cpu_seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            let resident = stat.rss * procfs::page_size();
            Ok(Snapshot { cpu_seconds, resident, written: process.io()?.write_bytes })
        };
        read().with_context(|| format!("process {pid} cannot be looked at"))
    }
}

/// What a process used within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Cores that were busy with it.
    pub cores: f64,
    /// Memory at the end, MiB.
    pub resident_mib: f64,
    /// Written to the disk, MiB a second.
    pub written_mib_per_second: f64,
}

impl Usage {
    /// Between two snapshots of a process.
    pub fn between(before: &Snapshot, after: &Snapshot, took: Duration) -> Self {
        let seconds = took.as_secs_f64().max(f64::EPSILON);
        Usage {
            cores: (after.cpu_seconds - before.cpu_seconds).max(0.0) / seconds,
            resident_mib: mib(after.resident),
            written_mib_per_second: mib(after.written.saturating_sub(before.written)) / seconds,
        }
    }
}

/// Bytes as MiB.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Bytes of all files below a folder; what vanishes meanwhile is not counted.
pub fn folder_bytes(folder: &Path) -> u64 {
    let mut open = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_computes_is_counted_and_what_it_sleeps_is_not() {
        // The process is read first here and last below: its time encloses the thread's.
        let process = process_cpu().unwrap();
        let thread = thread_cpu().unwrap();
        let mut sum = 0_u64;
        while thread_cpu().unwrap() - thread < Duration::from_millis(20) {
            sum = (0..10_000_u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(std::hint::black_box(sum) != 1);
        assert!(process_cpu().unwrap() - process >= Duration::from_millis(20));
        let before = thread_cpu().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_cpu().unwrap() - before < Duration::from_millis(50));
    }

    #[test]
    fn usage_is_what_changed_over_the_time_it_took() {
        let before = Snapshot { cpu_seconds: 1.0, resident: 5, written: 1 << 20 };
        let after = Snapshot { cpu_seconds: 4.0, resident: 3 << 20, written: 5 << 20 };
        let usage = Usage::between(&before, &after, Duration::from_secs(2));
        assert_eq!(usage, Usage { cores: 1.5, resident_mib: 3.0, written_mib_per_second: 2.0 });
        assert!(Snapshot::of(std::process::id()).unwrap().resident > 0);
        assert!(Snapshot::of(u32::MAX).is_err());
    }

    #[test]
    fn a_folder_weighs_as_much_as_the_files_below_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("a"), [0; 10]).unwrap();
        std::fs::write(folder.path().join("below/b"), [0; 7]).unwrap();
        assert_eq!(folder_bytes(folder.path()), 17);
        assert_eq!(folder_bytes(&folder.path().join("nowhere")), 0);
    }
}
