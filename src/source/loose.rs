//! Reading JSON whose shape another program decides: a value of an unexpected type is as good as absent.
//!
//! What is skipped is skipped without recursion and without a copy, so a deep or huge value that nobody needs does no harm.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;

use crate::text::mend_surrogates;

use super::Refusal;

/// Structs whose every field is read loosely: `Name { field: Type, }`.
macro_rules! wire {
    ($($(#[$meta:meta])* $Name:ident { $($(#[$field_meta:meta])* $field:ident: $Type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(default)]
            pub(super) struct $Name {
                $($(#[$field_meta])* #[serde(deserialize_with = "loose")] pub $field: $Type,)*
            }
        )*
    };
}

/// Lets structs stand inside others: their objects are read, anything else makes their default.
macro_rules! loose_objects {
    ($($Name:ident)*) => {
        $(impl Loose for $Name {
            fn from_object<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                object(map)
            }
        })*
    };
}

pub(super) use {loose_objects, wire};

/// One JSON object that another program wrote.
///
/// # Errors
/// [`Refusal`] where `bytes` are none.
pub(super) fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    match bytes.trim_ascii_start().first() {
        None => return Err(Refusal::new("the payload is empty")),
        // A struct would also be read from a list.
        Some(b'[') => return Err(Refusal::new("the payload is not a JSON object")),
        Some(_) => {}
    }
    serde_json::from_slice(bytes).or_else(|_| serde_json::from_str(&mend_surrogates(bytes))).map_err(|error| {
        match error.classify() {
            // Errors of the second kind repeat what they found.
            Category::Data => Refusal::new("the payload is not a JSON object"),
            _ => Refusal::new(format!("the payload is not JSON: {error}")),
        }
    })
}

/// For `#[serde(deserialize_with = "loose")]`.
pub(super) fn loose<'de, D: Deserializer<'de>, T: Loose>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(LooseVisitor(PhantomData))
}

/// A type that knows which JSON it is made of; anything else makes its default.
pub(super) trait Loose: Default {
    fn from_text(_: &str) -> Self {
        Self::default()
    }

    fn from_whole(_: u64) -> Self {
        Self::default()
    }

    fn from_truth(_: bool) -> Self {
        Self::default()
    }

    fn from_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// Absent and empty text are one, as everywhere.
impl Loose for Option<String> {
    fn from_text(text: &str) -> Self {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Loose for Option<u64> {
    fn from_whole(number: u64) -> Self {
        Some(number)
    }
}

impl Loose for bool {
    fn from_truth(truth: bool) -> Self {
        truth
    }
}

/// How long a text is, in bytes, or a list, in items: all that is asked of a file's content.
#[derive(Debug, Default)]
pub(super) struct Length(pub Option<u64>);

impl Loose for Length {
    fn from_text(text: &str) -> Self {
        Length(u64::try_from(text.len()).ok())
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            items += 1;
        }
        Ok(Length(Some(items)))
    }
}

/// The first [`ITEMS_MAX`] items of a list.
impl<T: Loose> Loose for Vec<T> {
    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while items.len() < ITEMS_MAX {
            let Some(Item(item)) = list.next_element()? else { return Ok(items) };
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

/// An agent runs a handful of tools at once; a patch has some hundred hunks at most.
const ITEMS_MAX: usize = 1_000;

/// An object read by its derived `Deserialize`.
pub(super) fn object<'de, T: Deserialize<'de>, A: MapAccess<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

struct Item<T>(T);

impl<'de, T: Loose> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose(deserializer).map(Item)
    }
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Loose> Visitor<'de> for LooseVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from_text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::from_whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    /// JavaScript measures time in fractions of a millisecond.
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        let whole = (0.0..=f64::from(u32::MAX)).contains(&number);
        Ok(if whole { T::from_whole(number.round() as u64) } else { T::default() })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::from_truth(truth))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::from_list(list)
    }
}
