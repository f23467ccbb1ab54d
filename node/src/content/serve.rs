//! Gives slices to the other party of a contract, and to nobody else.

use super::store::{ContentStore, SLICE_BYTES};
use super::transfer::SliceRequest;
use crate::api::{ChainPort, read};
use crate::away::away;
use crate::network::{ContentAsk, Network};
use bytes::Bytes;
use leg_ledger::execute::Ledger;
use leg_ledger::ids::MemberId;
use leg_ledger::state::{StorageContracts, View};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Slices that are read from the disk at the same time; a further request waits.
const READERS: usize = 4;

/// Answers what peers ask for, until the network ends.
pub async fn serve(store: Arc<ContentStore>, chain: Arc<dyn ChainPort>, network: Network, mut asks: mpsc::Receiver<ContentAsk>) {
    let places = Arc::new(Semaphore::new(READERS));
    while let Some(ask) = asks.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (store, chain, network) = (Arc::clone(&store), Arc::clone(&chain), network.clone());
        tokio::spawn(async move {
            let (from, request) = (ask.from, ask.request.clone());
            // Dropping the ask refuses it.
            if let Some(slice) = away(move || answer(&store, chain.as_ref(), from, &request)).await {
                // An error means that the network has stopped.
                let _ = network.give(ask, slice).await;
            }
            drop(place);
        });
    }
}

fn answer(store: &ContentStore, chain: &dyn ChainPort, from: MemberId, request: &[u8]) -> Option<Bytes> {
    let request = SliceRequest::decode(request)?;
    let size = read(chain, |ledger| allowed(ledger, from, &request)).flatten()?;
    if request.from >= size {
        return None;
    }
    match store.slice(request.root, request.from, SLICE_BYTES.min(size - request.from)) {
        Ok(slice) => Some(slice.into()),
        Err(error) => {
            tracing::warn!(%error, contract = %request.contract, to = %from, "a slice is not given");
            None
        }
    }
}

/// The size of the content, if it is that of a contract of which the asker is a party.
fn allowed(ledger: &Ledger, from: MemberId, request: &SliceRequest) -> Option<u64> {
    let contract = ledger.state().get::<StorageContracts>(&request.contract)?;
    let is_party = contract.buyer == from || contract.seller == from;
    contract.manifest.filter(|manifest| is_party && manifest.root == request.root).map(|manifest| manifest.size)
}
