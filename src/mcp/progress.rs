//! Tells a caller that its call still waits: a counter and a sentence. Never data, which clients may drop.

use rmcp::{
    Peer, RoleServer,
    model::{NumberOrString, ProgressNotificationParam, ProgressToken},
    service::RequestContext,
    task_manager::TaskContext,
};

pub(super) enum ProgressNotifier {
    Caller {
        peer: Peer<RoleServer>,
        token: ProgressToken,
        told: u64,
    },
    Task(TaskContext),
    /// The caller did not ask for progress.
    Nobody,
}

/// The longest progress token: it is held as long as its call, and goes with every report.
const TOKEN_BYTES_MAX: usize = 1024;

fn is_short(token: &ProgressToken) -> bool {
    match &token.0 {
        NumberOrString::String(token) => token.len() <= TOKEN_BYTES_MAX,
        NumberOrString::Number(_) => true,
    }
}

impl ProgressNotifier {
    pub fn to_caller(context: &RequestContext<RoleServer>) -> ProgressNotifier {
        match context.meta.get_progress_token().filter(is_short) {
            Some(token) => ProgressNotifier::Caller { peer: context.peer.clone(), token, told: 0 },
            None => ProgressNotifier::Nobody,
        }
    }

    pub fn to_task(task: TaskContext) -> ProgressNotifier {
        ProgressNotifier::Task(task)
    }

    pub async fn tell(&mut self, message: String) {
        match self {
            ProgressNotifier::Caller { peer, token, told } => {
                *told += 1;
                let progress = ProgressNotificationParam::new(token.clone(), *told as f64).with_message(message);
                if let Err(error) = peer.notify_progress(progress).await {
                    tracing::debug!(%error, "progress was not sent");
                }
            }
            ProgressNotifier::Task(task) => task.set_status_message(message),
            ProgressNotifier::Nobody => {}
        }
    }
}
