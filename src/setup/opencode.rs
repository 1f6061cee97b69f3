//! The plugin through which opencode reports: a file of its own.

use std::path::Path;

const PLUGIN: &str = include_str!("opencode.js");
const COMMAND: &str = r#"["ai-coder-events", "hook", "opencode"]"#;

const FEED: &str = "const folder = null";

/// The plugin that writes into the folder `feed`, where there is one for it, and runs `command`.
pub(super) fn plugin(command: &[&str], feed: Option<&Path>) -> String {
    let feed = feed.and_then(Path::to_str).map(|feed| format!("const folder = {}", serde_json::Value::from(feed)));
    let plugin = PLUGIN.replacen(COMMAND, &serde_json::Value::from(command).to_string(), 1);
    feed.map_or_else(|| plugin.clone(), |feed| plugin.replacen(FEED, &feed, 1))
}

/// The file is a plugin of ours, of whatever version.
pub(super) fn is_plugin(text: &str) -> bool {
    text.lines().next() == PLUGIN.lines().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_runs_the_command_it_is_given() {
        let text = plugin(&["/opt/a \"b\"/ai-coder-events-hook", "opencode"], Some(Path::new("/h/history.feed")));
        assert!(text.contains(r#"const [program, ...words] = ["/opt/a \"b\"/ai-coder-events-hook","opencode"]"#), "{text}");
        assert!(text.contains("const folder = \"/h/history.feed\""), "{text}");
        assert!(is_plugin(&text) && !is_plugin("export const Mine = () => ({})\n"));
    }
}
