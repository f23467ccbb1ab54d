//! Between the transactions and the auctions of a block: changes whose block has come are made.

use super::{committee, decide, step};
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::{Height, ProposalId};
use crate::limits::MAX_ACTIVATIONS;
use crate::receipt::ProposalEnd;
use crate::state::{IndexKey, Proposals, View};

/// Makes the changes that are due, at most [`MAX_ACTIVATIONS`] in the order (block, id). One that is not possible any more ends as failed. A
/// change of the committee waits while another is under way.
///
/// # Errors
/// [`Fault`]: a bug.
pub fn activate(ctx: &mut Context<'_>) -> Result<(), Fault> {
    for id in due(ctx) {
        let proposal = ctx.state.get::<Proposals>(&id).cloned().ok_or(Fault::Missing("proposal of the index"))?;
        let steps = match step::prepare(ctx, &proposal.change, proposal.activation) {
            Ok(steps) => steps,
            Err(code) => {
                decide::end(ctx, proposal, ProposalEnd::Failed(code));
                continue;
            }
        };
        if steps.iter().any(|s| matches!(s, step::Step::Committee(_))) && !committee::is_settled(ctx) {
            continue;
        }
        for step in steps {
            step::make(ctx, step)?;
        }
        decide::end(ctx, proposal, ProposalEnd::Activated);
    }
    Ok(())
}

fn due(ctx: &Context<'_>) -> Vec<ProposalId> {
    let first = IndexKey::Activation { due: Height::GENESIS, proposal: ProposalId::from_hash(Hash::ZERO) };
    let keys = ctx.state.index(first..).map_while(|key| match key {
        IndexKey::Activation { due, proposal } if due <= ctx.facts.height => Some(proposal),
        _ => None,
    });
    keys.take(MAX_ACTIVATIONS).collect()
}
