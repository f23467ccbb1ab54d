//! The development network trades all five resources on real nodes, and its audit finds nothing wrong.

use super::PROGRAM;
use serde_json::Value;
use std::process::Command;

/// An exact number of the report.
fn amount(value: &Value) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| panic!("{value} is no amount"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_development_network_trades_all_five_resources_and_its_audit_holds() {
    let folder = tempfile::tempdir().expect("a folder for the report");
    let path = folder.path().join("report.json");
    let mut run = Command::new(PROGRAM);
    // Monday 08:00 to 14:00 of the data: a sunny morning, at a slot a second.
    run.args(["devnet", "--nodes", "4", "--slots", "24", "--first-slot", "32", "--speed", "1", "--seed", "devnet test", "--report"]);
    run.arg(&path).env("NO_COLOR", "1");
    let output = tokio::task::spawn_blocking(move || run.output()).await.expect("it ran").expect("the program is there");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    assert!(output.status.success(), "{errors}");

    let report: Value = serde_json::from_slice(&std::fs::read(&path).expect("a report")).expect("JSON");
    assert_eq!((&report["ok"], &report["equalRoots"], &report["conservation"]["holds"]), (&true.into(), &true.into(), &true.into()));
    let trades = report["trades"].as_array().expect("trades");
    let names: Vec<&str> = trades.iter().filter_map(|trade| trade["resource"].as_str()).collect();
    assert_eq!(names, ["energy", "compute", "compute-hours", "storage", "heat"]);
    for trade in trades {
        assert!(trade["matches"].as_u64() > Some(0) && amount(&trade["matchedChf"]) > 0.0, "{trade}");
        let months_end_later = trade["resource"] == "storage";
        assert_eq!(trade["settled"].as_u64() > Some(0), !months_end_later, "{trade}");
    }
    let contents = report["storage"]["contents"].as_array().expect("contents");
    assert!(contents.len() == 4 && contents.iter().all(|content| content["readBack"] == true && content["buyer"] != content["seller"]));
    assert_eq!(report["storage"]["missed"], 0);
    let heat = &report["heat"];
    assert!(amount(&heat["issuedKwh"]) >= amount(&heat["soldKwh"]) && amount(&heat["retiredKwh"]) > 0.0, "{heat}");
    for price in
        report["prices"].as_array().expect("prices").iter().filter(|price| price["resource"] != "storage" && price["resource"] != "heat")
    {
        // At 08:00 the grid is balanced, at noon it has too much.
        assert_eq!((price["grid"][0].as_i64(), price["grid"][1].as_i64() >= Some(0)), (Some(-1_000), true), "{price}");
        assert!(amount(&price["lowestChf"]) < amount(&price["highestChf"]), "{price}");
    }
}
