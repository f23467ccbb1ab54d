//! `node.toml`: how one node runs. What the network agrees on stands in its genesis, not here.
//!
//! ```toml
//! [network]
//! listen = ["/ip4/0.0.0.0/tcp/7600"]
//! peers = ["/dns4/hub-02.example.ch/tcp/7600/p2p/12D3KooW..."]
//!
//! [api]
//! listen = "127.0.0.1:7601"
//! ```
//!
//! Every section and field may be left out; what is not known is refused, so that a misspelt setting is not silently ignored.

use crate::network::{Multiaddr, NodeId};
use leg_ledger::execute::Recovery;
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::params::ProtocolVersion;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most peers in the configuration.
const MAX_PEERS: usize = 256;

/// Settings of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The member whose node this is, where the registry does not know its keys yet: it follows, and takes its place as soon as it is voted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// The swarm.
    pub network: NetworkSection,
    /// The HTTP API.
    pub api: ApiSection,
    /// Where data is kept.
    pub storage: StorageSection,
    /// Consensus.
    pub consensus: ConsensusSection,
    /// Signs of life of a hub outside of the committee.
    pub heartbeats: HeartbeatSection,
    /// The log.
    pub log: LogSection,
    /// What the operators agreed on after a halt that no vote could end; see docs/reliability.md.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<RecoverySection>,
}

/// From a decided block on, execution follows another protocol version. All operators MUST configure the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverySection {
    /// The decided block whose execution stopped every node.
    pub height: u64,
    /// The version under which it is executed.
    pub version: u16,
}

impl RecoverySection {
    /// As the ledger knows it.
    pub fn recovery(&self) -> Recovery {
        Recovery { height: Height::new(self.height), version: ProtocolVersion::new(self.version) }
    }
}

/// The swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Addresses to listen on, as multiaddresses; TCP port 0 lets the system choose.
    pub listen: Vec<String>,
    /// Nodes to stay connected with: multiaddresses that end with `/p2p/` and the node's id. One that is not in the registry may only sync.
    pub peers: Vec<String>,
}

impl Default for NetworkSection {
    fn default() -> Self {
        NetworkSection { listen: vec!["/ip4/0.0.0.0/tcp/7600".to_owned()], peers: Vec::new() }
    }
}

/// The addresses of a [`NetworkSection`], parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Whom to stay connected with.
    pub peers: Vec<Multiaddr>,
}

impl NetworkSection {
    /// Parses the addresses.
    ///
    /// # Errors
    /// [`ConfigError::Field`], naming the address.
    pub fn addresses(&self) -> Result<Addresses, ConfigError> {
        let (listen, peers) = (parse("network.listen", &self.listen)?, parse("network.peers", &self.peers)?);
        if listen.is_empty() {
            return Err(wrong("network.listen", "at least one address is needed, as /ip4/0.0.0.0/tcp/7600"));
        }
        if peers.len() > MAX_PEERS {
            return Err(wrong("network.peers", format!("at most {MAX_PEERS} peers")));
        }
        let without_id = self.peers.iter().position(|address| !names_a_node(address));
        match without_id {
            Some(index) => {
                Err(wrong(format!("network.peers[{index}]"), "the address does not end with /p2p/ and the node's id, 12D3KooW..."))
            }
            None => Ok(Addresses { listen, peers }),
        }
    }
}

fn names_a_node(address: &str) -> bool {
    address.rsplit_once("/p2p/").is_some_and(|(_, id)| id.parse::<NodeId>().is_ok())
}

fn parse(field: &'static str, addresses: &[String]) -> Result<Vec<Multiaddr>, ConfigError> {
    let parsed = addresses.iter().enumerate().map(|(index, address)| {
        let problem = |cause| format!("{address:?} is not a multiaddress such as /ip4/192.0.2.1/tcp/7600: {cause}");
        address.parse::<Multiaddr>().map_err(|cause| wrong(format!("{field}[{index}]"), problem(cause.to_string())))
    });
    parsed.collect()
}

fn wrong(field: impl Into<String>, problem: impl ToString) -> ConfigError {
    ConfigError::Field { field: field.into(), problem: problem.to_string() }
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Address to listen on; port 0 lets the system choose. On any other than the loopback, a proxy with TLS belongs in front of it.
    pub listen: SocketAddr,
    /// Transactions signed elsewhere that one address may send a second, and twice as many at once.
    pub transactions_per_second: u32,
}

