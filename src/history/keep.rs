//! What keeps a history fit: retention, the check, the repair, and what is saved of a damaged file.

pub(super) mod aside;
pub(super) mod check;
pub(super) mod graft;
pub(super) mod recompute;
pub(super) mod records_read;
pub(super) mod rejected;
pub(super) mod retain;
pub(super) mod salvage;
pub(super) mod spool_intake;
pub(super) mod tidy;
pub(super) mod unreadable;

pub use self::{
    check::Checkup,
    rejected::Rejected,
    retain::{Pruned, Retention},
    salvage::{Salvage, set_aside_if_broken},
};
