//! Being asked to stop.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Returns at Ctrl-C or SIGTERM.
///
/// # Errors
/// The system does not tell signals.
pub async fn asked_to_stop() -> Result<()> {
    let failed = "cannot wait for signals";
    let mut terminate = signal(SignalKind::terminate()).context(failed)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context(failed),
        _ = terminate.recv() => Ok(()),
    }
}
