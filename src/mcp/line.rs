//! From a line of input to a message of the protocol, or to the refusal that its sender gets. Pure.
//!
//! Whoever asked waits for an answer, so a request that cannot be read is answered wherever its id can be. Text that was cut in
//! the middle of a character, as clients do to long ones, is mended: half of it says more than no call at all.

use std::borrow::Cow;

use rmcp::{
    ErrorData, RoleServer,
    model::{ErrorCode, NumberOrString, RequestId},
    service::RxJsonRpcMessage,
};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Value, error::Category, value::RawValue};

use crate::text::mend_surrogates;

/// The longest message that is read whole. The longest event, each of its characters escaped, is three quarters of it; and a
/// message of nothing but brackets takes sixty times its length once it is read.
pub(super) const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The longest line of which the id is looked for, so that whoever sends a huge message hears of it.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest id: it is held as long as its call, and given back.
const ID_BYTES_MAX: usize = 1024;

/// What a line holds.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    /// A request, or what might have been one.
    Refused(Option<RequestId>, ErrorData),
    /// What a list holds, where lists are taken.
    List(Vec<Incoming>),
    /// Nothing that wants an answer.
    Nothing,
}

pub(super) fn read(line: &[u8]) -> Incoming {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Incoming::Nothing;
    }
    if line.len() > MESSAGE_BYTES_MAX {
        return Head::of(line).refused(&format!("a message has at most {MESSAGE_BYTES_MAX} bytes, this one {}", line.len()));
    }
    let mended;
    if let Some(refused) = malformed_greeting(line) {
        return refused;
    }
    let error = match parse(line) {
        Ok(message) => return checked(message),
        Err(error) if error.classify() == Category::Data => error,
        Err(error) => {
            mended = mend_surrogates(line);
            match parse(mended.as_bytes()) {
                Ok(message) => return checked(message),
                Err(_) if mended.as_bytes() == line => error,
                Err(error) => error,
            }
        }
    };
    tracing::debug!(%error, "a line that is no message");
    match error.classify() {
        Category::Data => Head::of(line).refused("this is no message of the protocol"),
        // The position says more than the parser's name for what it expected there.
        _ => match Head::of(line) {
            Head { id: Some(id), .. } => Incoming::Refused(id, invalid(&format!("the message cannot be read: {error}"))),
            // Not even JSON: an answer to it might be answered in turn.
            Head { id: None, .. } => Incoming::Nothing,
        },
    }
}

/// The same where a line may be a list of messages.
pub(super) fn read_lists(line: &[u8]) -> Incoming {
    let fits = line.len() <= MESSAGE_BYTES_MAX;
    match serde_json::from_slice::<Vec<&RawValue>>(line) {
        Ok(messages) if fits && !messages.is_empty() => {
            Incoming::List(messages.into_iter().map(|message| read(message.get().as_bytes())).collect())
        }
        _ => read(line),
    }
}

/// The refusal of an `initialize` that lacks what the protocol asks of it: the message that reads a request of any name takes it
/// for one of another era, and would ask for what that has.
fn malformed_greeting(line: &[u8]) -> Option<Incoming> {
    let Greeting { id, method, params } = serde_json::from_slice(line).ok()?;
    if method != "initialize" {
        return None;
    }
    let params: Value = params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
    let said = |pointer: &str| params.pointer(pointer).unwrap_or(&Value::Null);
    // Who says the version with each request is of the era that has no `initialize`.
    if said("/_meta").get("io.modelcontextprotocol/protocolVersion").is_some() {
        return None;
    }
    let needed = [
        ("protocolVersion", said("/protocolVersion").is_string(), "text such as \"2025-06-18\""),
        ("capabilities", said("/capabilities").is_object(), "an object, empty where there are none"),
        ("clientInfo", said("/clientInfo").is_object(), "an object with `name` and `version`"),
        ("clientInfo.name", said("/clientInfo/name").is_string(), "text"),
        ("clientInfo.version", said("/clientInfo/version").is_string(), "text"),
    ];
    let (name, _, valid) = needed.into_iter().find(|(_, is_there, _)| !is_there)?;
    let why = format!("`params.{name}` of `initialize` is missing or of a wrong type: give {valid}");
    Some(Incoming::Refused(Some(id), ErrorData::new(ErrorCode::INVALID_PARAMS, why, None)))
}

/// A request, as far as it tells whether it is an `initialize`.
#[derive(Deserialize)]
struct Greeting<'l> {
    id: RequestId,
    #[serde(borrow)]
    method: Cow<'l, str>,
    #[serde(borrow)]
    params: Option<&'l RawValue>,
}

/// The refusal of a line so long that nothing of it was kept.
pub(super) fn too_long() -> Incoming {
    Incoming::Refused(None, invalid(&format!("a line has at most {LINE_BYTES_MAX} bytes: a longer one is not read")))
}

fn parse(line: &[u8]) -> serde_json::Result<RxJsonRpcMessage<RoleServer>> {
    serde_json::from_slice(line)
}

fn checked(message: RxJsonRpcMessage<RoleServer>) -> Incoming {
    if let RxJsonRpcMessage::<RoleServer>::Request(request) = &message
        && let NumberOrString::String(id) = &request.id
        && id.len() > ID_BYTES_MAX
    {
        return Incoming::Refused(Some(request.id.clone()), invalid(&format!("an id has at most {ID_BYTES_MAX} bytes")));
    }
    Incoming::Message(Box::new(message))
}

