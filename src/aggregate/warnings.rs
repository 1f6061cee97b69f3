//! What warnings are called.

/// The same call fails in the same way again and again.
pub(super) const LOOP: &str = "loop";
/// What may be spent is spent, or nearly.
pub(super) const BUDGET: &str = "budget";
