//! A request's body: read within bounds of size and time, and unpacked within the same.

use std::{io::Read, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use flate2::bufread::GzDecoder;
use futures::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::answer::RefusedRequest;

/// The largest body, packed and unpacked: exporters send some hundred records at once, a few hundred KiB.
pub(super) const BODY_BYTES_MAX: usize = 16 << 20;
/// All bodies at work, packed, in KiB: one is unpacked and read apart at a time beside them.
pub(super) const BODIES_KIB_MAX: usize = 24 << 10;
/// Exporters send one. Each costs as much as some KiB, however little is in it: a body of empty ones took seconds.
const MEMBERS_MAX: usize = 16;
/// An exporter on this machine sends a body in milliseconds; whoever takes longer holds a place that others wait for.
pub(super) const READING: Duration = Duration::from_secs(10);

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// # Errors
    /// Where it is none that we unpack.
    pub(super) fn of(headers: &HeaderMap) -> Result<Packing, RefusedRequest> {
        let given = headers.get(header::CONTENT_ENCODING).map_or(&b"identity"[..], |given| given.as_bytes());
        match given.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Packing::Plain),
            b"gzip" | b"x-gzip" => Ok(Packing::Gzip),
            _ => Err(RefusedRequest::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "`Content-Encoding` must be gzip, or be left out")),
        }
    }

    /// # Errors
    /// Where `bytes` are not packed so, or are too many once unpacked.
    pub(super) fn unpack(self, bytes: Vec<u8>) -> Result<Vec<u8>, RefusedRequest> {
        match self {
            Packing::Plain => Ok(bytes),
            Packing::Gzip => unzip(&bytes, BODY_BYTES_MAX),
        }
    }
}

fn unzip(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, RefusedRequest> {
    let no_gzip = |error| RefusedRequest::new(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}"));
    let (mut unpacked, mut rest) = (Vec::new(), bytes);
    for _ in 0..MEMBERS_MAX {
        let mut member = GzDecoder::new(rest);
        let bound = u64::try_from(bytes_max - unpacked.len()).unwrap_or(u64::MAX).saturating_add(1);
        member.by_ref().take(bound).read_to_end(&mut unpacked).map_err(no_gzip)?;
        if unpacked.len() > bytes_max {
            return Err(too_large());
        }
        rest = member.into_inner();
        if rest.is_empty() {
            return Ok(unpacked);
        }
    }
    Err(RefusedRequest::new(StatusCode::BAD_REQUEST, format!("the body has more than {MEMBERS_MAX} members of gzip: send one")))
}

/// # Errors
/// Where it is too large, comes too slowly, or breaks off.
pub(super) async fn read<'r>(
    headers: &HeaderMap,
    body: Body,
    within: Duration,
    room: &'r Semaphore,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'r>>), RefusedRequest> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut taken = None;
    let reading = async {
        let mut bytes = Vec::new();
        bytes.reserve_exact(announced.unwrap_or(0));
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| RefusedRequest::new(StatusCode::BAD_REQUEST, "the body breaks off"))?;
            if bytes.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(too_large());
            }
            take_room(room, &mut taken, bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let late = |_| RefusedRequest::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {within:?}"));
    let bytes = tokio::time::timeout(within, reading).await.map_err(late)??;
    Ok((bytes, taken))
}

/// Room for `bytes` in all: what there is of it is shared by all bodies at work.
fn take_room<'r>(room: &'r Semaphore, taken: &mut Option<SemaphorePermit<'r>>, bytes: usize) -> Result<(), RefusedRequest> {
    let wanted = bytes.div_ceil(1024);
    let missing = wanted.saturating_sub(taken.as_ref().map_or(0, SemaphorePermit::num_permits));
    let more = room.try_acquire_many(u32::try_from(missing).unwrap_or(u32::MAX));
    let more = more.map_err(|_| RefusedRequest::later(1, "too much is sent at once"))?;
    match taken {
        Some(taken) => taken.merge(more),
        None => *taken = Some(more),
    }
    Ok(())
}

fn too_large() -> RefusedRequest {
    RefusedRequest::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a body may have {} MiB, unpacked too: export smaller batches", BODY_BYTES_MAX >> 20),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn zip(bytes: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::default());
        packing.write_all(bytes).unwrap();
        packing.finish().unwrap()
    }

    #[test]
    fn what_is_unpacked_is_bounded() {
        assert_eq!(unzip(&zip(&[b'x'; 1000]), 1000), Ok(vec![b'x'; 1000]));
        assert_eq!(unzip(&zip(&[b'x'; 1001]), 1000).map_err(|refused| refused.status), Err(StatusCode::PAYLOAD_TOO_LARGE));
        let members = |count: usize| (0..count).flat_map(|_| zip(b"x")).collect::<Vec<u8>>();
        assert_eq!(unzip(&members(MEMBERS_MAX), 1000), Ok(vec![b'x'; MEMBERS_MAX]));
        for more in [members(MEMBERS_MAX + 1), zip(b"").repeat(100_000)] {
            assert_eq!(unzip(&more, 1000).map_err(|refused| refused.status), Err(StatusCode::BAD_REQUEST));
        }
        let cut = &zip(b"some text")[..15];
        for broken in [&b"{}"[..], b"", cut] {
            assert_eq!(unzip(broken, 1000).map_err(|refused| refused.status), Err(StatusCode::BAD_REQUEST), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up() {
        let endless = futures::stream::once(async { Ok::<_, std::io::Error>("{") }).chain(futures::stream::pending());
        let room = Semaphore::new(BODIES_KIB_MAX);
        let read = read(&HeaderMap::new(), Body::from_stream(endless), Duration::from_millis(1), &room).await;
        assert_eq!(read.map(drop).map_err(|refused| refused.status), Err(StatusCode::REQUEST_TIMEOUT));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_bounded_too() {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
        let room = Semaphore::new(BODIES_KIB_MAX);
        let read = read(&HeaderMap::new(), Body::from_stream(chunks), READING, &room).await;
        assert_eq!(read.map(drop).map_err(|refused| refused.status), Err(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
