//! A coder in a row: what it is called, where it stands, what it works on. The same in lists, pages and the live view's.

use crate::{
    aggregate::{Attention, CoderView, ToolAtWork, Waiting, WaitingFor},
    event::{Status, Time, within_folder},
    style::age,
    text::{excerpt, telling_lines},
};

/// `demo 7f3c1b`, `codex 2b9d40` where it has no name; what somebody chose as an id is name enough.
pub fn label(coder: &CoderView) -> String {
    let CoderView { coder_id, handle, coder_name, .. } = coder;
    if handle == coder_id {
        return handle.clone();
    }
    match coder_name.as_deref().or_else(|| coder_id.split_once(':').map(|(agent, _)| agent)) {
        Some(name) => format!("{name} {handle}"),
        None => handle.clone(),
    }
}

/// The status, and why a person should look; in `short`, the reasons alone where they imply that it goes on.
pub fn standing(coder: &CoderView, now: Time, short: bool) -> String {
    let mut words = vec![coder.status.name().to_owned()];
    if let Some(Waiting { reason, since, .. }) = &coder.waiting {
        let what = match reason {
            WaitingFor::Permission => "waits for permission",
            WaitingFor::Question => "waits for an answer",
            WaitingFor::Idle => "waits for a prompt",
        };
        words.push(format!("{what} {}", age(now.since(*since))));
    }
    if coder.stalled {
        words.push(coder.last_activity.map_or("stalled".to_owned(), |last| format!("stalled {}", age(now.since(last)))));
    }
    let others = coder.needs_attention.iter().filter_map(|attention| match attention {
        Attention::RateLimited => Some("rate limited"),
        Attention::FileConflict => Some("file conflict"),
        Attention::Looping => Some("repeats itself"),
        Attention::OverBudget => Some("over budget"),
        _ => None,
    });
    words.extend(others.map(str::to_owned));
    let goes_on = matches!(coder.status, Status::Created | Status::Running | Status::Paused);
    if short && words.len() > 1 && goes_on {
        words.remove(0);
    }
    words.join(", ")
}

/// What it is about, and what it asks for, does, or failed on.
pub fn works_on(coder: &CoderView, now: Time, is_screen: bool) -> String {
    let share = coder.progress.map(|progress| {
        // To a person, nearly done is not done.
        let most = if is_screen && progress < 1.0 { 99.0 } else { 100.0 };
        format!("{:.0} %", f64::min(progress * 100.0, most))
    });
    let (title, doing) = (coder.title.clone(), doing(coder, now));
    let asks = coder.waiting.as_ref().is_some_and(|waiting| waiting.request.is_some());
    // What a person must know to act comes before what it is about.
    let parts = if asks || coder.status == Status::Failed { [doing, title, share] } else { [title, share, doing] };
    parts.into_iter().flatten().map(|said| excerpt(&said, SAID_CHARS_MAX)).collect::<Vec<_>>().join(" · ")
}

/// How much of a text is repeated in a row.
const SAID_CHARS_MAX: usize = 80;

fn doing(coder: &CoderView, now: Time) -> Option<String> {
    let folder = coder.project.as_deref().unwrap_or_default();
    let request = coder.waiting.as_ref().and_then(|waiting| waiting.request.as_deref());
    if let Some(request) = request {
        return Some(format!("asks: {}", within_folder(request, folder)));
    }
    if coder.status == Status::Failed {
        let error = coder.last_error.as_deref()?;
        return Some(telling_lines(error, 1).first().copied().unwrap_or(error).to_owned());
    }
    if let Some(ToolAtWork { call, since }) = &coder.tool_at_work {
        return Some(format!("{} for {}", within_folder(call, folder), age(now.since(*since))));
    }
    let said = coder.description.as_deref().or(coder.milestone.as_deref()).map(|said| within_folder(said, folder));
    // A tool's call names the tool itself.
    let stage = coder.stage.clone().filter(|stage| !said.as_ref().is_some_and(|said| said.starts_with(stage.as_str())));
    match (stage, said) {
        (Some(stage), Some(said)) => Some(format!("{stage}: {said}")),
        (stage, said) => stage.or(said),
    }
}
