//! The benchmark of a network: small, whole, and with the same state everywhere at its end. Nothing is asserted about its speed.

use super::PROGRAM;
use serde_json::Value;
use std::process::Command;

/// Runs `leg bench ...` with a report and returns it.
async fn report(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let (report, plot) = (folder.path().join("report.json"), folder.path().join("plot.svg"));
    let mut command = Command::new(PROGRAM);
    command.arg("bench").args(arguments).arg("--report").arg(&report).arg("--plot").arg(&plot);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ran").expect("the program starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("all nodes have the same state"), "{text}");
    let plot = std::fs::read_to_string(plot).expect("a plot");
    assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"));
    serde_json::from_str(&std::fs::read_to_string(report).expect("a report")).expect("JSON")
}

const SMALL: [&str; 10] = ["--seconds", "2", "--warm-up", "1", "--idle-seconds", "1", "--ceiling-blocks", "2", "--standing", "1000"];

#[tokio::test(flavor = "multi_thread")]
async fn a_small_network_is_measured_over_both_ways_in_and_ends_in_one_state() {
    let report = report(&[&["network", "--rate", "200", "--orders", "1", "--door", "http,gossip"], SMALL.as_slice()].concat()).await;
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let at_work: Vec<u64> = report["ledger"].as_array().unwrap().iter().map(|cost| cost["cores"].as_u64().unwrap()).collect();
    assert_eq!(at_work, [1, report["machine"]["cores"].as_u64().unwrap()], "measured alone, and on all cores");
    let series = report["series"].as_array().unwrap();
    assert_eq!(series.iter().map(|s| s["door"].as_str().unwrap()).collect::<Vec<_>>(), ["http", "gossip"]);
    for series in series {
        assert_eq!(series["equalRoots"], true);
        assert!(series["ceiling"]["ordersPerSecond"].as_f64().unwrap() > 0.0);
        assert_eq!(series["idle"].as_array().unwrap().len(), 4);
        let point = &series["points"][0];
        assert_eq!((point["offered"].as_f64(), point["due"].as_u64()), (Some(200.0), Some(400)));
        let refused: u64 = point["refused"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        let count = |field: &str| point[field].as_u64().unwrap();
        assert_eq!(point["latency"]["count"].as_u64().unwrap() + refused + count("unsent") + count("lost"), 400, "{point}");
        assert_eq!(point["rejected"].as_f64(), Some(0.0), "every order of the mix is one that the rules admit");
        assert_eq!(point["nodes"].as_array().unwrap().len(), 4);
        assert!(point["nodes"].as_array().unwrap().iter().all(|node| node["residentMib"].as_f64().unwrap() > 1.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_catches_up_with_what_the_network_produced() {
    let report = report(&[&["sync", "--rate", "200", "--orders", "10"], SMALL.as_slice()].concat()).await;
    let series = &report["series"][0];
    assert_eq!(series["equalRoots"], true);
    assert!(series["catchUp"]["perSecond"].as_f64().is_some(), "{series}");
    assert!(series["points"][0]["reached"].as_f64().unwrap() > 0.0, "{series}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_with_a_dead_node_is_measured() {
    let report = report(&[&["network", "--rate", "100", "--orders", "100", "--kill-one"], SMALL.as_slice()].concat()).await;
    let series = &report["series"][0];
    assert_eq!((&series["equalRoots"], &series["oneDead"], series["ceiling"]["replicas"].as_u64()), (&true.into(), &true.into(), Some(3)));
    assert_eq!(series["points"][0]["nodes"].as_array().unwrap().len(), 3);
}
