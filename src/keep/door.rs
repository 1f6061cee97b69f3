//! Where exporters come in, for as long as it is open.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    bus::Bus,
    collect::{ExportTally, Receiver, Token},
};

pub(super) struct Door {
    secret: Token,
    tally: Arc<ExportTally>,
    open: Option<OpenDoor>,
}

struct OpenDoor {
    listener: TcpListener,
    ending: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Door {
    /// Stays shut without a listener.
    pub fn open(listener: Option<TcpListener>, secret: Token, bus: &Bus) -> Door {
        let mut door = Door { secret, tally: Arc::default(), open: None };
        door.open_again(listener, bus);
        door
    }

    pub fn open_again(&mut self, listener: Option<TcpListener>, bus: &Bus) {
        let open = listener.map(|listener| OpenDoor::new(listener, self.secret.clone(), Arc::clone(&self.tally), bus));
        self.open = open.transpose().unwrap_or_else(|error| {
            tracing::warn!("nothing is received: {error}");
            None
        });
    }

    pub fn tally(&self) -> &ExportTally {
        &self.tally
    }

    pub fn address(&self) -> Option<SocketAddr> {
        self.open.as_ref()?.listener.local_addr().ok()
    }

    /// What is in work is answered; whoever comes from now on is refused by the system.
    pub async fn shut(&mut self) {
        if let Some(open) = self.open.take() {
            drop(open.end().await);
        }
    }

    /// The port, on which whoever comes from now on waits.
    pub async fn close(mut self) -> Option<TcpListener> {
        Some(self.open.take()?.end().await)
    }
}

impl OpenDoor {
    fn new(listener: TcpListener, secret: Token, tally: Arc<ExportTally>, bus: &Bus) -> io::Result<OpenDoor> {
        let receiver = Receiver::of_listener(listener.try_clone()?, secret, tally)?;
        let (ending, ended) = oneshot::channel();
        let serving = receiver.serve(bus.clone(), async { drop(ended.await) });
        Ok(OpenDoor { listener, ending, serving: tokio::spawn(serving) })
    }

    async fn end(self) -> TcpListener {
        drop(self.ending);
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the receiver failed: {error}"),
            Err(error) => tracing::error!("the receiver ended: {error}"),
        }
        self.listener
    }
}
