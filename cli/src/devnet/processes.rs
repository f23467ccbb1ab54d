//! The nodes as processes of this program.

use super::setup::NodePlace;
use crate::client::HttpNode;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Longest time from starting a node to its first answer.
const START_TIME: Duration = Duration::from_secs(60);
/// Longest time from asking a node to stop to its end.
const STOP_TIME: Duration = Duration::from_secs(15);
/// How often a starting node is asked.
const POLL: Duration = Duration::from_millis(50);
/// Lines of the log that an error shows.
const LOG_LINES: usize = 12;

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    /// Where it is.
    pub place: NodePlace,
    child: Child,
    log: PathBuf,
}

impl NodeProcess {
    /// Starts `program start --home ...`; what it prints goes to `log` in its home. The process ends with this one.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(program: &Path, place: NodePlace) -> Result<Self> {
        let log = place.home.path().join("log");
        let file = File::options().create(true).append(true).open(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().context("cannot share the log file")?;
        let mut command = Command::new(program);
        command.arg("start").arg("--home").arg(place.home.path());
        // In a group of its own: a Ctrl-C reaches this process, which then stops its nodes in order.
        command.env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(file).stderr(errors).kill_on_drop(true).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(NodeProcess { place, child, log })
    }

    /// A client of its API, without its token.
    ///
    /// # Errors
    /// No HTTP client.
    pub fn client(&self) -> Result<HttpNode> {
        HttpNode::new(&format!("http://{}", self.place.api), None)
    }

    /// Returns when its API answers.
    ///
    /// # Errors
    /// It ended, or does not answer in a minute; with the end of its log.
    pub async fn ready(&mut self) -> Result<()> {
        let (client, begun) = (self.client()?, Instant::now());
        loop {
            self.check()?;
            if client.get::<serde_json::Value>("/healthz").await.is_ok() {
                return Ok(());
            }
            if begun.elapsed() > START_TIME {
                bail!("node {} does not answer after {} s\n{}", self.place.member, START_TIME.as_secs(), self.log_end());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// It ended; with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot ask for a process")? {
            None => Ok(()),
            Some(status) => bail!("node {} ended by itself: {status}\n{}", self.place.member, self.log_end()),
        }
    }

    /// The process's id; `None` when it ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it without a chance to stop in order, and waits for its end.
    ///
    /// # Errors
    /// The system does not let it.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill node {}", self.place.member))
    }

    /// Asks it to stop; [`NodeProcess::ended`] waits for it.
    ///
    /// # Errors
    /// It ended already.
    pub fn ask_to_stop(&self) -> Result<()> {
        let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) else {
            bail!("node {} ended by itself\n{}", self.place.member, self.log_end());
        };
        kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("cannot stop node {}", self.place.member))
    }

    /// Waits for the end of a node that was asked to stop.
    ///
    /// # Errors
    /// It does not end, or ends with an error.
    pub async fn ended(mut self) -> Result<()> {
        match tokio::time::timeout(STOP_TIME, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(|s| s.success()) => Ok(()),
            Ok(status) => bail!("node {} stopped with {status:?}\n{}", self.place.member, self.log_end()),
            Err(_) => {
                self.child.kill().await.context("cannot kill a node")?;
                bail!("node {} did not stop in {} s and was killed\n{}", self.place.member, STOP_TIME.as_secs(), self.log_end())
            }
        }
    }

    fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
        format!("  {end}\n(all of it: {})", self.log.display())
    }
}
