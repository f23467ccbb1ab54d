//! One node: its home, its process, its API.

use super::client::Client;
use super::wait::eventually;
use leg_cli::home::Home;
use leg_node::config::Config;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Lines of a log that a failure shows.
const LOG_LINES: usize = 40;

/// A node that runs or is down. Its process dies with it.
#[derive(Debug)]
pub struct Node {
    name: String,
    program: PathBuf,
    home: PathBuf,
    /// Its place in the swarm: a multiaddress with its id.
    pub(super) address: String,
    client: Client,
    process: Option<Child>,
    /// Which protocol versions its program knows.
    rules: String,
}

impl Node {
    pub(super) fn new(name: &str, program: &Path, home: &Path, address: String, api: SocketAddr, token: String) -> Self {
        let client = Client::new(api, Some(token));
        Node {
            name: name.to_owned(),
            program: program.to_owned(),
            home: home.to_owned(),
            address,
            client,
            process: None,
            rules: String::new(),
        }
    }

    /// Its member's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its API.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its id in the swarm.
    pub fn peer_id(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }

    /// Its home folder.
    pub fn home(&self) -> Home {
        Home::at(&self.home)
    }

    /// From the next start on its program knows other protocol versions ([`crate::rules::named`]).
    pub fn set_rules(&mut self, name: &str) {
        name.clone_into(&mut self.rules);
    }

    /// Changes its configuration, which it reads when it starts.
    ///
    /// # Panics
    /// The configuration is none then.
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.home().load_config().expect("its configuration");
        change(&mut config);
        config.check().expect("a configuration");
        std::fs::write(self.home().config(), config.to_toml()).expect("a configuration is written");
    }

    /// Its API does not answer.
    pub async fn is_silent(&self) -> bool {
        self.client.try_send(reqwest::Method::GET, "/healthz", None, None).await.is_err()
    }

    /// Waits until its process ends by itself with a failure whose last words hold `cause`.
    ///
    /// # Panics
    /// It does not run, ends otherwise, or goes on for a minute.
    pub async fn ends(&mut self, cause: &str) {
        let mut process = self.process.take().unwrap_or_else(|| panic!("{} does not run", self.name));
        let child = std::cell::RefCell::new(&mut process);
        let status =
            eventually(&format!("the end of {}", self.name), || async { child.borrow_mut().try_wait().expect("a process of ours") }).await;
        let log = self.log_end();
        assert!(!status.success() && log.contains(cause), "{} ended with {status}\n{log}", self.name);
    }

    /// Starts its process, which adds to the log in its home.
    ///
    /// # Panics
    /// It runs already, or the program cannot be started.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.log()).expect("a log file");
        let errors = log.try_clone().expect("a log file");
        let mut command = Command::new(&self.program);
        command.args(["start", "--home"]).arg(&self.home).stdin(Stdio::null()).stdout(log).stderr(errors);
        command.env(crate::rules::VARIABLE, &self.rules);
        self.process = Some(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display())));
    }

    /// Kills its process with SIGKILL, which it cannot see coming, and waits for its end.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap_or_else(|| panic!("{} does not run", self.name));
        assert_eq!(process.try_wait().expect("a process of ours"), None, "{} ended by itself\n{}", self.name, self.log_end());
        process.kill().expect("a process of ours");
        process.wait().expect("a process of ours");
    }

    /// Started and not killed.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its last block; zero while it does not answer.
    pub async fn height(&self) -> u64 {
        let answer = self.client.try_send(reqwest::Method::GET, "/status", None, None).await;
        answer.ok().and_then(|reply| reply.body["height"].as_u64()).unwrap_or(0)
    }

    /// Waits until its last block is `height` or above.
    pub async fn reach(&self, height: u64) {
        eventually(&format!("{} at height {height}", self.name), || async { (self.height().await >= height).then_some(()) }).await;
    }

    /// Waits until its API answers.
    pub async fn answers(&self) {
        let what = format!("an answer of {}", self.name);
        eventually(&what, || async { self.client.try_send(reqwest::Method::GET, "/healthz", None, None).await.ok() }).await;
    }

    /// Ids of the peers that it is connected with, ascending.
    pub async fn peers(&self) -> Vec<String> {
        let status = self.client.get("/status").await.ok();
        let peers = status["peers"].as_array().expect("a list of peers").iter();
        let connected = peers.filter(|peer| peer["connected"] == true).filter_map(|peer| peer["peer"].as_str());
        let mut ids: Vec<String> = connected.map(str::to_owned).collect();
        ids.sort();
        ids
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; the test has its verdict, and nothing may be left running.
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.log_end());
        }
    }
}
