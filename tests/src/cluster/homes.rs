//! Homes of the nodes: genesis, configuration, keys, token.

use super::node::Node;
use leg_cli::commands::proof;
use leg_cli::home::{Home, KEY_FILES};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::ids::{MemberId, OwnerId};
use leg_ledger::member::{KeyRole, Member, Role};
use leg_ledger::params::StorageParams;
use leg_ledger::signature::SecretKey;
use leg_ledger::transaction::Change;
use leg_node::config::{Config, Distance};
use leg_node::keys::write_key;
use leg_node::network::NodeId;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who is told to stay connected with whom; nobody finds others by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// Each with each.
    Complete,
    /// Each with the next; the ends have one neighbour.
    Line,
    /// Each with the next, the last with the first.
    Ring,
}

impl Graph {
    /// The neighbours that node `index` of `count` dials.
    fn dials(self, index: usize, count: usize) -> Vec<usize> {
        match self {
            Graph::Complete => (0..count).filter(|other| *other != index).collect(),
            Graph::Line => (index + 1..count).take(1).collect(),
            Graph::Ring => vec![(index + 1) % count],
        }
    }
}

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterSpec {
    /// The program under test.
    pub program: PathBuf,
    /// All keys follow from it.
    pub seed: String,
    /// Nodes of the committee: `hub-01`, `hub-02`, ...
    pub committee: usize,
    /// Nodes of observers, which follow.
    pub followers: usize,
    /// How the committee's nodes are connected. Those that follow dial the first node only.
    pub graph: Graph,
    /// Market milliseconds in a millisecond. 1 unless a test lives through months: no deadline hurries the others.
    pub scale: u32,
    /// Rules of storage contracts.
    pub storage: StorageParams,
    /// Which protocol versions the program knows ([`crate::rules::named`]).
    pub rules: String,
}

impl ClusterSpec {
    /// Four nodes, each connected with each, in real time.
    pub fn new(program: &str, seed: &str) -> Self {
        ClusterSpec {
            program: PathBuf::from(program),
            seed: seed.to_owned(),
            committee: 4,
            followers: 0,
            graph: Graph::Complete,
            scale: 1,
            storage: StorageParams::STANDARD,
            rules: String::new(),
        }
    }

    /// The same with a program that knows other protocol versions ([`crate::rules::named`]).
    #[must_use]
    pub fn with_rules(self, name: &str) -> Self {
        ClusterSpec { rules: name.to_owned(), ..self }
    }

    fn genesis(&self) -> (Genesis, BTreeMap<MemberId, MemberSecrets>) {
        let (committee, observers) = (self.committee, self.followers);
        let devnet = DevnetSpec { scale: self.scale, committee, observers, ..DevnetSpec::new(&self.seed, now_ms()) };
        let (genesis, secrets) = devnet.build().expect("the numbers make a network");
        let mut content = genesis.into_content();
        content.params.storage = self.storage;
        (Genesis::new(content).expect("the rules of storage are possible"), secrets)
    }
}

/// The clock, for the origin of a network and for nonces.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("a clock of this age")
}

/// Genesis and homes of all nodes, none of them started.
pub fn make(spec: &ClusterSpec, folder: &Path) -> (Genesis, BTreeMap<MemberId, MemberSecrets>, Vec<Node>) {
    let (genesis, secrets) = spec.genesis();
    let committee = genesis.committee().members().iter().map(|m| m.member);
    let observers = genesis.members().iter().map(|m| &m.member).filter(|m| m.role == Role::Observer).map(|m| m.id);
    let members: Vec<MemberId> = committee.chain(observers).collect();
    let ports = free_addresses(members.len() * 2);
    let (swarm, apis) = ports.split_at(members.len());
    let addresses: Vec<String> = members.iter().zip(swarm).map(|(member, at)| multiaddress(*at, &secrets[member].network)).collect();
    let mut nodes = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let peers = if index < spec.committee { spec.graph.dials(index, spec.committee) } else { vec![0] };
        let peers = peers.into_iter().map(|other| addresses[other].clone()).collect();
        let home = Home::at(&folder.join(member.as_str()));
        let token = write_home(&home, &genesis, swarm[index], apis[index], peers);
        let hub = genesis.member(*member).is_some_and(|entry| entry.role == Role::Hub);
        for (role, file) in KEY_FILES.iter().filter(|(role, _)| hub || *role == KeyRole::Network) {
            write_key(&home.keys().join(file), secrets[member].of(*role), None).expect("a key is written");
        }
        let mut node = Node::new(member.as_str(), &spec.program, home.path(), addresses[index].clone(), apis[index], token);
        node.set_rules(&spec.rules);
        nodes.push(node);
    }
    (genesis, secrets, nodes)
}

