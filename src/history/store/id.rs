//! Ids of events that came without one: UUIDs of version 7 whose random bits are the history's tag and the seq.
//!
//! Such an id needs no room in the table and no index: it follows from the row, and the row follows from it.

use uuid::Uuid;

use crate::event::Time;

/// Which history: 32 random bits, fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u32);

/// Bits of the UUID that hold the seq: four million million events.
const SEQ_BITS: u32 = 42;
const SEQ_MASK: u64 = (1 << SEQ_BITS) - 1;
/// No history comes near: what stands beyond was not written by this program.
pub const SEQ_MAX: u64 = SEQ_MASK / 2;

impl Tag {
    /// The id of event `seq`. Layout (RFC 9562, version 7): 48 bits milliseconds, 12 bits of the tag, 20 bits of the tag, the seq.
    pub fn id(self, received: Time, seq: u64) -> String {
        let millis = u64::try_from(received.micros() / 1000).unwrap_or(0) & 0xffff_ffff_ffff;
        let tag = u64::from(self.0);
        let high = millis << 16 | 0x7000 | tag >> 20;
        let low = 0b10 << 62 | (tag & 0xf_ffff) << SEQ_BITS | seq & SEQ_MASK;
        Uuid::from_u64_pair(high, low).to_string()
    }

    /// The seq of an id made by [`Tag::id`] in this history.
    pub fn seq(self, id: &str) -> Option<u64> {
        let (high, low) = Uuid::try_parse(id).ok()?.as_u64_pair();
        let tag = (high & 0xfff) << 20 | low >> SEQ_BITS & 0xf_ffff;
        let ours = high >> 12 & 0xf == 7 && low >> 62 == 0b10 && tag == u64::from(self.0);
        (ours && low & SEQ_MASK > 0).then_some(low & SEQ_MASK)
    }

    /// Whether an event behind `head` may yet get this id, by a clock that shows `now`.
    pub fn may_yet_make(self, id: &str, head: u64, now: Time) -> bool {
        let made = |id: &str| Uuid::try_parse(id).map_or(0, |id| id.as_u64_pair().0 >> 16);
        self.seq(id).is_some_and(|seq| seq > head) && made(id) >= made(&self.id(now, 0))
    }

    pub fn name(self) -> String {
        format!("{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_seq(tag: u32, micros in 0..=i64::MAX, seq in 1..=SEQ_MASK) {
            let id = Tag(tag).id(Time::from_micros(micros), seq);
            prop_assert_eq!(Tag(tag).seq(&id), Some(seq));
            prop_assert_eq!(Tag(!tag).seq(&id), None);
            prop_assert_eq!(Uuid::try_parse(&id).map(|id| (id.get_version_num(), id.get_variant())), Ok((7, uuid::Variant::RFC4122)));
        }

        #[test]
        fn ids_of_one_moment_are_in_the_order_of_seqs(tag: u32, a in 1..=SEQ_MASK, b in 1..=SEQ_MASK) {
            let now = Time::from_micros(1_795_375_375_455_758);
            prop_assert_eq!(Tag(tag).id(now, a).cmp(&Tag(tag).id(now, b)), a.cmp(&b));
        }
    }
}
