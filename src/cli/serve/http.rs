//! `serve --http`: where clients come in, by which token, and until when.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

use ai_coder_events::{
    bus::Bus,
    collect::Receiver,
    history::private_folder,
    http::{AccessRules, HostRule, HttpPort, Token},
    mcp::{HTTP_BOUNDS, HTTP_PATH, HttpServer, ServeOptions},
    signals::{self, Signals},
    wake,
};
use anyhow::{Context, anyhow};
use tokio_util::sync::CancellationToken;

use super::super::{Invocation, listen};

/// A port that is listened on already.
pub struct HttpPlace {
    door: HttpDoor,
    access: AccessRules,
    token_from: TokenSource,
}

enum HttpDoor {
    Own(HttpPort),
    /// One port for exporters and clients.
    Shared(Box<Receiver>),
}

enum TokenSource {
    Environment,
    File(PathBuf),
}

impl HttpPlace {
    /// `is_shared`: exporters come in there too.
    ///
    /// # Errors
    /// Where the address is taken, or there is no token and none can be made.
    pub async fn find(address: SocketAddr, is_shared: bool, hosts: &[String], call: &Invocation) -> anyhow::Result<HttpPlace> {
        let (token, token_from) = token(call)?;
        let door = if is_shared {
            let receiver = Receiver::bind(address, listen::token_of(call)).await;
            HttpDoor::Shared(Box::new(receiver.map_err(|error| listen::wrong_or_failed("serve", error))?))
        } else {
            HttpDoor::Own(HttpPort::bind(address).await?)
        };
        let access = AccessRules { token: Some(token), hosts: HostRule::Named(hosts.to_vec()), secret: None, is_open: false };
        Ok(HttpPlace { door, access, token_from })
    }

    /// Serves whoever comes until a signal; whoever waits then is answered.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(self, bus: Bus, options: ServeOptions) -> anyhow::Result<()> {
        // Heard from here on: whoever reads that we listen may end us.
        let signalled = Signals::listen(&[signals::TERMINATE, signals::INTERRUPT, signals::HANGUP]);
        let mut signalled = signalled.context("failed to listen for signals")?;
        self.tell();
        let closing = CancellationToken::new();
        let routes = HttpServer::new(bus.clone(), options, closing.clone()).routes(self.access);
        let ended = async move {
            signalled.next().await;
            closing.cancel();
        };
        let served = match self.door {
            HttpDoor::Own(port) => port.serve(routes, HTTP_BOUNDS, ended).await,
            HttpDoor::Shared(receiver) => receiver.beside(routes, HTTP_BOUNDS).serve(bus.clone(), ended).await,
        };
        bus.shutdown().await;
        served.context("failed to serve")
    }

    fn tell(&self) {
        let address = match &self.door {
            HttpDoor::Own(port) => port.address(),
            HttpDoor::Shared(receiver) => {
                listen::tell_address(receiver.address());
                receiver.address()
            }
        };
        let token = match &self.token_from {
            TokenSource::Environment => "AI_CODER_EVENTS_TOKEN holds the token".to_owned(),
            TokenSource::File(path) => format!("the token lies in {}", path.display()),
        };
        // Where nobody reads stderr, nobody has to know.
        drop(writeln!(io::stderr(), "serving MCP at http://{address}{HTTP_PATH}; {token}"));
    }
}

fn token(call: &Invocation) -> anyhow::Result<(Token, TokenSource)> {
    if let Some(token) = listen::token_of(call) {
        return Ok((token, TokenSource::Environment));
    }
    let options = &call.config.history;
    let path = options.token_path();
    options.path.parent().map_or(Ok(()), private_folder)?;
    let made = wake::made_token(options).with_context(|| format!("failed to make the token in `{}`", path.display()))?;
    let token = Token::new(&made).ok_or_else(|| anyhow!("`{}` holds no token", path.display()))?;
    Ok((token, TokenSource::File(path)))
}

/// A name by which this machine is called.
///
/// # Errors
/// Where it is none.
pub fn host(given: &str) -> Result<String, String> {
    let is_name = !given.is_empty() && given.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name { Ok(given.to_owned()) } else { Err(format!("`{given}` is no name of a machine, such as host.docker.internal")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name() {
        let check = |given: &str, expected: bool| assert_eq!(host(given).is_ok(), expected, "{given}");
        check("host.docker.internal", true);
        check("dev-box", true);
        for wrong in ["", "http://dev", "dev:80", "*", "dev/x"] {
            check(wrong, false);
        }
    }
}
