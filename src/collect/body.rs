//! A request's body: read within bounds of size and time, and unpacked within the same.

use std::{io::Read, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use flate2::bufread::GzDecoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::{BodyBounds, UnreadBody, read_body};

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
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    room: &Arc<Semaphore>,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), RefusedRequest> {
    let bounds = BodyBounds { bytes_max: BODY_BYTES_MAX, within: READING };
    read_body(headers, body, bounds, room).await.map_err(|unread| match unread {
        UnreadBody::TooLarge(_) => too_large(),
        UnreadBody::NoRoom => RefusedRequest::later(1, unread.to_string()),
        UnreadBody::Late(_) | UnreadBody::Broken => RefusedRequest::new(unread.status(), unread.to_string()),
    })
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
}
