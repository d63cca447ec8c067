//! The Dockerfile, held against what a linter would say.

use super::{repository, text};

/// Instructions and their arguments, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = text("docker/Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).expect("arguments")
        })
        .collect()
}

fn all<'a>(instructions: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(known, _)| known == name).map(|(_, rest)| rest.as_str()).collect()
}

#[test]
fn the_image_is_small_pinned_and_not_run_as_root() {
    let instructions = instructions();
    for (name, _) in &instructions {
        let known = [
            "FROM",
            "SHELL",
            "RUN",
            "WORKDIR",
            "COPY",
            "ENV",
            "USER",
            "VOLUME",
            "EXPOSE",
            "STOPSIGNAL",
            "HEALTHCHECK",
            "ENTRYPOINT",
            "CMD",
        ];
        assert!(known.contains(&name.as_str()), "{name}");
    }
    let bases = all(&instructions, "FROM");
    assert_eq!(bases.len(), 2, "what builds is not what runs");
    for base in &bases {
        let image = base.split(' ').next().expect("an image");
        let tag = image.split_once(':').unwrap_or_else(|| panic!("{image} has no version")).1;
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()) && tag.contains('.'), "{image} may be another tomorrow");
    }
    assert!(bases[1].contains("-slim"));
    let user = all(&instructions, "USER").pop().expect("a user");
    let (user, group) = user.split_once(':').expect("user and group");
    assert!(user.parse::<u32>().expect("a number") > 0 && group.parse::<u32>().expect("a number") > 0);
    for name in ["ENTRYPOINT", "CMD"] {
        assert!(all(&instructions, name).iter().all(|rest| rest.starts_with("[\"")), "{name} would not get signals");
    }
    assert_eq!(all(&instructions, "HEALTHCHECK").len(), 1);
    assert_eq!(all(&instructions, "STOPSIGNAL"), ["SIGTERM"]);
}

#[test]
fn layers_keep_no_package_lists_and_every_step_can_fail() {
    let instructions = instructions();
    for run in all(&instructions, "RUN").iter().filter(|run| run.contains("apt-get")) {
        assert!(run.contains("--no-install-recommends") && run.contains("rm -rf /var/lib/apt/lists/*"), "{run}");
        assert!(run.contains("apt-get update"), "{run}");
    }
    for run in all(&instructions, "RUN") {
        assert!(!run.contains(';') && !run.contains("sudo"), "a step that fails must end the build: {run}");
    }
}

#[test]
fn what_is_copied_is_in_the_repository_and_not_ignored() {
    let ignored = text(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let instructions = instructions();
    for copy in all(&instructions, "COPY").iter().filter(|copy| !copy.starts_with("--from")) {
        let mut words: Vec<&str> = copy.split(' ').collect();
        words.pop();
        for word in words {
            assert!(repository(word).exists(), "{word} is not there");
            assert!(
                !ignored.iter().any(|line| word == *line || word.starts_with(&format!("{line}/"))),
                "{word} is ignored"
            );
        }
    }
    // and all that the manifest names
    let manifest = text("Cargo.toml");
    for path in manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"')) {
        let copied = all(&instructions, "COPY").iter().any(|copy| copy.split(' ').any(|word| path.starts_with(word)));
        assert!(copied, "{path} is in Cargo.toml and not in the build");
    }
}
