//! What holds of every event that the door lets in, and of every refusal.

use ai_coder_events::{
    event::{
        Body, DEPTH_MAX, Draft, Event, Invalid, Key, LINE_BYTES_MAX, Lifecycle, Progress, Summary, Time, check_coder_id,
        check_id, sentence,
    },
    text::Redactor,
};
use serde_json::Value;

/// The time of receipt of everything here, so that a run can be repeated.
pub fn now() -> Time {
    Time::parse("2026-11-22T20:00:00Z").expect("a valid time")
}

/// Brings `draft` through the door, as the history does.
///
/// # Errors
/// Why it does not pass.
pub fn check(draft: Draft) -> Result<Event, Invalid> {
    let taken = take(draft);
    match &taken {
        Ok(event) => holds(event),
        Err(invalid) => is_tellable(invalid),
    }
    taken
}

fn take(draft: Draft) -> Result<Event, Invalid> {
    let checked = draft.check(now(), &Redactor::default())?;
    let id = Some(checked.event().id.clone()).filter(|id| !id.is_empty()).unwrap_or_else(|| "made".to_owned());
    Ok(checked.into_event(7, id))
}

/// A refusal is one line that a person can read, however hostile the input was.
pub fn is_tellable(invalid: &Invalid) {
    let message = invalid.to_string();
    let whole = !message.is_empty() && message.chars().count() <= 600 && !invalid.field().is_empty();
    assert!(whole && message.chars().chain(invalid.field().chars()).all(|c| is_welcome(c, false)), "{message:?}");
}

/// The promises of every accepted event.
fn holds(event: &Event) {
    check_coder_id(&event.coder_id).expect("the coder's id is valid");
    check_id(&event.id).expect("the event's id is valid");
    has_only_welcome_text(event);
    if let Body::Progress(Progress { progress: Some(progress), .. }) = event.body {
        assert!((0.0..=1.0).contains(&progress), "{event:?}");
    }
    let line = event.to_line();
    assert!(line.len() <= LINE_BYTES_MAX, "a line of {} bytes", line.len());
    assert!(!line.contains('\n'), "{line}");
    assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON"), event.to_value());
    assert!(depth(&event.to_value()) <= DEPTH_MAX, "{line}");

    // Checked again, as whoever feeds a listing into a fresh history has it, nothing changes.
    let full = serde_json::to_string(event).expect("an event is JSON");
    for written in [line, full] {
        let again = Draft::parse(&written).unwrap_or_else(|invalid| panic!("{invalid}: {written}"));
        let again = take(again).unwrap_or_else(|invalid| panic!("{invalid}: {written}"));
        assert_eq!(&again, event, "{written}");
    }
    let mut stored = Event { body: event.kind.body(), data: Default::default(), coder_name: None, source: None, ..event.clone() };
    stored.fill_from_stored(&event.stored_body()).expect("what is stored is read");
    assert_eq!(&stored, event);

    let said = sentence(event);
    assert!(said.chars().all(|c| is_welcome(c, false)), "{said:?}");
    serde_json::to_string(&Summary::of(event)).expect("a summary is JSON");
}

fn has_only_welcome_text(event: &Event) {
    let check = |text: &str, lines: bool| assert!(is_clean(text, lines), "{text:?} in {event:?}");
    let texts = |value: &Value| walk(value, &mut |text, is_name| check(text, !is_name));
    for line in [&event.coder_name, &event.source].into_iter().flatten() {
        check(line, false);
    }
    event.data.iter().for_each(|(name, value)| {
        check(name, false);
        texts(value);
    });
    let mut body = serde_json::to_value(&event.body).expect("a body is JSON");
    let multiline: &[&str] = match &event.body {
        Body::Lifecycle(Lifecycle { .. }) | Body::Provider(_) => &["error_message"],
        Body::Progress(_) => &["description", "text"],
        Body::Derived(_) => &["message"],
        Body::Workspace(_) | Body::Resource(_) => &[],
    };
    for (name, value) in body.as_object_mut().expect("an object") {
        if let Some(text) = value.as_str() {
            check(text, multiline.contains(&name.as_str()));
        }
    }
}

/// Every text in `value`, and whether it is a name.
fn walk(value: &Value, visit: &mut impl FnMut(&str, bool)) {
    match value {
        Value::String(text) => visit(text, false),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            visit(name, true);
            walk(value, visit);
        }),
        _ => {}
    }
}

/// Nothing that hides, reorders or commands; a joiner only between what may be emoji.
fn is_clean(text: &str, lines: bool) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.iter().enumerate().all(|(at, &c)| match c {
        '\u{200d}' => at > 0 && !chars[at - 1].is_ascii() && chars.get(at + 1).is_some_and(|next| !next.is_ascii()),
        _ => is_welcome(c, lines),
    })
}

/// The contract's own list, spelled again on purpose.
fn is_welcome(c: char, lines: bool) -> bool {
    match c {
        '\n' | '\t' => lines,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        '\u{200b}' | '\u{200c}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' => false,
        _ => !c.is_control(),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Keys of the history are bounded, since they are made of what an agent sends.
pub fn has_a_bounded_key(draft: &Draft) {
    let bytes = match &draft.key {
        Key::None => 0,
        Key::Id(key) | Key::Natural(key) | Key::Repeat(key) => key.len(),
        Key::Either { natural, repeat } => natural.len().max(repeat.len()),
        Key::Several { ids, older, repeat } => ids.iter().chain(older).chain(repeat).map(String::len).max().unwrap_or(0),
    };
    assert!(bytes <= 2048, "a key of {bytes} bytes: {:?}", draft.key);
}
