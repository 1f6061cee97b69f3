//! The plugin through which opencode reports: a file of its own.

const PLUGIN: &str = include_str!("opencode.js");
const PROGRAM: &str = "\"ai-coder-events\"";

/// The plugin that runs `program`.
pub(super) fn plugin(program: &str) -> String {
    PLUGIN.replacen(PROGRAM, &serde_json::Value::from(program).to_string(), 1)
}

/// The file is a plugin of ours, of whatever version.
pub(super) fn is_plugin(text: &str) -> bool {
    text.lines().next() == PLUGIN.lines().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_runs_the_program_it_is_given() {
        let text = plugin("/opt/a \"b\"/ai-coder-events");
        assert!(text.contains("const program = \"/opt/a \\\"b\\\"/ai-coder-events\"\n"), "{text}");
        assert!(is_plugin(&text) && !is_plugin("export const Mine = () => ({})\n"));
    }
}
