//! Inner parts under criterion: the codec, signatures in a batch, the tree, an auction. `cargo bench --bench parts` runs them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use leg_cli::bench::books::{Books, Quote, trader};
use leg_cli::bench::community::{HUBS, hub_id};
use leg_cli::bench::mix::Mix;
use leg_ledger::codec;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{ChainId, Height, Nonce};
use leg_ledger::limits::MAX_TRANSACTION_BYTES;
use leg_ledger::market::{self, open_orders_of};
use leg_ledger::member::KeyRole;
use leg_ledger::signature::{Batch, SecretKey};
use leg_ledger::time::{BlockTime, MarketTime};
use leg_ledger::transaction::{SignedTransaction, TransactionBody};
use leg_ledger::tree::{Changes, Key, Tree};

const NOW_MS: u64 = 1_800_000_000_000;

fn signed(count: usize) -> Vec<(SecretKey, SignedTransaction)> {
    let mut mix = Mix::new(1);
    let sign = |number: usize| {
        let hub = mix.hub(0..HUBS);
        let key = SecretKey::from_bytes(Hash::of(Domain::Possession, &hub.to_le_bytes()).as_bytes());
        let body = TransactionBody {
            version: 1,
            chain: ChainId::from_hash(Hash::ZERO),
            signer: hub_id(hub).expect("a hub of the community"),
            role: KeyRole::Operator,
            nonce: Nonce::new(number as u64),
            last_valid: Height::new(300),
            atomic: false,
            actions: mix.orders(hub, 1, MarketTime::from_ms(NOW_MS)),
        };
        let transaction = body.sign(&key);
        (key, transaction)
    };
    (0..count).map(sign).collect()
}

fn codec_of_a_transaction(c: &mut Criterion) {
    let (_, transaction) = signed(1).remove(0);
    let bytes = codec::encode(&transaction);
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode a transaction", |b| b.iter(|| codec::encode(&transaction)));
    group.bench_function("decode a transaction", |b| b.iter(|| codec::decode::<SignedTransaction>(&bytes, MAX_TRANSACTION_BYTES)));
    group.finish();
}

fn signatures_in_a_batch(c: &mut Criterion) {
    let all = signed(512);
    let mut group = c.benchmark_group("signatures");
    group.throughput(Throughput::Elements(all.len() as u64));
    group.bench_function("verify 512 in a batch", |b| {
        b.iter(|| {
            let mut batch = Batch::new();
            all.iter().for_each(|(key, one)| batch.push(&key.public(), &one.message(), &one.signature));
            batch.verify().expect("good signatures")
        });
    });
    group.finish();
}

fn tree_update(c: &mut Criterion) {
    let key = |number: usize| Key::of(&number.to_le_bytes());
    let tree = Tree::build(&(0..100_000).map(|number| (key(number), Some(Hash::ZERO))).collect());
    let changes: Changes = (0..1_000).map(|number| (key(number * 97), Some(Hash::MAX))).collect();
    let mut group = c.benchmark_group("tree");
    group.throughput(Throughput::Elements(changes.len() as u64));
    group.bench_function("the root after 1000 of 100000 keys change", |b| {
        b.iter_batched(|| changes.clone(), |changes| tree.plan(changes).root(), BatchSize::LargeInput);
    });
    group.finish();
}

fn auction(c: &mut Criterion) {
    let mut books = Books::new(BlockTime::from_ms(NOW_MS)).expect("the community");
    let product = books.energy(0);
    let quote = |number: usize| {
        let (member, side) = trader(number).expect("a hub of the community");
        Quote { member, side, product, percent: 90 + (number as u64 * 7) % 20, lots: 1 + number as u64 % 60 }
    };
    let quotes: Vec<Quote> = (0..1_000).map(quote).collect();
    books.place(&quotes).expect("the rules admit them");
    let market = open_orders_of(&books.state, quotes[0].member).into_iter().next().expect("an open order").market;
    let mut group = c.benchmark_group("market");
    group.throughput(Throughput::Elements(quotes.len() as u64));
    group.bench_function("an auction over 1000 open orders", |b| {
        let context = || {
            let mut ctx = books.context();
            ctx.changed_markets.insert(market);
            ctx
        };
        b.iter_batched(context, |mut ctx| market::run_auctions(&mut ctx), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, codec_of_a_transaction, signatures_in_a_batch, tree_update, auction);
criterion_main!(benches);
