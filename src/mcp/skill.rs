//! The skill that is served: which question is asked of which tool, what an answer means, how to wait. The plugin has the same file.

use rmcp::{
    ErrorData,
    model::{
        GetSkillResult, ListSkillsResult, Resource, ResourceContents, Skill, SkillFrontmatter, SkillResource, SkillResources,
    },
};

use super::untrusted;

const URI: &str = "skill://ai-coder-events/SKILL.md";
const MARKDOWN: &str = "text/markdown";
const TEXT: &str = include_str!("../../plugins/claude-code/skills/ai-coder-events/SKILL.md");

pub(super) fn list() -> ListSkillsResult {
    ListSkillsResult::with_all_items(vec![skill()])
}

/// # Errors
/// Where `uri` is another one.
pub(super) fn get(uri: &str) -> Result<GetSkillResult, ErrorData> {
    if uri == URI {
        return Ok(GetSkillResult::new(skill()));
    }
    Err(ErrorData::invalid_params(format!("no skill is at `{}`: there is {URI}", untrusted::echo(uri)), None))
}

pub(super) fn resource() -> Resource {
    let SkillFrontmatter { name, description, .. } = skill().frontmatter;
    Resource::new(URI, name).with_description(description).with_mime_type(MARKDOWN)
}

/// The file itself, to the byte.
pub(super) fn contents(uri: &str) -> Option<ResourceContents> {
    (uri == URI).then(|| ResourceContents::text(TEXT, URI).with_mime_type(MARKDOWN))
}

fn skill() -> Skill {
    let said = |key: &str| TEXT.lines().skip(1).take_while(|line| *line != "---").find_map(|line| line.strip_prefix(key));
    let frontmatter = SkillFrontmatter::new(said("name: ").unwrap_or_default(), said("description: ").unwrap_or_default());
    Skill::new(URI, frontmatter, SkillResources::Files(vec![SkillResource::from_bytes(URI, TEXT.as_bytes())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_the_extension_wants_it() {
        let skill = skill();
        skill.validate().expect("valid");
        // What hosts that take skills from files allow.
        assert!((100..=1024).contains(&skill.frontmatter.description.len()) && !skill.frontmatter.description.contains(": "));
        let SkillResources::Files(files) = &skill.resources else { panic!("files") };
        assert_eq!(files[0].verify(TEXT.as_bytes()), Ok(()));
        assert!(TEXT.len() < 4_000, "short: {}", TEXT.len());
    }
}