/// The home of a node whose network key is in no registry and that dials all of `nodes`.
pub fn stranger(spec: &ClusterSpec, genesis: &Genesis, nodes: &[Node], folder: &Path) -> Node {
    let home = Home::at(&folder.join("stranger"));
    let key = SecretKey::from_bytes(stranger_seed(&spec.seed).as_bytes());
    let at = free_addresses(2);
    let token = write_home(&home, genesis, at[0], at[1], nodes.iter().map(|node| node.address.clone()).collect());
    write_key(&home.keys().join(leg_node::keys::NETWORK_FILE), &key, None).expect("a key is written");
    Node::new("stranger", &spec.program, home.path(), multiaddress(at[0], &key), at[1], token)
}

/// The home of a hub that is in no registry yet and that dials all of `nodes`, and the change by which it joins.
pub fn newcomer(spec: &ClusterSpec, genesis: &Genesis, nodes: &[Node], folder: &Path, name: &str) -> (Node, Change) {
    let id = MemberId::parse(name).expect("a member's name");
    let secrets = MemberSecrets::from_seed(&spec.seed, id);
    let founder = genesis.member(genesis.committee().members()[0].member).expect("a founder").clone();
    let entry = Member {
        id,
        owner: OwnerId::parse(name).expect("an owner's name"),
        name: format!("Newcomer {name}"),
        keys: secrets.public(Role::Hub),
        ..founder
    };
    let home = Home::at(&folder.join(name));
    let at = free_addresses(2);
    let token = write_home(&home, genesis, at[0], at[1], nodes.iter().map(|node| node.address.clone()).collect());
    for (role, file) in KEY_FILES {
        write_key(&home.keys().join(file), secrets.of(role), None).expect("a key is written");
    }
    let change = proof::join(&home, &entry, None).expect("its keys prove themselves");
    let mut node = Node::new(name, &spec.program, home.path(), multiaddress(at[0], &secrets.network), at[1], token);
    node.set_rules(&spec.rules);
    node.configure(|config| config.member = Some(id));
    (node, change)
}

fn stranger_seed(seed: &str) -> leg_ledger::hash::Hash {
    leg_ledger::hash::Hash::of(leg_ledger::hash::Domain::Genesis, format!("stranger to {seed}").as_bytes())
}

fn write_home(home: &Home, genesis: &Genesis, swarm: SocketAddr, api: SocketAddr, peers: Vec<String>) -> String {
    home.create().expect("a home");
    home.create_token().expect("a token");
    std::fs::write(home.genesis(), genesis.to_json()).expect("a genesis is written");
    let mut config = Config::default();
    config.network.listen = vec![format!("/ip4/{}/tcp/{}", swarm.ip(), swarm.port())];
    config.network.peers = peers;
    config.api.listen = api;
    config.consensus.distance = Distance::Local;
    config.check().expect("a configuration");
    std::fs::write(home.config(), config.to_toml()).expect("a configuration is written");
    home.load_token().expect("the token")
}

fn multiaddress(at: SocketAddr, key: &SecretKey) -> String {
    format!("/ip4/{}/tcp/{}/p2p/{}", at.ip(), at.port(), NodeId::from_key(key.public()))
}

/// Addresses that are free, each held until all are chosen, on a loopback address that follows from this process's id: connections go out from
/// 127.0.0.1, so none of them takes a port here while its node is down.
fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = IpAddr::V4(Ipv4Addr::new(127, high.saturating_add(1), middle, low.clamp(1, 254)));
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind((own, 0)).expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("its address")).collect()
}
