//! One key file.

use super::KeyError;
use age::secrecy::SecretString;
use leg_ledger::signature::SecretKey;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// First bytes of an encrypted file.
const AGE_MAGIC: &[u8] = b"age-encryption.org/";
/// Most bytes of a key file, encrypted or not.
const MAX_FILE_BYTES: u64 = 4_096;
/// Least length of a token: 128 bits as hexadecimal digits.
const MIN_TOKEN_BYTES: usize = 32;
/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// A pass-phrase; erased from memory when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Wraps a pass-phrase.
    pub fn new(text: String) -> Self {
        Passphrase(SecretString::from(text))
    }
}

/// Reads a key.
///
/// # Errors
/// [`KeyError`], naming the file.
pub fn read_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<SecretKey, KeyError> {
    let bytes = read_private(path)?;
    if !bytes.starts_with(AGE_MAGIC) {
        return parse(path, &bytes);
    }
    let passphrase = passphrase.ok_or_else(|| KeyError::NeedsPassphrase(path.to_owned()))?;
    let failed = |cause: String| KeyError::Decrypt { path: path.to_owned(), cause };
    let decryptor = age::Decryptor::new(bytes.as_slice()).map_err(|e| failed(e.to_string()))?;
    let identity = age::scrypt::Identity::new(passphrase.0.clone());
    let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|e| failed(e.to_string()))?;
    let mut plain = Vec::new();
    reader.take(MAX_FILE_BYTES).read_to_end(&mut plain).map_err(|e| failed(e.to_string()))?;
    parse(path, &plain)
}

/// Reads the API's bearer token: one line of at least 32 visible ASCII characters, in a file of the same mode as a key.
///
/// # Errors
/// [`KeyError`], naming the file.
pub fn read_token(path: &Path) -> Result<String, KeyError> {
    let bytes = read_private(path)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end_matches('\n');
    let valid = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
    if valid { Ok(text.to_owned()) } else { Err(KeyError::Token(path.to_owned())) }
}

/// Reads a file after checking that only its owner can.
fn read_private(path: &Path) -> Result<Vec<u8>, KeyError> {
    let failed = |cause: std::io::Error| match cause.kind() {
        ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
        _ => KeyError::Io { path: path.to_owned(), cause },
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<SecretKey, KeyError> {
    let mut secret = [0_u8; 32];
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    hex::decode_to_slice(text, &mut secret).map_err(|_| KeyError::Malformed(path.to_owned()))?;
    Ok(SecretKey::from_bytes(&secret))
}

/// Writes a key into a new file of mode 0600, encrypted where a pass-phrase is given, and syncs it.
///
/// # Errors
/// [`KeyError::Exists`]: a key is never overwritten.
pub fn write_key(path: &Path, key: &SecretKey, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
    let mut text = hex::encode(key.to_bytes());
    text.push('\n');
    let bytes = match passphrase {
        None => text.into_bytes(),
        Some(passphrase) => encrypt(text.as_bytes(), passphrase).map_err(|cause| KeyError::Encrypt { path: path.to_owned(), cause })?,
    };
    let failed = |cause: std::io::Error| match cause.kind() {
        ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Io { path: path.to_owned(), cause },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

fn encrypt(plain: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, String> {
    let encryptor = age::Encryptor::with_user_passphrase(passphrase.0.clone());
    let mut bytes = Vec::new();
    let mut writer = encryptor.wrap_output(&mut bytes).map_err(|e| e.to_string())?;
    writer.write_all(plain).map_err(|e| e.to_string())?;
    writer.finish().map_err(|e| e.to_string())?;
    Ok(bytes)
}
