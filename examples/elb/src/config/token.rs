//! Tokens: written down, or in a file of their own.

use std::path::PathBuf;

use super::ConfigError;
use super::value::wrong;

/// The token of those who may change anything.
pub(super) fn of_http(
    given: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<String>, ConfigError> {
    /// Shorter ones can be guessed.
    const LEAST: usize = 16;

    let Some((key, token)) = read("http", given, file)? else {
        return Ok(None);
    };
    if token.len() < LEAST {
        let problem = format!("a token of less than {LEAST} characters can be guessed");
        return Err(wrong(&key, &problem));
    }
    Ok(Some(token))
}

/// The token, or what is in its file, and by which key it was given.
pub(super) fn read(
    table: &str,
    given: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<(String, String)>, ConfigError> {
    let (key, token) = match (given, file) {
        (Some(_), Some(_)) => {
            let problem = "give either the token or the file that it is in";
            return Err(wrong(&format!("{table}.token_file"), problem));
        }
        (Some(token), None) => (format!("{table}.token"), token),
        (None, Some(path)) => {
            let key = format!("{table}.token_file");
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let problem = format!("cannot read {}: {error}", path.display());
                wrong(&key, &problem)
            })?;
            (key, text.trim().to_owned())
        }
        (None, None) => return Ok(None),
    };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(
            &key,
            "a token has no spaces and no letters beyond ASCII",
        ));
    }
    Ok(Some((key, token)))
}
