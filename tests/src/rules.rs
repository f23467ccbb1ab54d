//! Protocol versions that exist in tests only. The program under test knows version 1 alone unless the variable [`VARIABLE`] names another set:
//! it stands for the newer program that operators install.

use leg_ledger::amount::BasisPoints;
use leg_ledger::execute::{Context, Fault, Rules};
use leg_ledger::params::ProtocolVersion;
use leg_ledger::state::{Parameters, View};

/// Environment variable that chooses the rules of the program under test.
pub const VARIABLE: &str = "LEG_TEST_RULES";
/// Version 2: the fee becomes 2 % with its first block.
pub const TWO: ProtocolVersion = ProtocolVersion::new(2);
/// Version 3: the fee becomes 3 %.
pub const THREE: ProtocolVersion = ProtocolVersion::new(3);

/// A set of rules by name.
///
/// # Panics
/// There is none of this name.
pub fn named(name: &str) -> Rules {
    match name {
        "" => Rules::default(),
        "next" => Rules::default().with_version(TWO, Some(two_per_cent)),
        "faulty" => Rules::default().with_version(TWO, Some(fails)),
        "mended" => Rules::default().with_version(TWO, Some(fails)).with_version(THREE, Some(three_per_cent)),
        other => panic!("no rules of the name {other:?}"),
    }
}

/// Those that the environment names.
pub fn from_environment() -> Rules {
    named(&std::env::var(VARIABLE).unwrap_or_default())
}

fn two_per_cent(ctx: &mut Context<'_>) -> Result<(), Fault> {
    set_fee(ctx, 200)
}

fn three_per_cent(ctx: &mut Context<'_>) -> Result<(), Fault> {
    set_fee(ctx, 300)
}

fn set_fee(ctx: &mut Context<'_>, fee: u32) -> Result<(), Fault> {
    let mut params = ctx.state.get::<Parameters>(&()).ok_or(Fault::Missing("parameters"))?.clone();
    params.fee = BasisPoints::new(fee);
    ctx.state.put::<Parameters>((), params);
    Ok(())
}

/// A bug that every node has: a deterministic halt.
fn fails(_: &mut Context<'_>) -> Result<(), Fault> {
    Err(Fault::Missing("entry that the faulty version looks for"))
}
