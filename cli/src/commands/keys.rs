//! `leg keys`: the keys of a hub.

use super::passphrase::PassphraseArguments;
use super::proof;
use crate::home::{Home, KEY_FILES, random_key};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use leg_genesis::MemberDocument;
use leg_ledger::amount::BasisPoints;
use leg_ledger::ids::{LegId, MemberId, OwnerId, PlaceId};
use leg_ledger::member::{Capacity, Country, KeyRole, Location, Member, MemberKeys, MemberStatus, Role};
use leg_node::keys::{KeyError, Passphrase, read_key, write_key};
use leg_node::network::NodeId;
use std::path::{Path, PathBuf};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the keys that are missing; encrypted if a pass-phrase is given.
    Generate(KeysArguments),
    /// Show the public keys.
    Show(KeysArguments),
    /// Encrypt the key files with a pass-phrase.
    Encrypt(KeysArguments),
    /// Remove the encryption from the key files.
    Decrypt(KeysArguments),
    /// Print this hub's registry entry, which the founders put into the genesis.
    Member(Box<MemberArguments>),
    /// Print the change by which this hub joins a running network, for `leg governance propose --file`.
    Join(Box<MemberArguments>),
    /// Make the successor of the consensus key and print the change by which it takes over.
    Successor(SuccessorArguments),
}

