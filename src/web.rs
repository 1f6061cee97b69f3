//! What is going on, in a browser: a page on this machine that follows the history.
//!
//! ```text
//! /?token=… ─▶ a cookie, and the page ─▶ /changes: server-sent events, a part of the page where it has become another
//! ```
//!
//! It promises: nobody without the token sees anything, no page of another site and no other user of this machine neither; it
//! writes nothing; what it holds does not grow, however much happens, and it draws no more than once a second, for all who look.
//! It knows nothing of how a page looks: that is [`page`](crate::page)'s to say.

mod door;
mod feed;
mod server;

pub use server::{LiveFilter, LiveServer};
