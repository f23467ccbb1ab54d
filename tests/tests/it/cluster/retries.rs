//! A client's retry buys once, whatever happens to the node in between (DESIGN, promise 4).

use super::{ORDERS, check_agreement, compute, spec};
use leg_tests::cluster::{Client, Cluster, Reply, eventually};
use serde_json::Value;

/// Sends with a key until the answer is final.
async fn retry(client: &Client, body: &Value, key: &str) -> Value {
    let send = || async {
        let reply: Reply = client.try_post(ORDERS, body, Some(key)).await.ok()?;
        assert!([200, 202, 503].contains(&reply.status), "{}", reply.text);
        (reply.status == 200).then_some(reply.body)
    };
    eventually("a final answer", send).await
}

async fn open_orders(client: &Client) -> Vec<Value> {
    client.get(&format!("{ORDERS}?hubId=hub-01")).await.ok()["orders"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_buys_once_also_after_the_nodes_death() {
    let mut cluster = Cluster::start(spec("retries")).await;
    let body = compute("bid", "10", "0.20");
    let first = retry(cluster.nodes[0].client(), &body, "order-1").await;
    assert_eq!(retry(cluster.nodes[0].client(), &body, "order-1").await, first);
    cluster.nodes[0].kill();
    cluster.nodes[0].start();
    cluster.nodes[0].answers().await;
    assert_eq!(retry(cluster.nodes[0].client(), &body, "order-1").await["orderId"], first["orderId"]);
    assert_eq!(open_orders(cluster.nodes[0].client()).await.len(), 1);

    // The node dies at some moment while it is at a request: before or after the key is durable, sent or not.
    for (index, delay_us) in [0_u64, 300, 1_000, 3_000, 10_000, 30_000].into_iter().enumerate() {
        let key = format!("crash-{index}");
        let sent = tokio::spawn({
            let (client, body, key) = (cluster.nodes[0].client().clone(), body.clone(), key.clone());
            async move { client.try_post(ORDERS, &body, Some(&key)).await.map(|reply| reply.status) }
        });
        tokio::time::sleep(std::time::Duration::from_micros(delay_us)).await;
        cluster.nodes[0].kill();
        println!("{key}: the client saw {:?}", sent.await.unwrap().map_err(|error| error.is_connect()));
        cluster.nodes[0].start();
        cluster.nodes[0].answers().await;
        let bought = retry(cluster.nodes[0].client(), &body, &key).await;
        assert_eq!(bought["status"], "open");
        assert_eq!(open_orders(cluster.nodes[0].client()).await.len(), index + 2, "{key}");
    }
    let other = compute("bid", "11", "0.20");
    let misused = cluster.nodes[0].client().try_post(ORDERS, &other, Some("order-1")).await.unwrap();
    assert_eq!(misused.error(), (422, "idempotency_mismatch", Some("Idempotency-Key")));
    // Seven orders for 10 kWh at 0.20.
    assert_eq!(cluster.nodes[0].client().account("hub-01", "reservedChf").await, "14");
    check_agreement(&cluster).await;
}
