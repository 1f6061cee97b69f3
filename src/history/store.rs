//! What lies on the disk: the file, its tables, the rows and what they mean. The other wings stand on this one.

pub(super) mod bell;
pub(super) mod error;
pub(super) mod file;
pub(super) mod id;
pub(super) mod ledger;
pub(super) mod options;
pub(super) mod own_files;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod spool_files;
pub(super) mod zone;

pub use self::{
    error::Error,
    file::{open_private, private_folder, user},
    options::{Clock, Durability, Options},
    own_files::HistoryFiles,
};
