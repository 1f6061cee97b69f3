//! What became of the files below the command's folder, as events of its coder.

use std::path::{Path, PathBuf};

use crate::{
    event::{Body, DataKey, Draft, EventType, Workspace as Fields},
    workspace::{WorkspaceChange, WorkspaceNews},
};

use super::coder::RunCoder;

pub(super) struct RunFiles {
    coder: RunCoder,
    folder: PathBuf,
}

impl RunFiles {
    pub fn new(coder: RunCoder, folder: &Path) -> RunFiles {
        RunFiles { coder, folder: folder.to_owned() }
    }

    /// `None` where nothing happened to a file.
    pub fn draft(&self, news: WorkspaceNews) -> Option<Draft> {
        match news {
            WorkspaceNews::Stands => None,
            WorkspaceNews::Changed { path, change, .. } => Some(self.changed(&path, change)),
            WorkspaceNews::Sync(operation, reason) => {
                let sync = self.about(EventType::WorkspaceSync, operation, &self.folder, Fields::default());
                Some(sync.with(DataKey::Reason, reason))
            }
        }
    }

    fn changed(&self, path: &Path, change: WorkspaceChange) -> Draft {
        let (kind, operation, content) = match change {
            WorkspaceChange::Created(content) => (EventType::FileCreated, "create", Some(content)),
            WorkspaceChange::Modified(content) => (EventType::FileModified, "modify", Some(content)),
            WorkspaceChange::Deleted => (EventType::FileDeleted, "delete", None),
        };
        let (file_size, content_hash) = content.map_or((None, None), |content| (Some(content.bytes), content.hash));
        self.about(kind, operation, path, Fields { file_size, content_hash, ..Fields::default() })
    }

    fn about(&self, kind: EventType, operation: &str, path: &Path, fields: Fields) -> Draft {
        let file_path = Some(path.to_string_lossy().into_owned());
        let body = Body::Workspace(Fields { operation: Some(operation.to_owned()), file_path, ..fields });
        Draft { body, ..self.coder.draft(kind) }
    }
}
