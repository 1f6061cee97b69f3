//! A handler on the bus: says a line for every coder that fails, whichever process records it.
//!
//! ```sh
//! cargo run --example on_failure -- ~/.local/state/ai-coder-events/history.db
//! ```
//!
//! Put a notification, a chat message or a build in the place of the line. It sees what comes from now on; start it with a
//! kept seq instead, and nothing that happened meanwhile is passed over.

#![allow(clippy::print_stdout, reason = "to print is what this example does")]

use std::{env, error::Error};

use ai_coder_events::{
    bus::{self, Bus},
    event::{EventType, sentence},
    filter::{Filter, TypeSet},
    history::Options,
};

// One thread is enough: the bus has its own for reading and writing.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let history = env::args_os().nth(1).ok_or("usage: on_failure HISTORY")?;
    let bus = Bus::new(Options::new(history));
    let failures = Filter { types: Some(TypeSet::EMPTY.with(EventType::Failed)), ..Filter::default() };

    // Dropping the guard would unsubscribe. A handler that panics is not called again, and harms nobody else.
    let handler = bus.handle(failures, bus::Begin::Now, |event| {
        println!("{}: {}", event.coder_id, sentence(&event));
    });
    println!("waiting for failures");

    tokio::signal::ctrl_c().await?;
    bus.shutdown().await;
    handler.ended().await;
    Ok(())
}
