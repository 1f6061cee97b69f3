//! What a person is told, cleaned so that it is nothing but text wherever the command puts it; and when not. Pure.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{
    aggregate::CoderView,
    event::{Event, Time, sentence},
};

use super::NotifyOn;

const TITLE_CHARS_MAX: usize = 120;
const BODY_CHARS_MAX: usize = 400;

/// A title and what it is about. Both begin with a word of ours, so that neither is an option or a file's name to any program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyMessage {
    title: String,
    body: String,
}

impl NotifyMessage {
    pub fn of(on: NotifyOn, event: &Event, coder: Option<&CoderView>) -> NotifyMessage {
        let what = match on {
            NotifyOn::Waiting => "Waits for you",
            NotifyOn::Failed => "Failed",
            NotifyOn::Settled => "Settled",
            NotifyOn::FileConflict => "Two on one file",
            NotifyOn::Loop => "Repeats itself",
            NotifyOn::Budget => "Budget",
        };
        let name = coder.and_then(|coder| coder.coder_name.as_deref().or(coder.title.as_deref()));
        let name = name.unwrap_or(&event.coder_id);
        let asks = coder.filter(|_| on == NotifyOn::Waiting).and_then(|coder| coder.waiting.as_ref()?.request.as_deref());
        let about = asks.map_or_else(|| sentence(event), |request| format!("asks for {request}"));
        NotifyMessage::new(&format!("{what}: {name}"), &format!("Coder {}: {about}", event.coder_id))
    }

    pub fn new(title: &str, body: &str) -> NotifyMessage {
        NotifyMessage { title: plain(title, TITLE_CHARS_MAX), body: plain(body, BODY_CHARS_MAX) }
    }

    /// `command` with the message in the places of its marks. What the message itself has of marks is left as it is.
    pub fn fill(&self, command: &[String]) -> Vec<String> {
        command
            .iter()
            .map(|word| {
                let parts = word.split("{title}").map(|part| part.split("{body}").collect::<Vec<_>>().join(&self.body));
                parts.collect::<Vec<_>>().join(&self.title)
            })
            .collect()
    }
}

/// One line without a character that a shell, a script, JSON or markup gives a meaning; a look-alike stands in its place.
fn plain(text: &str, chars_max: usize) -> String {
    let chars = text.chars().map(|c| match c {
        '"' => '”',
        '\'' | '`' => '’',
        '\\' => '⧵',
        '$' => '＄',
        '<' => '‹',
        '>' => '›',
        '&' => '＆',
        '{' => '（',
        '}' => '）',
        c if c.is_control() || c.is_whitespace() => ' ',
        c => c,
    });
    let line: String = chars.collect::<String>().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    line.chars().take(chars_max - 1).chain(['…']).collect()
}

/// Hours of the local day in which nobody is told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: civil::Time,
    to: civil::Time,
}

impl QuietHours {
    /// `22:00-07:00`.
    pub fn parse(given: &str) -> Option<QuietHours> {
        let (from, to) = given.split_once('-')?;
        let time = |given: &str| civil::Time::strptime("%H:%M", given.trim()).ok();
        Some(QuietHours { from: time(from)?, to: time(to)? })
    }

    pub fn holds(self, now: Time) -> bool {
        let Ok(now) = Timestamp::from_microsecond(now.micros()) else { return false };
        self.holds_at(now.to_zoned(TimeZone::system()).time())
    }

    fn holds_at(self, now: civil::Time) -> bool {
        if self.from <= self.to { self.from <= now && now < self.to } else { self.from <= now || now < self.to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_nothing_but_text_wherever_it_stands() {
        let message = NotifyMessage::new("Failed: x", "Coder a: \"; rm -rf ~ #`id` $(id) \\ '<b>&{title}\n\u{1b}[31m");
        let fill = |words: &[&str]| message.fill(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        let filled = fill(&["notify-send", "{title}", "-x={body}.", "{body}{title}", "plain"]);
        assert_eq!((filled[1].as_str(), filled[4].as_str()), ("Failed: x", "plain"));
        assert_eq!(filled[2], "-x=Coder a: ”; rm -rf ~ #’id’ ＄(id) ⧵ ’‹b›＆（title） [31m.");
        assert!(filled.iter().all(|word| !word.contains(['"', '\'', '`', '$', '\\', '<', '&', '\n'])), "{filled:?}");
        assert_eq!(fill(&["{body}"])[0].chars().next(), Some('C'), "no option, and no file's name");
        assert_eq!(NotifyMessage::new("t", &"x".repeat(1_000)).body.chars().count(), BODY_CHARS_MAX);
    }

    #[test]
    fn nights_are_quiet_over_midnight_too() {
        let check = |quiet: &str, at: &str, expected: bool| {
            let quiet = QuietHours::parse(quiet).expect(quiet);
            assert_eq!(quiet.holds_at(civil::Time::strptime("%H:%M", at).expect(at)), expected, "{quiet:?} {at}");
        };
        check("22:00-07:00", "21:59", false);
        check("22:00-07:00", "22:00", true);
        check("22:00-07:00", "03:00", true);
        check("22:00-07:00", "07:00", false);
        check("12:00-13:00", "12:30", true);
        check("12:00-13:00", "13:00", false);
        assert!(["", "22:00", "25:00-07:00", "22-7"].iter().all(|wrong| QuietHours::parse(wrong).is_none()));
    }
}
