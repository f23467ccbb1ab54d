//! The engine's metrics.

pub use arc_malachitebft_metrics::SharedRegistry;
pub use arc_malachitebft_metrics::prometheus;

/// The registry that the engine writes to by default, one a process. The node MAY register its own metrics there as well.
pub fn registry() -> &'static SharedRegistry {
    SharedRegistry::global()
}

/// All metrics of [`registry`] as Prometheus text, with its closing `# EOF`.
pub fn export() -> String {
    let mut text = String::new();
    arc_malachitebft_metrics::export(&mut text);
    text
}
