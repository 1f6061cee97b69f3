//! A brief as text: for people, and for prompts.

use crate::{
    event::{Micros, Time},
    style::age,
    text,
};

use super::{Brief, ChangedFile, FailedCall};

impl Brief {
    /// Some lines, each with what it is about in front. Colours are the business of who prints it.
    pub fn to_text(&self) -> String {
        let mut text = self.heading();
        let mut line = |name: &str, said: &str| {
            let mut lines = said.lines();
            text.push_str(&format!("  {name:<9} {}\n", lines.next().unwrap_or_default()));
            for more in lines {
                text.push_str(&format!("  {:<9} {more}\n", ""));
            }
        };
        if let Some(place) = self.place() {
            line("in", &place);
        }
        if let Some(waiting) = self.wait() {
            line("waits", &waiting);
        }
        if let Some(work) = &self.at_work {
            line("at work", &format!("{}, since {}", work.call, seconds(work.for_s)));
        }
        for (at, asked) in self.asked.iter().enumerate() {
            line(if at == 0 { "asked" } else { "then" }, &asked.text);
        }
        if self.asked_more > 0 {
            line("", &format!("and {} more prompts", self.asked_more));
        }
        let more = |more: u64| if more > 0 { format!(", and {more} more") } else { String::new() };
        if !self.files.is_empty() {
            let files = self.files.iter().map(change).collect::<Vec<_>>().join(", ");
            line("changed", &format!("{files}{}", more(self.files_more)));
        }
        for failed in &self.failed {
            line("failed", &failure(failed));
        }
        if self.failed_more > 0 {
            line("", &format!("and {} more failures", self.failed_more));
        }
        if !self.errors_by_code.is_empty() || self.rate_limits > 0 {
            line("errors", &self.errors());
        }
        if !self.subagents.is_empty() {
            let told = self.subagents.iter().map(|subagent| {
                let title = subagent.title.as_ref().map_or(String::new(), |title| format!(" {title}"));
                format!("{}{title} ({})", subagent.handle, subagent.status.name())
            });
            line("subagents", &format!("{}{}", told.collect::<Vec<_>>().join(", "), more(self.subagents_more)));
        }
        if self.tokens > 0 || self.cost_usd.is_some() {
            line("cost", &self.spent());
        }
        if let Some(words) = &self.last_words {
            line("said", words);
        }
        text
    }

    fn heading(&self) -> String {
        let title = self.title.as_ref().or(self.name.as_ref()).map_or(String::new(), |title| format!("  {title}"));
        let mut facts = vec![self.standing()];
        facts.extend(self.agent.clone());
        facts.extend(self.model.clone());
        let since = self.since.map_or(String::new(), |since| format!(", since {}", since.floor(Time::SECOND)));
        format!("{}{title} · {}{since}\n", self.handle, facts.join(" · "))
    }

    fn standing(&self) -> String {
        let mut told = self.status.name().to_owned();
        if self.stalled {
            told.push_str(", stalled");
        }
        if let Some(progress) = self.progress.filter(|_| self.ended_at.is_none()) {
            told.push_str(&format!(" {:.0} %", progress * 100.0));
        }
        if let Some(stage) = self.stage.as_ref().filter(|_| self.ended_at.is_none()) {
            told.push_str(&format!(" ({stage})"));
        }
        told.push_str(&format!(", active {} ago", seconds(self.age_s)));
        told
    }

    fn place(&self) -> Option<String> {
        let branch = self.branch.as_ref().map_or(String::new(), |branch| format!(", branch {branch}"));
        self.project.as_ref().map(|project| format!("{project}{branch}"))
    }

    fn wait(&self) -> Option<String> {
        let waiting = self.waiting.as_ref()?;
        let request = waiting.request.as_ref().map_or(String::new(), |request| format!(": {request}"));
        Some(format!("for {} since {}{request}", waiting.reason.name(), seconds(waiting.for_s)))
    }

    fn errors(&self) -> String {
        let mut told: Vec<String> = self.errors_by_code.iter().map(|(code, times)| format!("{times} × {code}")).collect();
        if self.rate_limits > 0 {
            let last = self.last_rate_limit.map_or(String::new(), |at| format!(", the last {} ago", age(self.now.since(at))));
            told.push(format!("rate limited {} ×{last}", self.rate_limits));
        }
        told.join(", ")
    }

    fn spent(&self) -> String {
        let mark = if self.cost_is_estimated { "~" } else { "" };
        let cost = self.cost_usd.map_or(String::new(), |cost| format!(", {mark}${cost:.2}"));
        format!("{} tokens{cost}", text::thousands(self.tokens))
    }
}

fn change(file: &ChangedFile) -> String {
    let mut told = file.path.clone();
    match file.how {
        "created" => told.push_str(" (new)"),
        "deleted" => told.push_str(" (deleted)"),
        _ => {}
    }
    if file.added > 0 || file.removed > 0 {
        told.push_str(&format!(" +{} −{}", file.added, file.removed));
    }
    told
}

fn failure(failed: &FailedCall) -> String {
    let mut told = failed.what.clone();
    if let Some(code) = failed.exit_code {
        told.push_str(&format!(", exit {code}"));
    }
    if failed.times > 1 {
        told.push_str(&format!(" (× {})", failed.times));
    }
    for line in failed.error.lines() {
        told.push_str(&format!("\n{line}"));
    }
    told
}

fn seconds(seconds: u64) -> String {
    age(Micros::try_from(seconds).unwrap_or(Micros::MAX / Time::SECOND) * Time::SECOND)
}
