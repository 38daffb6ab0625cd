//! What a caller must know: only its digest is kept, and how long a comparison takes says nothing about it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::serve::answer::Fault;

/// What a caller must know. Printing it prints stars.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Text that cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token has at least {} characters, all of them visible ASCII",
    Token::SHORTEST
)]
pub struct BadToken;

impl Token {
    /// Characters of a token at least.
    pub const SHORTEST: usize = 32;

    /// Whether a text is the token. How long that takes says nothing about it.
    fn is(&self, text: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(text).into();
        self.0.ct_eq(&digest).into()
    }
}

impl std::str::FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < Self::SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadToken);
        }
        Ok(Token(Sha256::digest(text).into()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Whether a call has the token, where one is needed. Every way to be wrong is answered alike.
pub(in crate::serve) fn check(token: Option<&Token>, headers: &HeaderMap) -> Result<(), Fault> {
    let Some(token) = token else {
        return Ok(());
    };
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let bearer = match (given.next(), given.next()) {
        (Some(given), None) => given.as_bytes().split_at_checked(7),
        _ => None,
    };
    match bearer {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case(b"bearer ") && token.is(text) => Ok(()),
        _ => Err(Fault::new(
            StatusCode::UNAUTHORIZED,
            "token",
            "the token is missing or wrong",
            "send Authorization: Bearer with the token from the server's token file",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_visible_and_is_not_printed() {
        let text = "0123456789abcdef0123456789abcdef";
        let token: Token = text.parse().expect("a token");
        assert!(token.is(text.as_bytes()));
        assert!(!token.is(&text.as_bytes()[1..]));
        assert!("short".parse::<Token>().is_err());
        assert!(format!("{text}\n").parse::<Token>().is_err());
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
