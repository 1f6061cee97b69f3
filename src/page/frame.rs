//! What stands around the content of every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Nothing is loaded and nothing runs, whatever was recorded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
pub const STYLE: &str = include_str!("page.css");

/// A whole file: `notice` on top says what is in it before one hands it on.
pub fn document(title: &str, notice: &str, content: &Markup) -> String {
    let head = html! {
        meta http-equiv="Content-Security-Policy" content=(POLICY);
        style { (PreEscaped(STYLE)) }
    };
    page(title, &head, notice, content)
}

/// A page whose style and script the server has beside it, and whose policy stands in the answer.
pub fn served(title: &str, notice: &str, content: &Markup) -> String {
    let head = html! {
        link rel="stylesheet" href="page.css";
        script src="live.js" defer {}
    };
    page(title, &head, notice, content)
}

fn page(title: &str, head: &Markup, notice: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(concat!("ai-coder-events ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                (head)
            }
            body {
                a.skip href="#content" { "To the content" }
                aside.notice aria-label="About this page" { (notice) }
                (content)
            }
        }
    };
    page.into_string()
}
