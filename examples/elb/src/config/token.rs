//! Tokens, in the configuration or in separate files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::Errors;
use super::{Config, Pool};
use crate::hooks::Call;

/// Minimum length of a write token; shorter ones can be guessed.
const SHORTEST: usize = 16;
/// Maximum size of a token file, in bytes.
const FILE_BYTES: u64 = 4096;

/// Checks a hook's token.
pub(super) fn check(token: &str) -> Result<(), String> {
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("a token must consist of ASCII characters without spaces".to_owned()),
    }
}

/// Checks the token of the HTTP server.
pub(super) fn check_http(token: &str) -> Result<(), String> {
    check(token)?;
    match token.len() >= SHORTEST {
        true => Ok(()),
        false => Err(format!("a token must have at least {SHORTEST} characters")),
    }
}

/// Checks the token of a table, and that it has no token file besides.
pub(super) fn check_given(
    errors: &mut Errors,
    table: &str,
    token: Option<&str>,
    has_file: bool,
    check: fn(&str) -> Result<(), String>,
) {
    if let Some(token) = token {
        if has_file {
            let problem = "set either the token or the token file";
            errors.add(format!("{table}.token_file"), problem);
        }
        errors.check(&format!("{table}.token"), check(token));
    }
}

impl Config {
    /// Reads the files that contain tokens.
    pub(super) fn read_token_files(&mut self, errors: &mut Errors) {
        if let Some(path) = &self.http.token_file {
            let token = read(path, check_http);
            self.http.token = errors.check("http.token_file", token);
        }
        for (place, pool) in self.pools.iter_mut().enumerate() {
            if let Some(path) = self.hook_token_files.get(&pool.name)
                && let Some(token) = token_of(pool)
            {
                let key = format!("pool[{place}].hook.token_file");
                *token = errors.check(&key, read(path, check));
            }
        }
    }

    /// Copies tokens from a configuration that has read the same token files.
    pub fn keep_tokens(&mut self, running: &mut Self) {
        if self.http.token_file.is_some() && self.http.token_file == running.http.token_file {
            self.http.token.clone_from(&running.http.token);
        }
        for pool in &mut self.pools {
            let file = |config: &BTreeMap<String, PathBuf>| config.get(&pool.name).cloned();
            let path = file(&self.hook_token_files);
            let mut known = running.pools.iter_mut();
            if path.is_some()
                && path == file(&running.hook_token_files)
                && let Some(known) = known.find(|known| known.name == pool.name)
                && let (Some(token), Some(known)) = (token_of(pool), token_of(known))
            {
                token.clone_from(known);
            }
        }
    }
}

fn read(path: &Path, check: fn(&str) -> Result<(), String>) -> Result<String, String> {
    let text = bounded_file::read_to_string(path, FILE_BYTES)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let token = text.trim();
    check(token).map(|()| token.to_owned())
}

/// The token of a pool's hook; `None` if it has no hook with a URL.
fn token_of(pool: &mut Pool) -> Option<&mut Option<String>> {
    match &mut pool.hook.as_mut()?.call {
        Call::Http { token, .. } => Some(token),
        Call::Program { .. } => None,
    }
}
