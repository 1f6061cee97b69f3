//! The board: a small page that hosts of MCP Apps show beside the answers of some tools. Whoever does not ask for the extension hears
//! nothing of it. <https://github.com/modelcontextprotocol/ext-apps>, 2026-01-26.

use rmcp::model::{ClientCapabilities, JsonObject, MetaObject, Resource, ResourceContents, Tool};
use serde_json::json;

const EXTENSION: &str = "io.modelcontextprotocol/ui";
const URI: &str = "ui://ai-coder-events/board";
const APP: &str = "text/html;profile=mcp-app";
const TEXT: &str = include_str!("board.html");
/// What the board makes easier to see.
const SHOWN_BY: &[&str] = &["list_ai_coders", "get_ai_coder_stats", "brief_ai_coder"];

/// Whether the client shows such pages.
pub(super) fn is_shown_by(client: Option<ClientCapabilities>) -> bool {
    let settings = client.and_then(|client| client.extensions?.remove(EXTENSION));
    let types = settings.as_ref().and_then(|settings| settings.get("mimeTypes")?.as_array());
    types.is_some_and(|types| types.iter().any(|of| of == APP))
}

/// Tells hosts which tools it goes with, in the old spelling too.
pub(super) fn name_in(tools: &mut [Tool]) {
    for tool in tools.iter_mut().filter(|tool| SHOWN_BY.contains(&&*tool.name)) {
        let MetaObject(meta) = tool.meta.get_or_insert_default();
        meta.insert("ui".into(), json!({ "resourceUri": URI }));
        meta.insert("ui/resourceUri".into(), URI.into());
    }
}

pub(super) fn resource() -> Resource {
    Resource::new(URI, "board").with_description("The coders at work, as a page beside a conversation.").with_mime_type(APP)
}

/// It loads nothing and connects to nothing: all that it shows comes through the host.
pub(super) fn contents(uri: &str) -> Option<ResourceContents> {
    let meta = || MetaObject(JsonObject::from_iter([("ui".to_owned(), json!({ "prefersBorder": true }))]));
    (uri == URI).then(|| ResourceContents::text(TEXT, URI).with_mime_type(APP).with_meta(meta()))
}
