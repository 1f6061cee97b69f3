//! The outermost shape of a message in protobuf: which bytes are which field's, without a copy. Pure.

use prost::{DecodeError, decode_length_delimiter};

/// The bytes of each field `number` of `message` that holds a message itself; the rest is skipped.
pub(super) fn messages(message: &[u8], number: u64) -> impl Iterator<Item = Result<&[u8], DecodeError>> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        while let Some(bytes) = rest.take().filter(|bytes| !bytes.is_empty()) {
            match field(bytes) {
                Ok(field) => {
                    rest = Some(field.behind);
                    if let Some(value) = field.value.filter(|_| field.number == number) {
                        return Some(Ok(value));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
        None
    })
}

struct OuterField<'b> {
    number: u64,
    /// Its bytes, where they are delimited.
    value: Option<&'b [u8]>,
    behind: &'b [u8],
}

fn field(bytes: &[u8]) -> Result<OuterField<'_>, DecodeError> {
    let (key, rest) = varint(bytes)?;
    let (value, skipped, rest) = match key & 7 {
        0 => (None, 0, varint(rest)?.1),
        1 => (None, 8, rest),
        2 => {
            let mut rest = rest;
            let length = decode_length_delimiter(&mut rest)?;
            (Some(rest.get(..length).ok_or_else(broken_off)?), length, rest)
        }
        5 => (None, 4, rest),
        _ => return Err(broken_off()),
    };
    Ok(OuterField { number: key >> 3, value, behind: rest.get(skipped..).ok_or_else(broken_off)? })
}

fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), DecodeError> {
    let mut number = 0;
    for (nth, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * nth).min(63);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[nth + 1..]));
        }
    }
    Err(broken_off())
}

/// The decoder's own error for bytes that break off.
fn broken_off() -> DecodeError {
    match decode_length_delimiter(&b""[..]) {
        Err(error) => error,
        Ok(_) => unreachable!("nothing has no length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_among_others_and_what_breaks_off_is_told() {
        // Field 1 a number, 2 "ab", 3 eight bytes, 2 "", 4 four bytes.
        let message = b"\x08\x96\x01\x12\x02ab\x19........\x12\x00\x25....";
        let found: Vec<_> = messages(message, 2).collect::<Result<_, _>>().expect("it is whole");
        assert_eq!(found, [&b"ab"[..], b""]);
        for broken in [&b"\x12"[..], b"\x12\x05ab", b"\xff\xff", b"\x08", b"\x19...", b"\x13", &[0xff; 20]] {
            assert!(messages(broken, 2).any(|found| found.is_err()), "{broken:?}");
        }
    }
}
