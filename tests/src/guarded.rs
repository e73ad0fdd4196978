//! A lab behind split-ssh: servers and a client in a qube, and the vault between them.

use std::process::Output;
use std::thread;

use serde_json::Value;

use crate::children::finish;
use crate::flows::Flow;
use crate::lab::Lab;
use crate::split_ssh::{ClientQube, Vault};
use crate::wait::wait_for;

#[derive(Debug)]
pub struct Guarded {
    pub client: ClientQube,
    pub vault: Vault,
    pub lab: Lab,
}

impl Guarded {
    /// The qube `work` and a vault with this policy.toml that knows the lab's servers. Questions wait for a
    /// terminal.
    pub fn over(lab: Lab, policy: &str) -> Self {
        let vault = Vault::start(&lab.world, &lab.agent, policy, &lab.known_hosts());
        let client = ClientQube::start(&lab.world, &vault, "work");
        Self { client, vault, lab }
    }

    pub fn run(&self, flow: Flow) {
        flow(&self.lab, &self.client.socket);
    }

    /// `ssh` to a server, and whether it got in.
    pub fn gets_in(&self, words: &[&str]) -> bool {
        let client = self.lab.client(&self.client.socket);
        let mut words = words.to_vec();
        words.push("echo inside");
        finish(&mut client.ssh(&words)).stdout == b"inside\n"
    }

    /// Runs `asks`, answers the one question that it leads to by `split-ssh allow` or `deny`, and returns that
    /// question and what came of it.
    pub fn answer<T: Send>(&self, verdict: &str, asks: impl FnOnce() -> T + Send) -> (Value, T) {
        thread::scope(|scope| {
            let asking = scope.spawn(asks);
            let question = self.question();
            self.vault.answer(verdict);
            (question, asking.join().expect("what asks does not fail"))
        })
    }

    /// Waits for a question, as `split-ssh pending` shows it.
    fn question(&self) -> Value {
        wait_for("a question", || {
            let pending = finish(&mut self.vault.control(&["pending", "--json"]));
            let pending: Value = serde_json::from_slice(&pending.stdout).expect("JSON");
            pending.get(0).map(|first| first["question"].clone())
        })
    }

    /// The log's records of sign requests, answered or not.
    pub fn signatures(&self) -> Vec<Value> {
        let mut records = self.vault.records();
        records.retain(|record| record.get("request_sha256").is_some());
        records
    }

    pub fn last_signature(&self) -> Value {
        self.signatures().pop().expect("a record of a signature")
    }

    /// `ssh-keygen` with the qube's agent.
    pub fn keygen(&self, words: &[&str]) -> Output {
        let mut keygen = self
            .lab
            .client(&self.client.socket)
            .with_agent("ssh-keygen");
        finish(keygen.args(words))
    }
}

/// A question's heading.
pub fn sentence(question: &Value) -> String {
    let parts = question["heading"].as_array().expect("a heading");
    let text = |part: &Value| {
        part["words"]
            .as_str()
            .or(part["name"].as_str())
            .or(part["text"].as_str())
            .map(str::to_owned)
    };
    parts.iter().filter_map(text).collect()
}

/// The rows of a question, facts and details.
pub fn rows(question: &Value) -> impl Iterator<Item = &Value> {
    let of = |what: &str| question[what].as_array().expect("rows");
    of("facts").iter().chain(of("details"))
}

/// The text of a question's row, with its note.
pub fn row(question: &Value, label: &str) -> String {
    let row = rows(question).find(|row| row["label"] == label);
    let row = row.unwrap_or_else(|| panic!("no row {label:?} in {question:#}"));
    let part = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", part("text"), part("note"))
        .trim_end()
        .to_owned()
}
