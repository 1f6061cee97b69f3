//! A session's transport that tells which of its requests were answered.

use std::{borrow::Cow, sync::Arc};

use rmcp::{
    RoleServer,
    model::{JsonRpcError, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};

use super::open_session::OpenSession;

pub(super) struct CountedTransport<T> {
    pub inner: T,
    pub session: Arc<OpenSession>,
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for CountedTransport<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        match &message {
            JsonRpcMessage::Response(response) => self.session.end(&response.id),
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), .. }) => self.session.end(id),
            _ => {}
        }
        self.inner.send(message)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleServer>>> + Send {
        self.inner.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}
