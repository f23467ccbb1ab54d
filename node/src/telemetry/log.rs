//! The log of a process: to standard error, as text or JSON lines.

use crate::config::{LogFormat, LogSection};
use tracing_subscriber::EnvFilter;

/// Why the log cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log filter {filter:?}: {cause}")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong.
        cause: tracing_subscriber::filter::ParseError,
    },
    /// Another log runs in this process.
    #[error("the log is started already")]
    Started,
}

/// Starts the log of this process.
///
/// # Errors
/// [`LogError`].
pub fn start_log(settings: &LogSection) -> Result<(), LogError> {
    let filter = &settings.filter;
    let parsed = EnvFilter::try_new(filter).map_err(|cause| LogError::Filter { filter: filter.clone(), cause })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|_| LogError::Started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let settings = LogSection { filter: "leg_node=shouting".into(), ..LogSection::default() };
        assert!(matches!(start_log(&settings), Err(LogError::Filter { .. })));
    }
}