impl Default for ApiSection {
    fn default() -> Self {
        ApiSection { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7601)), transactions_per_second: 2_000 }
    }
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    /// The data folder; relative to the home folder unless absolute.
    pub folder: PathBuf,
    /// GB of the disk that stored contents may take, uploads as much again.
    pub content_gb: u64,
}

impl Default for StorageSection {
    fn default() -> Self {
        StorageSection { folder: PathBuf::from("data"), content_gb: 100 }
    }
}

/// How far apart the committee's nodes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// On one busy machine.
    Local,
    /// In one region.
    #[default]
    Regional,
}

/// Consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsensusSection {
    /// Chooses the time-outs.
    pub distance: Distance,
    /// Without a block for this long the node says so, loudly; seconds.
    pub stall_seconds: u64,
}

impl Default for ConsensusSection {
    fn default() -> Self {
        ConsensusSection { distance: Distance::default(), stall_seconds: 30 }
    }
}

impl ConsensusSection {
    /// After how long a silence is reported.
    pub fn stall_limit(&self) -> Duration {
        Duration::from_secs(self.stall_seconds)
    }
}

/// Signs of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatSection {
    /// Whether the node says by itself, once in each attendance period, that its hub is there. Of several nodes of one hub one is enough. It needs
    /// the operator key on the node.
    pub send: bool,
}

impl Default for HeartbeatSection {
    fn default() -> Self {
        HeartbeatSection { send: true }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// What is logged, as `tracing` directives.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        LogSection { filter: "info".to_owned(), format: LogFormat::default() }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Not TOML, an unknown field, or a value of another kind; the cause names line and field.
    #[error("{path}: {cause}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        cause: Box<toml::de::Error>,
    },
    /// A field whose value cannot be.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        Config::parse(&text, path)
    }

    /// Parses and checks the text of a file; `path` is for errors.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parsed = toml::from_str(text);
        let config: Config = parsed.map_err(|cause| ConfigError::Parse { path: path.to_owned(), cause: Box::new(cause) })?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`ConfigError::Field`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.network.addresses()?;
        if self.api.transactions_per_second == 0 {
            return Err(wrong("api.transactions_per_second", "at least 1"));
        }
        if self.consensus.stall_seconds == 0 {
            return Err(wrong("consensus.stall_seconds", "at least 1"));
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            return Err(wrong("log.filter", error));
        }
        Ok(())
    }

    /// The text of a file with these settings.
    pub fn to_toml(&self) -> String {
        // Tables of strings, numbers and lists always can be written; should that change, the round-trip test fails.
        toml::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("node.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_a_node_whose_api_only_this_machine_can_reach() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        assert!(config.api.listen.ip().is_loopback());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut config = Config::default();
        config.network.peers.push("/ip4/192.0.2.1/tcp/7600/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp".to_owned());
        config.consensus.distance = Distance::Local;
        config.log.format = LogFormat::Json;
        config.member = MemberId::parse("hub-09");
        config.recovery.push(RecoverySection { height: 7, version: 2 });
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn errors_name_the_field() {
        let table = [
            ("[api]\nlisten = 7601", "listen"),
            ("[api]\nlisten = \"localhost\"", "listen"),
            ("[api]\nport = 1", "port"),
            ("[api]\ntransactions_per_second = 0", "api.transactions_per_second"),
            ("member = \"Hub 9\"", "member"),
            ("[apy]", "apy"),
            ("[network]\nlisten = []", "network.listen"),
            ("[network]\nlisten = [\"0.0.0.0:7600\"]", "network.listen[0]"),
            ("[network]\npeers = [\"/ip4/1.2.3.4/tcp/1/p2p/x\"]", "network.peers[0]"),
            ("[network]\npeers = [\"/ip4/1.2.3.4/tcp/1\"]", "network.peers[0]"),
            ("[network]\npeers = [\"/ip4/1.2.3.400/tcp/1\"]", "network.peers[0]"),
            ("[consensus]\nstall_seconds = 0", "consensus.stall_seconds"),
            ("[consensus]\ndistance = \"lunar\"", "lunar"),
            ("[log]\nfilter = \"info,leg_node=loud\"", "log.filter"),
            ("[[recovery]]\nheight = 7", "version"),
            ("[storage\n", "node.toml"),
        ];
        for (text, named) in table {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
