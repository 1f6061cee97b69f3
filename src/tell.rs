//! Tells an agent, through its own hook, what it would want to know before it goes on: that another one changes its files, that
//! who works for it is done, that it repeats itself, what it did before its memory was cut.
//!
//! It promises: nothing is said that is not news, each piece once however many hooks ask, in few words and not often; what is
//! said is recorded first, as said in the person's name; recorded text in it is quoted, one line, and named as data. It refuses
//! to know how an agent takes it, and how much time there is.

mod words;

use std::path::Path;

use crate::{
    brief::Brief,
    event::{Body, Draft, EventType, Progress, Time},
    history::{self, Listener, News, NewsAbout, Options, Reader, Writer},
    source::{Agent, HookReply, Occasion, OccasionMoment},
};

use words::Sentence;

/// What an agent's hooks may say, where a person asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellMode {
    /// Words beside what it reads anyway.
    Context,
    /// These, and a no, once, to a call that would change what another one changes.
    Guard,
}

impl TellMode {
    /// The flag of `hook` that asks for it.
    pub const fn flag(self) -> &'static str {
        match self {
            TellMode::Context => "--tell",
            TellMode::Guard => "--tell-guard",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            TellMode::Context => "context",
            TellMode::Guard => "guard",
        }
    }

    /// What a word of a command line asks for.
    pub fn of_flag(word: &str) -> Option<TellMode> {
        [TellMode::Context, TellMode::Guard].into_iter().find(|telling| telling.flag() == word)
    }
}

/// A step of an agent's coder, and how much of it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct AskedStep<'o> {
    pub agent: Agent,
    pub occasion: &'o Occasion,
    pub telling: TellMode,
}

/// What the hook is to print; `None` where there is nothing to say. `is_time_left` is asked once more before anything is
/// claimed: what cannot be said in time waits for the next step.
///
/// # Errors
/// Where the history cannot be asked, or does not take what is to be said: then nothing is.
pub fn answer(
    asked: AskedStep<'_>,
    writer: &mut Writer,
    options: &Options,
    is_time_left: impl Fn() -> bool,
) -> Result<Option<String>, history::Error> {
    let AskedStep { agent, occasion, telling } = asked;
    let is_before = occasion.moment == OccasionMoment::Before;
    if is_before && telling != TellMode::Guard {
        return Ok(None);
    }
    let mentioned = occasion.mentioned.iter().filter(|path| Path::new(path).is_file());
    let files: Vec<String> = occasion.files.iter().chain(mentioned).cloned().collect();
    let begins_again = occasion.moment == OccasionMoment::Again;
    let mut news = writer.listen(&Listener { coder_id: &occasion.coder_id, files: &files, begins_again })?;
    if is_before {
        // Only what another one did to these files is a reason to stop.
        news.retain(|news| matches!(&news.about, NewsAbout::FileChange { path, .. } if files.contains(path)));
    }
    if news.is_empty() {
        return Ok(None);
    }
    let Some((said, news)) = message(&mut Reader::new(options), &occasion.coder_id, news, options.clock.now())? else {
        return Ok(None);
    };
    if !is_time_left() {
        return Ok(None);
    }
    let said = writer.claim_news(&occasion.coder_id, &news, record(agent, &occasion.coder_id, said))?;
    Ok(said.map(|said| {
        let reply = if is_before { HookReply::Deny(&said) } else { HookReply::Context(&said) };
        agent.reply(occasion, reply)
    }))
}

/// The words for as much of `news` as one message holds, and that much.
fn message(
    reader: &mut Reader,
    coder_id: &str,
    news: Vec<News>,
    now: Time,
) -> Result<Option<(String, Vec<News>)>, history::Error> {
    // What the coder did itself takes more room than all other news, and comes first.
    if let Some(own) = news.iter().find(|news| news.about == NewsAbout::Itself) {
        let brief = Brief::read(reader, coder_id, None, now)?;
        return Ok(brief.map(|brief| (words::brief(&brief), vec![own.clone()])));
    }
    let mut told = Vec::new();
    for news in news {
        if let Some(sentence) = sentence(reader, &news, now)? {
            told.push((sentence, news));
        }
    }
    let (sentences, news): (Vec<Sentence>, Vec<News>) = told.into_iter().unzip();
    let (said, count) = words::message(&sentences);
    Ok((count > 0).then(|| (said, news.into_iter().take(count).collect())))
}

/// `None` where the history knows nothing of it any more.
fn sentence(reader: &mut Reader, news: &News, now: Time) -> Result<Option<Sentence>, history::Error> {
    Ok(match &news.about {
        NewsAbout::Itself => None,
        NewsAbout::FileChange { path, coder_id } => {
            reader.coder(coder_id)?.map(|coder| words::file_change(path, &coder, now.since(news.at)))
        }
        NewsAbout::Offspring { coder_id } => reader.coder(coder_id)?.map(|coder| words::offspring(&coder)),
        NewsAbout::Awaited { coder_id, in_vain } => reader.coder(coder_id)?.map(|coder| words::awaited(&coder, *in_vain)),
        NewsAbout::Loop { seq } => reader.event(*seq)?.and_then(|event| match event.body {
            Body::Derived(fields) => fields.message.as_deref().map(words::repeats),
            _ => None,
        }),
    })
}

/// What was said stands among what the coder did.
fn record(agent: Agent, coder_id: &str, said: String) -> Draft {
    let fields = Progress { stream: Some(Progress::TOLD.to_owned()), text: Some(said), ..Progress::default() };
    let draft = Draft::new(EventType::Output, coder_id);
    Draft { body: Body::Progress(fields), source: Some(agent.name().to_owned()), ..draft }
}
