//! A request's body, read within bounds of size and time, and of what all bodies may take together.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much of a body is taken.
#[derive(Clone, Copy, Debug)]
pub struct BodyBounds {
    pub bytes_max: usize,
    pub within: Duration,
}

/// A body that was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadBody {
    #[error("a body has at most {0} bytes")]
    TooLarge(usize),
    #[error("the body did not come within {0:?}")]
    Late(Duration),
    #[error("the body breaks off")]
    Broken,
    /// It fits once others are done.
    #[error("too much is sent at once")]
    NoRoom,
}

impl UnreadBody {
    pub const fn status(self) -> StatusCode {
        match self {
            UnreadBody::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            UnreadBody::Late(_) => StatusCode::REQUEST_TIMEOUT,
            UnreadBody::Broken => StatusCode::BAD_REQUEST,
            UnreadBody::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The body, and the place it takes of `room`, in KiB, for as long as that is held.
///
/// # Errors
/// [`UnreadBody`].
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    BodyBounds { bytes_max, within }: BodyBounds,
    room: &Arc<Semaphore>,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), UnreadBody> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(UnreadBody::TooLarge(bytes_max));
    }
    let mut taken = None;
    let reading = async {
        let mut bytes = Vec::new();
        bytes.reserve_exact(announced.unwrap_or(0));
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| UnreadBody::Broken)?;
            if bytes.len() + chunk.len() > bytes_max {
                return Err(UnreadBody::TooLarge(bytes_max));
            }
            take_room(room, &mut taken, bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let bytes = tokio::time::timeout(within, reading).await.map_err(|_| UnreadBody::Late(within))??;
    Ok((bytes, taken))
}

/// Room for `bytes` in all: what there is of it is shared by all bodies at work.
fn take_room(room: &Arc<Semaphore>, taken: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), UnreadBody> {
    let wanted = bytes.div_ceil(1024);
    let missing = wanted.saturating_sub(taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
    let more = Arc::clone(room).try_acquire_many_owned(u32::try_from(missing).unwrap_or(u32::MAX));
    let more = more.map_err(|_| UnreadBody::NoRoom)?;
    match taken {
        Some(taken) => taken.merge(more),
        None => *taken = Some(more),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: BodyBounds = BodyBounds { bytes_max: 4 << 20, within: Duration::from_secs(10) };

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up() {
        let endless = futures::stream::once(async { Ok::<_, std::io::Error>("{") }).chain(futures::stream::pending());
        let bounds = BodyBounds { within: Duration::from_millis(1), ..BOUNDS };
        let read = read_body(&HeaderMap::new(), Body::from_stream(endless), bounds, &Arc::new(Semaphore::new(1))).await;
        assert_eq!(read.map(drop).map_err(UnreadBody::status), Err(StatusCode::REQUEST_TIMEOUT));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_bounded_too() {
        let room = Arc::new(Semaphore::new(5 << 10));
        let chunks = || futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
        let read = read_body(&HeaderMap::new(), Body::from_stream(chunks()), BOUNDS, &room).await;
        assert_eq!(read.map(drop), Err(UnreadBody::TooLarge(BOUNDS.bytes_max)));
        let some = read_body(&HeaderMap::new(), Body::from_stream(chunks().take(3)), BOUNDS, &room).await.unwrap();
        assert_eq!((some.0.len(), room.available_permits()), (3 << 20, 2 << 10));
        let beside = read_body(&HeaderMap::new(), Body::from_stream(chunks()), BOUNDS, &room).await;
        assert_eq!(beside.map(drop), Err(UnreadBody::NoRoom));
        drop(some);
        assert_eq!(room.available_permits(), 5 << 10);
    }
}
