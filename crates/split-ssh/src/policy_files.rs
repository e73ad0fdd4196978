//! Finds and reads the policy files. (Helper `rules` replaces this file with the checked reader.)

use std::path::{Path, PathBuf};
pub struct Loaded {
    pub policy: policy::rules::Policy,
    pub files: Vec<PathBuf>,
    pub digest: String,
}
#[derive(Debug)]
pub struct E(String, Vec<PathBuf>);
impl E {
    pub fn files(&self) -> Vec<PathBuf> {
        self.1.clone()
    }
}
impl std::fmt::Display for E {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
pub fn watched(c: &Path, e: &Path) -> Vec<PathBuf> {
    vec![
        c.join("policy.toml"),
        c.join("policy.d"),
        e.join("policy.toml"),
        e.join("policy.d"),
    ]
}
pub fn load(c: &Path, _e: &Path) -> Result<Loaded, E> {
    let path = c.join("policy.toml");
    match std::fs::read_to_string(&path) {
        Err(_) => Ok(Loaded {
            policy: policy::rules::Policy::shipped(),
            files: vec![],
            digest: "shipped".into(),
        }),
        Ok(text) => policy::rules::Policy::parse(&[policy::rules::Source {
            name: &path.display().to_string(),
            text: &text,
            main: true,
        }])
        .map(|policy| Loaded {
            policy,
            files: vec![path.clone()],
            digest: text.len().to_string(),
        })
        .map_err(|e| E(e.to_string(), vec![path])),
    }
}
