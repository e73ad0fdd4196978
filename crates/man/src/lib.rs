//! Man pages and completions, all from split-ssh's own definition of its command line; what that does not
//! say comes from `docs/`.

pub mod markdown;

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// The heading of every page.
const MANUAL: &str = "Split SSH";

/// A page of docs/, and what a reader of the list of pages is told.
pub struct Written {
    pub name: &'static str,
    pub section: &'static str,
    pub about: &'static str,
    pub text: &'static str,
}

/// The pages that are written by hand.
pub const WRITTEN: [Written; 4] = [
    Written {
        name: "split-ssh-policy",
        section: "5",
        about: "what may be signed with which key, for whom",
        text: include_str!("../../../docs/policy.md"),
    },
    Written {
        name: "split-ssh-vault.toml",
        section: "5",
        about: "keyrings and bounds of a vault",
        text: include_str!("../../../docs/man/vault.toml.md"),
    },
    Written {
        name: "split-ssh-client.toml",
        section: "5",
        about: "which vaults a qube reaches, and how",
        text: include_str!("../../../docs/man/client.toml.md"),
    },
    Written {
        name: "split-ssh-prompt",
        section: "1",
        about: "asks a question of the SSH vault in a window",
        text: include_str!("../../../docs/man/prompt.md"),
    },
];

/// Sections that follow what the command line says.
const VAULT_MORE: &str = include_str!("../../../docs/man/vault.md");
const SPLIT_SSH_MORE: &str = include_str!("../../../docs/man/split-ssh.md");

/// Writes all pages and completions below `folder`.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(folder: &Path) -> io::Result<()> {
    for part in ["man1", "man5", "man8", "bash", "zsh", "fish"] {
        fs::create_dir_all(folder.join(part))?;
    }
    write_commands(&commands(), folder)?;
    for page in WRITTEN {
        let Written {
            name,
            section,
            about,
            text,
        } = page;
        let head = title(name, section)
            + &format!(
                ".SH NAME\n{} \\- {}\n",
                markdown::escaped(name),
                markdown::escaped(about)
            );
        let file = folder.join(format!("man{section}/{name}.{section}"));
        fs::write(file, markdown::ascii(&(head + &markdown::to_roff(text))))?;
    }
    for (shell, file) in [
        (Shell::Bash, "bash/split-ssh"),
        (Shell::Zsh, "zsh/_split-ssh"),
        (Shell::Fish, "fish/split-ssh.fish"),
    ] {
        let mut completions = Vec::new();
        generate(shell, &mut commands(), "split-ssh", &mut completions);
        // For bash, clap_complete spells a program's name with a hyphen in two ways, and then finds no
        // flag of a subcommand (https://github.com/clap-rs/clap/issues/6421).
        let completions =
            String::from_utf8_lossy(&completions).replace("split__subcmd__ssh", "split__ssh");
        fs::write(folder.join(file), completions)?;
    }
    Ok(())
}

/// The command line, complete with what every subcommand inherits.
pub fn commands() -> Command {
    let mut command = split_ssh::cli::Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The page's name, `split-ssh-hosts-add`, and its section.
pub fn page_of(command: &Command) -> (String, &'static str) {
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let section = if name == "split-ssh-vault" { "8" } else { "1" };
    (name, section)
}

fn write_commands(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write_commands(below, folder)?;
    }
    let (name, section) = page_of(command);
    let mut generated = Vec::new();
    Man::new(command.clone()).render(&mut generated)?;
    let generated = String::from_utf8_lossy(&generated);
    // clap_mangen leaves an empty date out, so that what follows it slips, and takes all pages for section 1.
    let mut roff: String = generated
        .lines()
        .filter(|line| !line.starts_with(".TH "))
        .map(|line| line.replace("split\\-ssh\\-vault(1)", "split\\-ssh\\-vault(8)") + "\n")
        .collect();
    roff.insert_str(0, &title(&name, section));
    let more = match name.as_str() {
        "split-ssh" => SPLIT_SSH_MORE,
        "split-ssh-vault" => VAULT_MORE,
        _ => "",
    };
    roff += &markdown::to_roff(more);
    if !more.contains("## See also") {
        roff += ".SH SEE ALSO\n.BR split\\-ssh (1)\n";
    }
    let file = folder.join(format!("man{section}/{name}.{section}"));
    fs::write(file, markdown::ascii(&roff))
}

/// Without a date, so that two builds write the same page.
fn title(name: &str, section: &str) -> String {
    format!(
        ".TH {} {section} \"\" \"{}\" \"{MANUAL}\"\n",
        markdown::escaped(&name.to_uppercase()),
        version()
    )
}

fn version() -> String {
    format!("split-ssh {}", env!("CARGO_PKG_VERSION"))
}
