//! Man pages from split-ssh's own definition of its command line; what that does not say comes from `docs/`. The
//! shells' completions ask the program itself, and lie beside the pages.

pub mod markdown;

use std::fs;
use std::io;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
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

const COMPLETIONS: [(&str, &str); 3] = [
    (
        "bash/split-ssh",
        include_str!("../../split-ssh/completions/split-ssh.bash"),
    ),
    (
        "zsh/_split-ssh",
        include_str!("../../split-ssh/completions/_split-ssh"),
    ),
    (
        "fish/split-ssh.fish",
        include_str!("../../split-ssh/completions/split-ssh.fish"),
    ),
];

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
    for (file, text) in COMPLETIONS {
        fs::write(folder.join(file), text)?;
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
    let mut roff = String::new();
    let mut lines = generated.lines().filter(|line| !line.starts_with(".TH "));
    while let Some(line) = lines.next() {
        roff += &line.replace("split\\-ssh\\-vault(1)", "split\\-ssh\\-vault(8)");
        roff.push('\n');
        if line == ".SH SYNOPSIS" {
            // clap_mangen's names flags without their values.
            lines.next();
            roff += &synopsis(command);
        }
    }
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

/// The command with its flags, each with the name of its value.
fn synopsis(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    // Without hyphenation: a flag is copied as it stands.
    let mut roff = format!(".nh\n\\fB{}\\fR", markdown::escaped(name));
    let is_shown = |arg: &&Arg| {
        let asks_for_help = ["help", "version"].contains(&arg.get_id().as_str());
        !arg.is_hide_set() && !asks_for_help
    };
    let shown = || command.get_arguments().filter(is_shown);
    let flags = shown().filter(|arg| !arg.is_positional());
    for arg in flags.chain(shown().filter(|arg| arg.is_positional())) {
        let usage = markdown::escaped(&usage(arg));
        roff += &match arg.is_required_set() {
            true => format!(" {usage}"),
            false => format!(" [{usage}]"),
        };
    }
    if command.has_subcommands() {
        let optional = !command.is_subcommand_required_set();
        roff += if optional { " [COMMAND]" } else { " COMMAND" };
    }
    roff + "\n.hy\n"
}

fn usage(arg: &Arg) -> String {
    let flag = match (arg.get_short(), arg.get_long()) {
        (_, Some(long)) => format!("--{long}"),
        (Some(short), None) => format!("-{short}"),
        (None, None) => String::new(),
    };
    let takes_values = arg.is_positional() || arg.get_action().takes_values();
    let possible = arg.get_possible_values();
    let names = arg.get_value_names().unwrap_or_default();
    let value = match (takes_values, possible.is_empty()) {
        (false, _) => String::new(),
        (true, true) => names.join(" "),
        (true, false) => {
            let words: Vec<&str> = possible
                .iter()
                .map(clap::builder::PossibleValue::get_name)
                .collect();
            words.join("|")
        }
    };
    let more = if arg
        .get_num_args()
        .is_some_and(|number| number.max_values() > 1)
    {
        "..."
    } else {
        ""
    };
    format!("{flag} {value}{more}").trim().to_owned()
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
