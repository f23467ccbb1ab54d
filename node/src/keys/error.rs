//! Why a key file cannot be used.

use std::path::PathBuf;

/// Why a key file cannot be used. No variant ever carries key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such file.
    #[error("{0} does not exist; make keys with `leg keys`")]
    Missing(PathBuf),
    /// Reading or writing failed.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A file that is to be written exists.
    #[error("{0} exists; a key is never overwritten")]
    Exists(PathBuf),
    /// Others can read it.
    #[error("{path} has mode {mode:o}: others can read this key; run `chmod 600` on it, and rotate the key if it was seen")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Neither 64 hexadecimal digits nor an encrypted file.
    #[error("{0} holds no key: 64 hexadecimal digits are expected")]
    Malformed(PathBuf),
    /// Not a token.
    #[error("{0} holds no token: one line of at least 32 visible ASCII characters is expected")]
    Token(PathBuf),
    /// It is encrypted and there is no pass-phrase.
    #[error("{0} is encrypted; give the pass-phrase")]
    NeedsPassphrase(PathBuf),
    /// The pass-phrase is wrong, or the file is damaged.
    #[error("{path} cannot be decrypted: {cause}")]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// What age says.
        cause: String,
    },
    /// Encrypting failed.
    #[error("{path} cannot be encrypted: {cause}")]
    Encrypt {
        /// The file.
        path: PathBuf,
        /// What age says.
        cause: String,
    },
}
