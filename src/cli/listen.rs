//! Where `collect` and `serve --collect` listen, and with whose token.

use std::{
    io::{self, Write},
    net::{SocketAddr, ToSocketAddrs},
};

use ai_coder_events::collect::{Error, Receiver, Token};
use clap::error::ErrorKind;

use super::{Invocation, usage};

/// `127.0.0.1:4318`, or a name with a port.
///
/// # Errors
/// Where it is none, or the name is not known.
pub fn address(given: &str) -> Result<SocketAddr, String> {
    let wrong = |_| format!("`{given}` is no address to listen on: give HOST:PORT, such as 127.0.0.1:4318");
    let found: Vec<SocketAddr> = given.to_socket_addrs().map_err(wrong)?.collect();
    // Exporters' defaults say 127.0.0.1, or a name that they look up in the same way.
    let chosen = found.iter().find(|address| address.is_ipv4()).or(found.first());
    chosen.copied().ok_or_else(|| format!("`{given}` has no address"))
}

/// For `serve`: a taken port is told, and tried again by the caller; `None` then.
///
/// # Errors
/// Where the address is open to other machines and no token is set.
pub async fn bind_or_warn(address: SocketAddr, call: &Invocation) -> anyhow::Result<Option<Receiver>> {
    match Receiver::bind(address, token_of(call)).await {
        Ok(receiver) => {
            tell_address(receiver.address());
            Ok(Some(receiver))
        }
        Err(error @ Error::Open { .. }) => Err(wrong_or_failed("serve", error)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not collecting until the address is free");
            Ok(None)
        }
    }
}

pub fn token_of(call: &Invocation) -> Option<Token> {
    call.environment.token.as_deref().and_then(Token::new)
}

/// An address that is open to others without a token is wrong usage of `command`.
pub fn wrong_or_failed(command: &str, error: Error) -> anyhow::Error {
    match error {
        Error::Open { .. } => {
            let next = "AI_CODER_EVENTS_TOKEN holds it, or for `collect` a file named by `--token-file`";
            usage(Some(command), ErrorKind::ValueValidation, &format!("{error}; {next}"))
        }
        Error::Listen { .. } => error.into(),
    }
}

pub fn tell_address(address: SocketAddr) {
    // Where nobody reads stderr, nobody has to know.
    drop(writeln!(io::stderr(), "collecting OTLP at http://{address}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(address(given).ok(), expected.map(|address| address.parse().unwrap()), "{given}");
        };
        check("127.0.0.1:4318", Some("127.0.0.1:4318"));
        check("[::1]:0", Some("[::1]:0"));
        check("localhost:80", Some("127.0.0.1:80"));
        for wrong in ["127.0.0.1", "4318", "", "127.0.0.1:99999"] {
            check(wrong, None);
        }
    }
}
