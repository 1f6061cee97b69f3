//! What a model says is Markdown, and may be anything: it is shown as that, without what would run or load.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// `said` as HTML. Markup in it is shown as text, a picture as its description, and a link leads to the web or nowhere.
pub fn words(said: &str) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut links = Vec::new();
    let events = Parser::new_ext(said, options).filter_map(move |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock | Tag::Image { .. }) | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => None,
        Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
            links.push(is_of_the_web(&dest_url));
            links.last()?.then_some(Event::Start(Tag::Link { link_type, dest_url, id, title: CowStr::Borrowed("") }))
        }
        Event::End(TagEnd::Link) => links.pop()?.then_some(Event::End(TagEnd::Link)),
        // A page has its own headings.
        Event::Start(Tag::Heading { .. }) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::Heading(_)) => Some(Event::End(TagEnd::Paragraph)),
        // No two of a page's anchors may be of one name.
        Event::FootnoteReference(name) => Some(Event::Text(name)),
        other => Some(other),
    });
    let mut shown = String::new();
    html::push_html(&mut shown, events);
    PreEscaped(shown)
}

fn is_of_the_web(address: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_shown_and_what_would_run_is_text() {
        let check = |said: &str, expected: &str| assert_eq!(words(said).into_string().trim(), expected, "{said}");
        check("It is `exp` and **bold**.", "<p>It is <code>exp</code> and <strong>bold</strong>.</p>");
        check("# Done", "<p>Done</p>");
        check("a <b>b</b>", "<p>a &lt;b&gt;b&lt;/b&gt;</p>");
        check("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("[a](javascript:alert(1))", "<p>a</p>");
        check("[a](https://b.c \"t\")", "<p><a href=\"https://b.c\">a</a></p>");
        check("![secret](https://b.c/x.png)", "<p>secret</p>");
        check("[![in](https://b.c/x.png)](data:text/html,x)", "<p>in</p>");
        check("<javascript:alert(1)>", "<p>javascript:alert(1)</p>");
    }
}
