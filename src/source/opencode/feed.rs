//! What opencode's plugin writes for whoever has time to read it: a file a process, its events in order, line by line.
//!
//! The first line says which process it is, the last that it is over; a process that was killed has no last one.

use std::sync::Arc;

use crate::{
    event::Time,
    source::{
        Agent, HookContext,
        channel::{HookPayload, LineReader, Understood},
        coder::CoderIdentity,
        fact::{Fact, Told},
        json::Wire,
    },
};

use super::read_hook;

#[derive(Debug, Default)]
struct Feed {
    id: String,
    context: HookContext,
    /// The sessions that it told of and that are not deleted.
    sessions: Vec<Arc<CoderIdentity>>,
    last: Option<Time>,
}

pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    let id = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    Box::new(Feed { id, ..Feed::default() })
}

impl LineReader for Feed {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let at = self.moment(line.time("at"));
        match line.text("type") {
            Some("feed.begun") => {
                let process = Some(line.at("process").0).filter(|process| process.is_object()).cloned();
                self.context =
                    HookContext { parent_coder_id: line.text("parent").map(str::to_owned), process, ..HookContext::default() };
                Ok(Vec::new())
            }
            Some("feed.ended") => {
                let ended = |who: Arc<CoderIdentity>| Told {
                    at,
                    ..who.says(None, Fact::ended(line.text("signal"))).known_by(who.natural(&["ended", &self.id]))
                };
                Ok(std::mem::take(&mut self.sessions).into_iter().map(ended).collect())
            }
            _ => {
                let payload = HookPayload { agent: Agent::Opencode, wire: line, bytes: b"", context: &self.context };
                let told = read_hook(&payload)?;
                for told in &told {
                    self.sessions.retain(|who| who.id != told.who.id);
                    if !matches!(told.fact, Fact::Deleted { .. }) {
                        self.sessions.push(Arc::clone(&told.who));
                    }
                }
                Ok(told.into_iter().map(|told| Told { at: told.at.or(at), ..told }).collect())
            }
        }
    }

    fn end(&mut self) -> Vec<Told> {
        Vec::new()
    }
}

impl Feed {
    /// Several lines of one millisecond keep their order.
    fn moment(&mut self, written: Option<Time>) -> Option<Time> {
        let after = |last: Time| Time::from_micros(last.micros().saturating_add(1));
        self.last = written.map(|written| self.last.map_or(written, |last| written.max(after(last)))).or(self.last.map(after));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Body, EventType},
        source::Transcript,
    };

    #[test]
    fn its_sessions_live_in_its_process_and_end_with_it() {
        let mut feed = Transcript::new(Agent::Opencode, "/h/history.feed/opencode-7-x.jsonl").expect("it is read");
        let mut read = |line: &str| feed.line(line.as_bytes()).expect("it is understood");
        assert_eq!(read(r#"{"type":"feed.begun","at":1795374357000,"process":{"pid":7,"start":1,"boot":"b"}}"#), []);
        let begun =
            read(r#"{"id":"e1","type":"session.created","at":1795374357797,"properties":{"sessionID":"s1","info":{"id":"s1"}}}"#);
        assert!(begun.iter().all(|draft| draft.data["process"]["pid"] == 7), "{begun:?}");
        read(r#"{"id":"e2","type":"session.created","at":1795374357797,"properties":{"sessionID":"s2","info":{"id":"s2"}}}"#);
        read(r#"{"id":"e3","type":"session.deleted","at":1795374357798,"properties":{"sessionID":"s2","info":{"id":"s2"}}}"#);
        let idle = read(r#"{"id":"e4","type":"session.idle","at":1795374357798,"properties":{"sessionID":"s1"}}"#);
        let ended = read(r#"{"type":"feed.ended","at":1795374357798,"signal":"SIGINT"}"#);
        let [draft] = &ended[..] else { panic!("{ended:?}") };
        assert_eq!((draft.kind, draft.coder_id.as_str()), (EventType::Stopped, "opencode:s1"));
        assert!(matches!(&draft.body, Body::Lifecycle(stopped) if stopped.reason.as_deref() == Some("SIGINT")), "{draft:?}");
        assert!(idle[0].timestamp < draft.timestamp, "their order is kept");
    }
}