fn invalid(why: &str) -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_REQUEST, why.to_owned(), None)
}

/// What an answer needs to know of a line; everything else is skipped, however deep it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    /// Given, be it as `null`.
    #[serde(deserialize_with = "given")]
    id: Option<Option<RequestId>>,
    method: Option<IgnoredAny>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

impl Head {
    fn of(line: &[u8]) -> Head {
        // A list would be taken for the fields in their order, and its first entry for an id.
        if line.starts_with(b"{") { serde_json::from_slice(line).unwrap_or_default() } else { Head::default() }
    }

    fn refused(self, why: &str) -> Incoming {
        match self {
            // The client answers something; or it tells something, and waits for nothing.
            Head { result: Some(_), .. } | Head { error: Some(_), .. } => Incoming::Nothing,
            Head { id: None, method: Some(_), .. } => Incoming::Nothing,
            Head { id, .. } => Incoming::Refused(id.flatten(), invalid(why)),
        }
    }
}

fn given<'de, D: Deserializer<'de>>(id: D) -> Result<Option<Option<RequestId>>, D::Error> {
    Option::deserialize(id).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `message`, or the id that is answered and why, or `nothing`.
    fn told(line: &[u8]) -> String {
        match read(line) {
            Incoming::Message(_) => "message".into(),
            Incoming::Refused(id, why) => format!("{}: {}", id.map_or("-".into(), |id| id.to_string()), why.message),
            Incoming::List(_) => "list".into(),
            Incoming::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn whoever_asked_is_answered() {
        let check = |line: &str, expected: &str| {
            let told = told(line.as_bytes());
            assert!(told.starts_with(expected), "{line}: {told}");
        };
        check(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "message");
        check("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r", "message");
        check(r#"{"jsonrpc":"2.0","method":"notifications/whatever","params":{"a":1}}"#, "message");
        check(r#"{"jsonrpc":"2.0","id":1}"#, "1: this is no message");
        check(r#"{"jsonrpc":"1.0","id":"a","method":"tools/list"}"#, "a: this is no message");
        check(r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#, "-: this is no message");
        check(r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, "-: this is no message");
        check(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1.5}}"#, "message");
        check(r#"{"jsonrpc":"2.0","id":4,"result":5}"#, "message");
        check(r#"{"jsonrpc":"2.0","id":4,"error":5}"#, "nothing");
        let greeting = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":3,"method":"initialize","params":{params}}}"#);
        let client = r#""clientInfo":{"name":"x","version":"1"}"#;
        check(&greeting("{}"), "3: `params.protocolVersion` of `initialize` is missing");
        check(r#"{"jsonrpc":"2.0","id":3,"method":"initialize"}"#, "3: `params.protocolVersion`");
        check(&greeting(&format!(r#"{{"protocolVersion":7,"capabilities":{{}},{client}}}"#)), "3: `params.protocolVersion`");
        check(&greeting(&format!(r#"{{"protocolVersion":"2025-03-26",{client}}}"#)), "3: `params.capabilities`");
        check(&greeting(r#"{"protocolVersion":"2025-03-26","capabilities":{}}"#), "3: `params.clientInfo` of");
        check(
            &greeting(r#"{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"x"}}"#),
            "3: `params.clientInfo.version`",
        );
        check(&greeting(&format!(r#"{{"protocolVersion":"2025-03-26","capabilities":{{}},{client}}}"#)), "message");
        check(&greeting(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#), "message");
        check("[]", "-: this is no message");
        check("[1]", "-: this is no message");
        check("garbage", "nothing");
        check("", "nothing");
        check(&"[".repeat(10_000), "nothing");
        let deep = format!(r#"{{"method":"ping","params":{}{},"jsonrpc":"2.0","id":7}}"#, "[".repeat(9_000), "]".repeat(9_000));
        check(&deep, "7: the message cannot be read: recursion limit");
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":"{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX)),
            "7: a message has at most",
        );
        check(&format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(ID_BYTES_MAX)), "message");
        check(&format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(ID_BYTES_MAX + 1)), "xxx");
    }

    #[test]
    fn a_list_is_read_one_by_one() {
        let list = |line: &str| match read_lists(line.as_bytes()) {
            Incoming::List(list) => list.len(),
            _ => 0,
        };
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(list(&format!("[{ping}, {ping}, 5]")), 3);
        assert_eq!(list(ping), 0);
        assert_eq!(list("[]"), 0);
    }

    #[test]
    fn cut_text_is_mended() {
        for text in [&b"cut \\ud83d"[..], b"\\ude00 behind", b"cut \xf0\x9f"] {
            let line = [&br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":""#[..], text, br#""}}"#].concat();
            assert_eq!(told(&line), "message", "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[{}\\[\\]\":,0-9a-z\\\\ud83é.]{0,200}".prop_map(String::into_bytes),
        ]) {
            read(&line);
        }

        #[test]
        fn any_text_arrives_however_it_was_cut(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"nope","params":{{"a":"{text}"}}}}"#);
            prop_assert!(matches!(read(line.as_bytes()), Incoming::Message(_)));
        }
    }
}
