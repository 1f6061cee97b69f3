//! The plugin through which opencode reports: a file of its own.

const PLUGIN: &str = include_str!("opencode.js");
const COMMAND: &str = r#"["ai-coder-events", "hook", "opencode"]"#;

/// The plugin that runs `command`.
pub(super) fn plugin(command: &[&str]) -> String {
    PLUGIN.replacen(COMMAND, &serde_json::Value::from(command).to_string(), 1)
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
        let text = plugin(&["/opt/a \"b\"/ai-coder-events-hook", "opencode"]);
        assert!(text.contains(r#"const [program, ...words] = ["/opt/a \"b\"/ai-coder-events-hook","opencode"]"#), "{text}");
        assert!(is_plugin(&text) && !is_plugin("export const Mine = () => ({})\n"));
    }
}
