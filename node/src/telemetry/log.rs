//! The log of a process: to standard error, as text or JSON lines.

use tracing_subscriber::EnvFilter;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

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

/// Starts the log of this process with a filter such as `info,leg_node=debug`.
///
/// # Errors
/// [`LogError`].
pub fn start_log(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let parsed = EnvFilter::try_new(filter).map_err(|cause| LogError::Filter { filter: filter.to_owned(), cause })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let started = match format {
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
        assert!(matches!(start_log("leg_node=shouting", LogFormat::Text), Err(LogError::Filter { .. })));
    }
}
