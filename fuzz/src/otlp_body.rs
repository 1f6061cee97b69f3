//! The body of an export. The first byte says which signal, how it is written and how it is packed.

use ai_coder_events::{
    collect::{Encoding, Packing, Signal, understand},
    history::Entry,
};

use super::source_payload;

pub fn check(input: &[u8]) {
    let Some((&kind, body)) = input.split_first() else { return };
    let signal = [Signal::Logs, Signal::Metrics, Signal::Traces][usize::from(kind % 3)];
    let encoding = if kind & 0x10 == 0 { Encoding::Json } else { Encoding::Protobuf };
    let packing = if kind & 0x80 == 0 { Packing::Plain } else { Packing::Gzip };
    match understand(signal, encoding, packing, body.to_vec()) {
        Ok(entries) => entries.into_iter().for_each(|entry| match entry {
            Entry::Draft(draft) => source_payload::draft(*draft),
            Entry::Rejection(rejection) => assert!(!rejection.reason.is_empty() && !rejection.source.is_empty()),
        }),
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}
