use super::*;
use std::os::unix::fs::PermissionsExt;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn phrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

#[test]
fn a_key_is_read_as_it_was_written_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let key = SecretKey::from_bytes(&[7; 32]);
    write_key(&path, &key, None).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", "07".repeat(32)));
    assert_eq!(read_key(&path, None).unwrap().public(), key.public());
    assert_eq!(read_key(&path, Some(&phrase("not needed"))).unwrap().public(), key.public());
    assert!(matches!(write_key(&path, &key, None), Err(KeyError::Exists(_))));
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let key = SecretKey::from_bytes(&[7; 32]);
    write_key(&path, &key, Some(&phrase("correct horse"))).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(8).any(|w| w == b"07070707"));
    assert_eq!(read_key(&path, Some(&phrase("correct horse"))).unwrap().public(), key.public());
    assert!(matches!(read_key(&path, None), Err(KeyError::NeedsPassphrase(_))));
    assert!(matches!(read_key(&path, Some(&phrase("wrong"))), Err(KeyError::Decrypt { .. })));
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    write_key(&path, &SecretKey::from_bytes(&[7; 32]), None).unwrap();
    for exposed in [0o640, 0o604, 0o660, 0o601] {
        mode(&path, exposed);
        let error = read_key(&path, None).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode, .. } if mode == exposed), "{error}");
    }
    mode(&path, 0o400);
    assert!(read_key(&path, None).is_ok());
}

#[test]
fn anything_but_64_digits_is_refused_without_showing_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    for bad in [String::new(), "07".repeat(31), "07".repeat(33), "zz".repeat(32), format!("{}\n\n", "07".repeat(32))] {
        std::fs::write(&path, &bad).unwrap();
        mode(&path, 0o600);
        let error = read_key(&path, None).unwrap_err();
        assert!(matches!(error, KeyError::Malformed(_)), "{bad:?}");
        assert!(bad.is_empty() || !error.to_string().contains(&bad));
    }
}

#[test]
fn a_node_needs_its_network_key_and_does_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let error = NodeKeys::load(folder.path(), None).unwrap_err();
    assert!(matches!(&error, KeyError::Missing(path) if path.ends_with(NETWORK_FILE)), "{error}");
    write_key(&folder.path().join(NETWORK_FILE), &SecretKey::from_bytes(&[1; 32]), None).unwrap();
    let keys = NodeKeys::load(folder.path(), None).unwrap();
    assert!(keys.operator.is_none() && keys.meter.is_none() && keys.consensus.is_none());
    write_key(&folder.path().join(CONSENSUS_FILE), &SecretKey::from_bytes(&[2; 32]), None).unwrap();
    std::fs::write(folder.path().join(OPERATOR_FILE), "short").unwrap();
    mode(&folder.path().join(OPERATOR_FILE), 0o600);
    assert!(matches!(NodeKeys::load(folder.path(), None), Err(KeyError::Malformed(path)) if path.ends_with(OPERATOR_FILE)));
}

#[test]
fn a_token_is_one_long_line_that_only_the_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let write = |text: &str, bits| {
        std::fs::write(&path, text).unwrap();
        mode(&path, bits);
        read_token(&path)
    };
    let good = "0123456789abcdef0123456789abcdef";
    assert_eq!(write(&format!("{good}\n"), 0o600).unwrap(), good);
    assert!(matches!(write(good, 0o644), Err(KeyError::Exposed { .. })));
    for bad in ["", "short", &format!("{good} {good}"), &format!("{good}\n{good}")] {
        assert!(matches!(write(bad, 0o600), Err(KeyError::Token(_))), "{bad:?}");
    }
}
