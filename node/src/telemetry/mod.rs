//! What an operator watches: metrics in the text format of Prometheus, and the log.

mod api;
mod counts;
mod log;

pub use api::ApiMetrics;
pub use counts::Sample;
pub use log::{LogError, start_log};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Other registries that are shown with this one's metrics, such as the engine's: each writes its text.
type Source = Box<dyn Fn(&mut String) -> fmt::Result + Send + Sync>;

struct Inner {
    registry: Mutex<Registry>,
    sources: Mutex<Vec<Source>>,
}

/// The metrics of all rooms of the node. Clones share them.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry(Arc::new(Inner { registry: Mutex::new(Registry::with_prefix("leg")), sources: Mutex::new(Vec::new()) }))
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Without metrics.
    pub fn new() -> Self {
        Telemetry::default()
    }

    /// The registry, with the prefix `leg`; a room registers its metrics under a sub-registry of its name.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        // A registry is whole between any two registrations.
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows another registry's text with these metrics.
    pub fn add_source(&self, source: impl Fn(&mut String) -> fmt::Result + Send + Sync + 'static) {
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// Everything as text.
    ///
    /// # Errors
    /// A metric that cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        for source in self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Each registry ends its text with this mark, which may stand at the very end only.
            text.truncate(text.trim_end().trim_end_matches("# EOF").len());
            source(&mut text)?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn registries_are_shown_as_one_text() {
        let telemetry = Telemetry::new();
        let counter = Counter::<u64>::default();
        telemetry.registry().register("things", "Things", counter.clone());
        counter.inc();
        let other = Mutex::new(Registry::default());
        other.lock().unwrap().register("others", "Others", Counter::<u64>::default());
        telemetry.add_source(move |text| encode(text, &other.lock().unwrap()));
        let text = telemetry.encode().unwrap();
        assert!(text.contains("leg_things_total 1\n"), "{text}");
        assert!(text.contains("\nothers_total 0\n"), "{text}");
        assert_eq!(text.matches("# EOF").count(), 1, "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
