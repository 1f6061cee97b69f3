//! Why the bus could not do it: shared by every caller of a group, hence cheap to clone.

use std::{any::Any, io, sync::Arc};

use crate::history;

/// What can go wrong between a caller and the history.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The history refused; every caller of the group gets the same answer.
    #[error(transparent)]
    History(Arc<history::Error>),
    #[error("the bus is shut down")]
    Closed,
    /// Code of ours panicked while it held a handle; the handle was thrown away, the next call gets a new one.
    #[error("{what} panicked: {message}")]
    Panicked { what: &'static str, message: String },
    #[error("failed to start a thread")]
    Thread(#[source] Arc<io::Error>),
}

impl Error {
    /// The history's own error, where it is one.
    pub fn history(&self) -> Option<&history::Error> {
        match self {
            Error::History(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn panicked(what: &'static str, payload: &(dyn Any + Send)) -> Error {
        Error::Panicked { what, message: panic_message(payload).to_owned() }
    }
}

impl std::convert::From<history::Error> for Error {
    fn from(error: history::Error) -> Error {
        Error::History(Arc::new(error))
    }
}

/// The text a panic was raised with.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "no message",
    }
}
