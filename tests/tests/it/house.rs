//! The house's rules: which way dependencies run, who may name what, how long files are, which licences and sources are allowed.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--offline", "--locked"]).current_dir(root());
    let output = cargo.output().unwrap();
    // A build downloads what this platform needs; the licences of the others are looked at as well.
    let advice = "`cargo fetch --locked` downloads the dependencies of all platforms, as `make test` does";
    assert!(output.status.success(), "{}\n{advice}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// Lines of code: comments out, tests (a trailing `mod tests` block) out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
    let code = text.get(..end).unwrap_or(text);
    code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(i, line)| (i + 1, line))
}

/// Sources of tests: files of tests and what follows a `#[cfg(test)]`.
fn test_code(folder: &str) -> String {
    let tests = sources(folder).into_iter().map(|(path, text)| {
        let all = path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"));
        let start = if all { Some(0) } else { text.find("#[cfg(test)]") };
        start.and_then(|start| text.get(start..)).unwrap_or_default().to_owned()
    });
    tests.collect()
}

#[test]
fn no_rejection_is_without_a_test_that_expects_it() {
    let tests = test_code("ledger/src");
    let names: BTreeSet<&str> =
        tests.split("Code::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap()).collect();
    let missing: Vec<String> =
        leg_ledger::receipt::Code::ALL.iter().map(|code| format!("{code:?}")).filter(|code| !names.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "no test of the ledger expects {missing:?}");
}

#[test]
fn dependencies_run_downward_only() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([
        ("leg-ledger", BTreeSet::new()),
        ("leg-genesis", BTreeSet::from(["leg-ledger"])),
        ("leg-consensus", BTreeSet::from(["leg-ledger"])),
        ("leg-node", BTreeSet::from(["leg-ledger", "leg-genesis", "leg-consensus"])),
        ("leg", BTreeSet::from(["leg-ledger", "leg-genesis", "leg-node"])),
        ("leg-tests", BTreeSet::from(["leg-ledger", "leg-genesis", "leg-consensus", "leg-node", "leg"])),
    ]);
    let metadata = metadata();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let Some(allowed) = allowed.get(package["name"].as_str().unwrap()) else { continue };
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            if name.starts_with("leg") && dependency["path"].is_string() {
                assert!(allowed.contains(name), "{} must not use {name}", package["name"]);
            }
        }
    }
    assert_eq!(seen, allowed.len());
}

#[test]
fn only_their_rooms_name_the_engine_the_store_and_the_swarm() {
    let rules = [
        ("malachitebft", vec!["consensus/src", "node/src/network"]),
        ("rocksdb::", vec!["node/src/storage"]),
        ("libp2p::", vec!["node/src/network"]),
        ("axum::", vec!["node/src/api", "node/src/page", "node/src/telemetry"]),
    ];
    for folder in ["ledger/src", "consensus/src", "genesis/src", "node/src", "cli/src"] {
        for (path, text) in sources(folder) {
            let place = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            for (word, rooms) in &rules {
                if rooms.iter().any(|room| place.starts_with(room)) {
                    continue;
                }
                if let Some((line, _)) = code_lines(&text).find(|(_, line)| line.contains(word)) {
                    panic!("{place}:{line} names {word}; only {rooms:?} may");
                }
            }
        }
    }
}

#[test]
fn the_ledger_is_pure() {
    let forbidden = [
        "std::time",
        "SystemTime",
        "Instant::now",
        "std::thread",
        "std::fs",
        "std::net",
        "std::env",
        "tokio",
        "HashMap",
        "HashSet",
        "f32",
        "f64",
        "tracing::",
        "println!",
        "rand::",
    ];
    for (path, text) in sources("ledger/src") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with("tests.rs") || name == "testing.rs" || name == "model.rs" || path.components().any(|c| c.as_os_str() == "tests") {
            continue;
        }
        for (line, text) in code_lines(&text) {
            for word in forbidden {
                assert!(!text.contains(word), "{}:{line} names {word}", path.display());
            }
        }
    }
}

#[test]
fn files_stay_under_five_hundred_lines() {
    for folder in ["ledger/src", "consensus/src", "genesis/src", "node/src", "cli/src", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn nothing_is_left_open() {
    let words = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    for folder in ["ledger/src", "consensus/src", "genesis/src", "node/src", "cli/src", "tests"] {
        for (path, text) in sources(folder) {
            for word in words {
                assert!(!text.contains(word), "{} holds {word}", path.display());
            }
        }
    }
}

#[test]
fn licences_and_sources_are_allowed() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unicode-3.0",
        "Zlib",
        "CC0-1.0",
        "MPL-2.0",
        "0BSD",
        "BSL-1.0",
        "MIT-0",
        "Unlicense",
        "CDLA-Permissive-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "NCSA",
    ];
    let metadata = metadata();
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let source = package["source"].as_str();
        assert!(source.is_none_or(|s| s.starts_with("registry+")), "{name} comes from {source:?}");
        let licence = package["license"].as_str().unwrap_or("");
        let alternatives: Vec<&str> = licence.split(" OR ").flat_map(|l| l.split('/')).map(|l| l.trim().trim_matches(['(', ')'])).collect();
        let fits = |one: &str| one.split(" AND ").all(|part| allowed.contains(&part.trim().trim_matches(['(', ')'])));
        if !alternatives.iter().any(|one| fits(one)) && package["license_file"].is_null() {
            refused.push(format!("{name}: {licence}"));
        }
    }
    assert!(refused.is_empty(), "licences to look at: {refused:#?}");
}
