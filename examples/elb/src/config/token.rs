//! Tokens, in the configuration or in separate files.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use super::value::wrong;
use super::{Config, ConfigError};
use crate::bounded_file;
use crate::hooks::Call;

/// Minimum length of a write token; shorter ones can be guessed.
const SHORTEST: usize = 16;
/// Maximum size of a token file, in bytes.
const FILE_BYTES: u64 = 4096;

/// Error for a token that is not a string. It does not contain the value.
pub(super) const TOKEN_TYPE: &str = "invalid type: a token is a string";

/// A token in the configuration.
pub(super) struct Token(String);

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = String::deserialize(deserializer);
        token
            .map(Self)
            .map_err(|_| serde::de::Error::custom(TOKEN_TYPE))
    }
}

/// A file that contains a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenFile {
    /// The key in the configuration, such as `http.token_file`.
    pub(super) key: String,
    pub(super) path: PathBuf,
    pub(super) owner: Owner,
}

/// The part of the configuration that a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Http,
    /// The hook of the pool with this name.
    Hook(String),
}

/// The token in the configuration, and the file that is named instead. Reads no file.
pub(super) fn given(
    table: &str,
    owner: Owner,
    token: Option<Token>,
    file: Option<PathBuf>,
) -> Result<(Option<String>, Option<TokenFile>), ConfigError> {
    match (token, file) {
        (Some(_), Some(_)) => {
            let problem = "set either the token or the token file";
            Err(wrong(&format!("{table}.token_file"), problem))
        }
        (Some(Token(token)), None) => {
            check(&format!("{table}.token"), &owner, &token)?;
            Ok((Some(token), None))
        }
        (None, Some(path)) => {
            let key = format!("{table}.token_file");
            Ok((None, Some(TokenFile { key, path, owner })))
        }
        (None, None) => Ok((None, None)),
    }
}

fn check(key: &str, owner: &Owner, token: &str) -> Result<(), ConfigError> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = "a token must consist of ASCII characters without spaces";
        return Err(wrong(key, problem));
    }
    if *owner == Owner::Http && token.len() < SHORTEST {
        let problem = format!("a token must have at least {SHORTEST} characters");
        return Err(wrong(key, &problem));
    }
    Ok(())
}

impl Config {
    /// Reads the files that contain tokens.
    pub(super) fn read_token_files(&mut self) -> Result<(), ConfigError> {
        for file in self.token_files.clone() {
            let read = bounded_file::read_to_string(&file.path, FILE_BYTES);
            let text = read.map_err(|error| {
                let problem = format!("cannot read {}: {error}", file.path.display());
                wrong(&file.key, &problem)
            })?;
            let token = text.trim();
            check(&file.key, &file.owner, token)?;
            if let Some(place) = self.token_of(&file.owner) {
                *place = Some(token.to_owned());
            }
        }
        Ok(())
    }

    /// Copies tokens from a configuration that has read the same token files.
    pub fn keep_tokens(&mut self, running: &mut Self) {
        for file in self.token_files.clone() {
            let is_known = |known: &TokenFile| known.path == file.path && known.owner == file.owner;
            if running.token_files.iter().any(is_known)
                && let Some(token) = running.token_of(&file.owner).cloned()
                && let Some(place) = self.token_of(&file.owner)
            {
                *place = token;
            }
        }
    }

    fn token_of(&mut self, owner: &Owner) -> Option<&mut Option<String>> {
        match owner {
            Owner::Http => Some(&mut self.http.token),
            Owner::Hook(name) => {
                let pool = self.pools.iter_mut().find(|pool| pool.name == *name)?;
                match &mut pool.hook.as_mut()?.call {
                    Call::Http { token, .. } => Some(token),
                    Call::Program { .. } => None,
                }
            }
        }
    }

    /// The token file of a pool's hook, or of the HTTP server.
    pub(super) fn token_file(&self, owner: &Owner) -> Option<&TokenFile> {
        self.token_files.iter().find(|file| file.owner == *owner)
    }
}
