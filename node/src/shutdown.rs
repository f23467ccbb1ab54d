//! Stopping: asked for, or because something failed after which the node must not go on.

use std::fmt;
use tokio::sync::watch;

/// Why the node stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it: the process ends with success.
    Requested,
    /// Something failed that the node cannot live with: the process MUST end with an error that says this.
    Fatal(String),
}

/// Tells all parts of a node to stop; clones share it. A fatal reason is never replaced, neither by a request nor by a later failure that
/// the first one caused.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<Option<Reason>>);

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown(watch::channel(None).0)
    }
}

impl Shutdown {
    /// Asks the node to stop.
    pub fn request(&self) {
        self.0.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                *reason = Some(Reason::Requested);
            }
            first
        });
    }

    /// Stops the node because of `cause`, which is logged here.
    pub fn fatal(&self, cause: impl fmt::Display) {
        let cause = cause.to_string();
        tracing::error!(%cause, "FATAL: the node stops");
        self.0.send_if_modified(|reason| {
            let first = !matches!(reason, Some(Reason::Fatal(_)));
            if first {
                *reason = Some(Reason::Fatal(cause));
            }
            first
        });
    }

    /// Why the node stops; `None` while it runs.
    pub fn reason(&self) -> Option<Reason> {
        self.0.borrow().clone()
    }

    /// Waits until the node is to stop.
    pub async fn wait(&self) {
        // The sender lives in `self`, so this ends only with a reason.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_failure_is_the_reason_whatever_was_asked_for() {
        let shutdown = Shutdown::default();
        assert_eq!(shutdown.reason(), None);
        shutdown.request();
        shutdown.wait().await;
        assert_eq!(shutdown.reason(), Some(Reason::Requested));
        shutdown.clone().fatal("disk full");
        shutdown.fatal("engine gone");
        shutdown.request();
        assert_eq!(shutdown.reason(), Some(Reason::Fatal("disk full".to_owned())));
    }
}