/// Whose successor.
#[derive(Debug, Args)]
pub struct SuccessorArguments {
    /// Home folder of the node.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The member whose node it is.
    #[arg(long)]
    member: String,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Which keys.
#[derive(Debug, Args)]
pub struct KeysArguments {
    /// Home folder of the node.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// Only the keys of these roles.
    #[arg(long, value_enum, value_delimiter = ',')]
    role: Vec<KeyName>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Key roles as people type them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyName {
    Operator,
    Meter,
    Consensus,
    Network,
}

impl KeyName {
    fn role(self) -> KeyRole {
        match self {
            KeyName::Operator => KeyRole::Operator,
            KeyName::Meter => KeyRole::Meter,
            KeyName::Consensus => KeyRole::Consensus,
            KeyName::Network => KeyRole::Network,
        }
    }
}

/// What the registry holds of a hub.
#[derive(Debug, Args)]
pub struct MemberArguments {
    /// Home folder of the node.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// Short name: a-z, 0-9 and '-'.
    #[arg(long)]
    id: String,
    /// Who owns the hub; hubs of one owner do not trade with each other.
    #[arg(long)]
    owner: String,
    /// Name for people.
    #[arg(long)]
    name: String,
    /// hub, customer, oracle, settlement-agent, grid-operator or observer.
    #[arg(long, default_value = "hub", value_parser = parse_role)]
    role: Role,
    /// Country, two letters.
    #[arg(long, default_value = "CH")]
    country: String,
    /// Canton.
    #[arg(long)]
    canton: String,
    /// Municipality.
    #[arg(long)]
    municipality: String,
    /// Grid operator of the connection.
    #[arg(long)]
    grid_operator: String,
    /// Transformer circuit of the connection.
    #[arg(long)]
    transformer_circuit: String,
    /// Local energy community.
    #[arg(long)]
    leg: Option<String>,
    /// Building.
    #[arg(long)]
    building: String,
    /// Power of the servers, W.
    #[arg(long, default_value_t = 0)]
    compute_watts: u64,
    /// Storage, GB.
    #[arg(long, default_value_t = 0)]
    storage_gb: u64,
    /// Peak power of the solar plant, W.
    #[arg(long, default_value_t = 0)]
    solar_peak_watts: u64,
    /// Heat issued per unit of compute, 0..1.
    #[arg(long, default_value = "0", value_parser = parse_share)]
    heat_factor: BasisPoints,
    /// Machines for sale by the hour; their power is not part of `--compute-watts`.
    #[arg(long, default_value_t = 0)]
    machines: u32,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

fn parse_role(text: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|_| "no such role".into())
}

fn parse_share(text: &str) -> Result<BasisPoints, String> {
    leg_ledger::decimal::parse_share(text).map_err(|e| e.to_string())
}

/// Runs a command.
pub fn run(command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::Generate(arguments) => {
            let passphrase = arguments.passphrase.read()?;
            generate(&Home::at(&arguments.home), &arguments.roles(), passphrase.as_ref())?;
            show(&arguments)
        }
        KeysCommand::Show(arguments) => show(&arguments),
        KeysCommand::Encrypt(arguments) => rewrite(&arguments, None, Some(arguments.passphrase.require()?)),
        KeysCommand::Decrypt(arguments) => rewrite(&arguments, Some(arguments.passphrase.require()?), None),
        KeysCommand::Member(arguments) => {
            println!("{}", serde_json::to_string_pretty(&MemberDocument::of(&entry(&arguments)?))?);
            Ok(())
        }
        KeysCommand::Join(arguments) => {
            let change = proof::join(&Home::at(&arguments.home), &entry(&arguments)?, arguments.passphrase.read()?.as_ref())?;
            println!("{}", serde_json::to_string_pretty(&change)?);
            Ok(())
        }
        KeysCommand::Successor(SuccessorArguments { home, member, passphrase }) => {
            let id = MemberId::parse(&member).with_context(|| format!("--member {member}: 1 to 32 of a-z, 0-9 and '-'"))?;
            let change = proof::successor(&Home::at(&home), id, passphrase.read()?.as_ref())?;
            println!("{}", serde_json::to_string_pretty(&change)?);
            Ok(())
        }
    }
}

impl KeysArguments {
    fn roles(&self) -> Vec<KeyRole> {
        if self.role.is_empty() { KEY_FILES.iter().map(|(role, _)| *role).collect() } else { self.role.iter().map(|r| r.role()).collect() }
    }
}

/// Makes the keys of `roles` that are missing.
pub fn generate(home: &Home, roles: &[KeyRole], passphrase: Option<&Passphrase>) -> Result<()> {
    home.create()?;
    for (role, file) in KEY_FILES.iter().filter(|(role, _)| roles.contains(role)) {
        match write_key(&home.keys().join(file), &random_key(), passphrase) {
            Ok(()) => println!("made the {} key", name(*role)),
            Err(KeyError::Exists(path)) => println!("kept the {} key in {}", name(*role), path.display()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn name(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Operator => "operator",
        KeyRole::Meter => "meter",
        KeyRole::Consensus => "consensus",
        KeyRole::Network => "network",
    }
}

fn show(arguments: &KeysArguments) -> Result<()> {
    let passphrase = arguments.passphrase.read()?;
    let roles = arguments.roles();
    let folder = Home::at(&arguments.home).keys();
    let mut found = 0;
    for (role, file) in KEY_FILES.iter().filter(|(role, _)| roles.contains(role)) {
        match read_key(&folder.join(file), passphrase.as_ref()) {
            Ok(key) => {
                found += 1;
                println!("{:<10} {}", name(*role), key.public());
                if *role == KeyRole::Network {
                    println!("{:<10} {}", "node id", NodeId::from_key(key.public()));
                }
            }
            Err(KeyError::Missing(_)) => println!("{:<10} none", name(*role)),
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(found > 0, "no keys in {}; make them with `leg keys generate --home {}`", folder.display(), arguments.home.display());
    Ok(())
}

/// Writes each key file anew, with or without encryption. The new file replaces the old one in one step, so that no moment has neither.
fn rewrite(arguments: &KeysArguments, old: Option<Passphrase>, new: Option<Passphrase>) -> Result<()> {
    let folder = Home::at(&arguments.home).keys();
    let mut found = 0;
    for (role, file) in KEY_FILES.iter().filter(|(role, _)| arguments.roles().contains(role)) {
        let path = folder.join(file);
        let key = match read_key(&path, old.as_ref()) {
            Ok(key) => key,
            Err(KeyError::Missing(_)) => continue,
            Err(KeyError::NeedsPassphrase(_)) => bail!("{} is encrypted already; decrypt it first", path.display()),
            Err(error) => return Err(error.into()),
        };
        replace(&path, &key, new.as_ref())?;
        found += 1;
        println!("{} the {} key", if new.is_some() { "encrypted" } else { "decrypted" }, name(*role));
    }
    ensure!(found > 0, "no keys in {}", folder.display());
    Ok(())
}

fn replace(path: &Path, key: &leg_ledger::signature::SecretKey, passphrase: Option<&Passphrase>) -> Result<()> {
    let beside = path.with_extension("key.new");
    if beside.exists() {
        // Left by an attempt that was cut off; the key itself still is in `path`.
        std::fs::remove_file(&beside).with_context(|| format!("cannot remove {}", beside.display()))?;
    }
    write_key(&beside, key, passphrase)?;
    std::fs::rename(&beside, path).with_context(|| format!("cannot replace {}", path.display()))
}

/// The registry entry that the arguments and the key files describe.
fn entry(arguments: &MemberArguments) -> Result<Member> {
    let passphrase = arguments.passphrase.read()?;
    let folder = Home::at(&arguments.home).keys();
    let hub = arguments.role == Role::Hub;
    let public = |role: KeyRole| -> Result<Option<leg_ledger::signature::PublicKey>> {
        let file = KEY_FILES.iter().find(|(r, _)| *r == role).map_or("", |(_, file)| *file);
        match read_key(&folder.join(file), passphrase.as_ref()) {
            Ok(key) => Ok(Some(key.public())),
            Err(KeyError::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let make = || format!("make it with `leg keys generate --home {}`", arguments.home.display());
    let keys = MemberKeys {
        operator: public(KeyRole::Operator)?.with_context(|| format!("there is no operator key; {}", make()))?,
        meter: public(KeyRole::Meter)?.filter(|_| hub || arguments.role == Role::GridOperator),
        consensus: public(KeyRole::Consensus)?.filter(|_| hub),
        network: public(KeyRole::Network)?.into_iter().collect(),
    };
    let place = |text: &str, field: &str| PlaceId::parse(text).with_context(|| format!("--{field} {text}: 1 to 32 of a-z, 0-9 and '-'"));
    let location = Location {
        country: Country::parse(&arguments.country).with_context(|| format!("--country {}: two upper-case letters", arguments.country))?,
        canton: place(&arguments.canton, "canton")?,
        municipality: place(&arguments.municipality, "municipality")?,
        grid_operator: place(&arguments.grid_operator, "grid-operator")?,
        transformer_circuit: place(&arguments.transformer_circuit, "transformer-circuit")?,
        leg: match &arguments.leg {
            Some(text) => Some(LegId::parse(text).with_context(|| format!("--leg {text}: 1 to 32 of a-z, 0-9 and '-'"))?),
            None => None,
        },
        building: place(&arguments.building, "building")?,
    };
    Ok(Member {
        id: MemberId::parse(&arguments.id).with_context(|| format!("--id {}: 1 to 32 of a-z, 0-9 and '-'", arguments.id))?,
        owner: OwnerId::parse(&arguments.owner).with_context(|| format!("--owner {}: 1 to 32 of a-z, 0-9 and '-'", arguments.owner))?,
        name: arguments.name.clone(),
        role: arguments.role,
        status: MemberStatus::Active,
        keys,
        location,
        capacity: Capacity {
            compute_watts: arguments.compute_watts,
            storage_gb: arguments.storage_gb,
            solar_peak_watts: arguments.solar_peak_watts,
            heat_factor: arguments.heat_factor,
            machines: arguments.machines,
        },
        reputation: leg_ledger::reputation::WITHOUT_HISTORY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(home: &Path, passphrase: Option<&Path>) -> KeysArguments {
        let passphrase = PassphraseArguments::from_file(passphrase);
        KeysArguments { home: home.to_owned(), role: vec![KeyName::Operator], passphrase }
    }

    #[test]
    fn keys_are_made_once_and_survive_encryption() {
        let folder = tempfile::tempdir().unwrap();
        let (home, phrase) = (Home::at(&folder.path().join("home")), folder.path().join("phrase"));
        std::fs::write(&phrase, "correct horse\n").unwrap();
        generate(&home, &[KeyRole::Operator], None).unwrap();
        let path = home.keys().join("operator.key");
        let before = read_key(&path, None).unwrap().public();
        generate(&home, &[KeyRole::Operator], None).unwrap();
        run(KeysCommand::Encrypt(arguments(home.path(), Some(&phrase)))).unwrap();
        assert!(matches!(read_key(&path, None), Err(KeyError::NeedsPassphrase(_))));
        let again = run(KeysCommand::Encrypt(arguments(home.path(), Some(&phrase)))).unwrap_err().to_string();
        assert!(again.contains("encrypted already"), "{again}");
        run(KeysCommand::Decrypt(arguments(home.path(), Some(&phrase)))).unwrap();
        assert_eq!(read_key(&path, None).unwrap().public(), before);
        assert!(!home.keys().join("meter.key").exists(), "only what was asked for");
    }

    #[test]
    fn a_home_without_keys_says_how_to_make_them() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(KeysCommand::Show(arguments(folder.path(), None))).unwrap_err().to_string();
        assert!(error.contains("leg keys generate"), "{error}");
    }
}
