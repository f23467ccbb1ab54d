//! The folders of a development network: one home a node, made of the seed.

use super::archive::storage_params;
use super::clock::{Clock, SystemClock};
use super::community::Community;
use crate::home::{Home, KEY_FILES};
use anyhow::{Context, Result, bail};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::ids::MemberId;
use leg_ledger::member::{KeyRole, Role};
use leg_node::config::{Config, Distance};
use leg_node::keys::write_key;
use leg_node::network::{NodeId, QUIET_ENGINE};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

/// What a development network is made of.
#[derive(Clone, Debug)]
pub struct DevnetSetup {
    /// Nodes of the committee.
    pub nodes: usize,
    /// Nodes that follow.
    pub followers: usize,
    /// Market milliseconds in a millisecond.
    pub scale: u32,
    /// All keys follow from it.
    pub seed: String,
}

/// A node's place on this machine.
#[derive(Clone, Debug)]
pub struct NodePlace {
    /// The member whose node it is; names the node.
    pub member: MemberId,
    /// Its home.
    pub home: Home,
    /// Address of its API.
    pub api: SocketAddr,
    /// Its place in the swarm: a multiaddress with its id.
    pub swarm: String,
}

/// A network whose folders are made and whose nodes are not started.
#[derive(Debug)]
pub struct Prepared {
    /// What it agrees on.
    pub genesis: Genesis,
    /// All secret keys.
    pub secrets: BTreeMap<MemberId, MemberSecrets>,
    /// The committee's nodes, then those that follow.
    pub places: Vec<NodePlace>,
}

/// Makes genesis and homes in an empty folder.
///
/// # Errors
/// The folder is not empty or cannot be written, or the numbers make no network.
pub fn prepare(setup: &DevnetSetup, folder: &Path) -> Result<Prepared> {
    let spec = DevnetSpec {
        scale: setup.scale,
        committee: setup.nodes,
        observers: setup.followers,
        solar_peak_watts: Community::load()?.peak_watts().to_vec(),
        ..DevnetSpec::new(&setup.seed, SystemClock.now().ms())
    };
    let (genesis, secrets) = spec.build().context("the development network")?;
    let mut content = genesis.into_content();
    content.params.storage = storage_params(setup.scale);
    let genesis = Genesis::new(content).context("the rules of storage")?;
    make_homes(genesis, secrets, folder, &|_| ())
}

/// Makes the homes of a network on this machine in an empty folder: those of the committee, then those of the observers. `adjust` has the last
/// word on each node's configuration.
///
/// # Errors
/// The folder is not empty or cannot be written, or a configuration is not possible.
pub fn make_homes(
    genesis: Genesis,
    secrets: BTreeMap<MemberId, MemberSecrets>,
    folder: &Path,
    adjust: &dyn Fn(&mut Config),
) -> Result<Prepared> {
    ensure_empty(folder)?;
    let nodes = genesis.committee().members().len();
    let committee = genesis.committee().members().iter().map(|m| m.member);
    let observers = genesis.members().iter().map(|m| &m.member).filter(|m| m.role == Role::Observer).map(|m| m.id);
    let members: Vec<MemberId> = committee.chain(observers).collect();
    let (swarm, apis) = (free_ports(members.len())?, free_ports(members.len())?);
    let mut places = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let home = Home::at(&folder.join(member.as_str()));
        home.create()?;
        home.create_token()?;
        let keys = &secrets[member];
        let hub = genesis.member(*member).is_some_and(|m| m.role == Role::Hub);
        for (role, file) in KEY_FILES.iter().filter(|(role, _)| hub || *role == KeyRole::Network) {
            write_key(&home.keys().join(file), keys.of(*role), None)?;
        }
        std::fs::write(home.genesis(), genesis.to_json()).with_context(|| format!("cannot write {}", home.genesis().display()))?;
        let peer = |other: usize| {
            let id = NodeId::from_key(secrets[&members[other]].network.public());
            format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", swarm[other])
        };
        let mut config = Config::default();
        config.network.listen = vec![format!("/ip4/127.0.0.1/tcp/{}", swarm[index])];
        // Those that follow dial the committee; the committee's nodes dial each other.
        config.network.peers = (0..nodes).filter(|other| *other != index).map(peer).collect();
        config.api.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, apis[index]));
        config.consensus.distance = Distance::Local;
        config.log.filter = QUIET_ENGINE.to_owned();
        adjust(&mut config);
        config.check()?;
        std::fs::write(home.config(), config.to_toml()).with_context(|| format!("cannot write {}", home.config().display()))?;
        places.push(NodePlace { member: *member, home, api: config.api.listen, swarm: peer(index) });
    }
    Ok(Prepared { genesis, secrets, places })
}

fn ensure_empty(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    if entries.next().is_some() {
        bail!("{} is not empty; remove it or choose another --home", folder.display());
    }
    Ok(())
}

/// Ports that are free now, each held until all are chosen, so that none is chosen twice.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<std::io::Result<_>>().context("no free port")?;
    listeners.iter().map(|l| Ok(l.local_addr().context("no free port")?.port())).collect()
}
