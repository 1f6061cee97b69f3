//! Lists of messages, which clients of 2025-03-26 may send: each is read by itself, and their answers go out as a list. Pure.

use rmcp::{
    RoleServer,
    model::{JsonRpcError, JsonRpcMessage, RequestId},
    service::TxJsonRpcMessage,
};

/// The version that has them; no other does.
pub(super) const VERSION: &str = "2025-03-26";
/// Answers that are held back until the last one is there. A list of greater ones goes out in parts, or a client could have
/// the server hold whatever it likes.
const HELD_BYTES_MAX: usize = 1 << 20;

/// The lists that are not answered yet.
#[derive(Default)]
pub(super) struct Batches(Vec<OwedList>);

struct OwedList {
    owed: Vec<RequestId>,
    /// Lines, each with its end.
    answers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batches {
    /// A list that asks for these answers.
    pub fn begin(&mut self, owed: Vec<RequestId>) {
        if !owed.is_empty() {
            self.0.push(OwedList { owed, answers: Vec::new(), bytes: 0 });
        }
    }

    /// What is to be written of this line, which holds `message`: itself, where no list waits for it.
    pub fn pass(&mut self, message: &TxJsonRpcMessage<RoleServer>, line: Vec<u8>) -> Option<Vec<u8>> {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(JsonRpcError { id, .. }) => id.as_ref(),
            _ => None,
        };
        let Some(at) = id.and_then(|id| self.place(id)) else { return Some(line) };
        let batch = &mut self.0[at];
        batch.bytes += line.len();
        batch.answers.push(line);
        self.settle(at, id)
    }

    /// What is cancelled is owed no more; the last one may have been waited for.
    pub fn forgive(&mut self, id: &RequestId) -> Option<Vec<u8>> {
        let at = self.place(id)?;
        self.settle(at, Some(id))
    }

    fn place(&self, id: &RequestId) -> Option<usize> {
        self.0.iter().position(|batch| batch.owed.contains(id))
    }

    fn settle(&mut self, at: usize, id: Option<&RequestId>) -> Option<Vec<u8>> {
        let batch = &mut self.0[at];
        batch.owed.retain(|owed| Some(owed) != id);
        let is_over = batch.owed.is_empty();
        if !is_over && batch.bytes < HELD_BYTES_MAX {
            return None;
        }
        batch.bytes = 0;
        let answers = std::mem::take(&mut batch.answers);
        if is_over {
            self.0.remove(at);
        }
        (!answers.is_empty()).then(|| list_of(&answers))
    }
}

fn list_of(lines: &[Vec<u8>]) -> Vec<u8> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.trim_ascii_end()).collect();
    [&b"["[..], &lines.join(&b","[..]), b"]\n"].concat()
}

#[cfg(test)]
mod tests {
    use rmcp::{ErrorData, model::NumberOrString};

    use super::*;

    fn answer(id: i64) -> (TxJsonRpcMessage<RoleServer>, Vec<u8>) {
        let id = NumberOrString::Number(id);
        (JsonRpcMessage::error(ErrorData::invalid_request("no", None), Some(id.clone())), format!("{id}\n").into_bytes())
    }

    #[test]
    fn answers_of_a_list_go_out_together() {
        let mut batches = Batches::default();
        batches.begin([1, 2, 3].map(NumberOrString::Number).into());
        let pass = |batches: &mut Batches, id| {
            let (message, line) = answer(id);
            batches.pass(&message, line).map(|line| String::from_utf8(line).expect("text"))
        };
        assert_eq!(pass(&mut batches, 7).as_deref(), Some("7\n"), "of no list");
        assert_eq!(pass(&mut batches, 2), None);
        assert_eq!(batches.forgive(&NumberOrString::Number(3)), None);
        assert_eq!(pass(&mut batches, 1).as_deref(), Some("[2,1]\n"));
        assert_eq!(pass(&mut batches, 1).as_deref(), Some("1\n"), "an id that is answered is free");
    }

    #[test]
    fn what_is_held_back_has_a_bound() {
        let mut batches = Batches::default();
        batches.begin([1, 2].map(NumberOrString::Number).into());
        let (message, _) = answer(1);
        let part = batches.pass(&message, vec![b'1'; HELD_BYTES_MAX]).expect("a list of its own");
        assert_eq!((part.len(), part[0]), (HELD_BYTES_MAX + 3, b'['));
        let (message, line) = answer(2);
        assert_eq!(batches.pass(&message, line), Some(b"[2]\n".to_vec()));
    }
}
