//! `split-ssh log`: the audit log for people.

mod filter;
mod follow;
mod show;
mod since;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use common::error::Error;
use common::log::heads;
use common::log::read;
use common::log::verify::{self, Broken};
use common::paths::Paths;

use filter::Filter;
use show::Show;

/// Records that `--follow` begins with, unless `--since` says otherwise.
const BEFORE_FOLLOW: usize = 10;

/// Show what was signed, refused and asked, and why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go on with new records as they come
    #[arg(long, short)]
    follow: bool,

    /// Print the records as stored, one JSON object a line
    #[arg(long)]
    json: bool,

    /// Check that no line was changed, torn or taken away
    #[arg(long, conflicts_with_all = ["follow", "json", "qube", "key", "host", "since"])]
    verify: bool,

    /// Only records of this qube (`*` and `?` as in rules)
    #[arg(long, value_name = "QUBE", value_parser = filter::glob)]
    qube: Option<policy::glob::Glob>,

    /// Only records of this key: label, comment or fingerprint
    #[arg(long, value_name = "KEY", value_parser = filter::glob)]
    key: Option<policy::glob::Glob>,

    /// Only records of this host: name or fingerprint
    #[arg(long, value_name = "HOST", value_parser = filter::glob)]
    host: Option<policy::glob::Glob>,

    /// Only records since: 15m, yesterday, 19:30, 2026-11-21
    #[arg(long, value_name = "TIME", value_parser = since::parse)]
    since: Option<policy::record::Timestamp>,
}

/// # Errors
/// A log that is not there or cannot be read.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    if args.verify {
        return check(paths);
    }
    let mut show = Show {
        json: args.json,
        colour: super::colour(),
        to_people: io::stdout().is_terminal(),
        out: io::stdout(),
        out_failed: false,
    };
    let filter = Filter {
        qube: args.qube,
        key: args.key,
        host: args.host,
        since: args.since,
    };
    let shown = if args.follow {
        let before = if filter.since.is_some() {
            usize::MAX
        } else {
            BEFORE_FOLLOW
        };
        follow::follow(&paths.state, &filter, before, &mut show)
    } else {
        all(paths, &filter, &mut show)
    };
    match shown {
        Ok(code) => Ok(code),
        // `split-ssh log | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) if show.out_failed => Err(Error::printing(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(none(paths)),
        Err(error) => Err(Error::new(format!("cannot read the log: {error}"))
            .hint("run this as the vault's user")),
    }
}

fn none(paths: &Paths) -> Error {
    Error::new(format!("there is no log in {}", paths.state.display()))
        .hint("the vault writes it: run this in the vault qube, as the vault's user")
}

fn all(paths: &Paths, filter: &Filter, show: &mut Show) -> io::Result<ExitCode> {
    let opened = read::open_all(&paths.state)?;
    if opened.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut code = ExitCode::SUCCESS;
    for mut lines in opened {
        while let Some(line) = lines.next_line()? {
            if !show.line(&lines, &line, filter)? {
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn check(paths: &Paths) -> Result<ExitCode, Error> {
    let heads = heads::noted(&paths.audit_log());
    let whole = verify::verify(&paths.state, &heads)
        .map_err(|broken| Error::new(broken.to_string()).hint(meaning(&broken)))?;
    if whole.files == 0 {
        return Err(none(paths));
    }
    let plural = |number, one, many| if number == 1 { one } else { many };
    let mut text = format!(
        "{} {} in {} {}: all as written",
        whole.records,
        plural(whole.records, "record", "records"),
        whole.files,
        plural(whole.files as u64, "file", "files"),
    );
    if whole.first > 1 {
        text.push_str(&format!(
            "; records 1 to {} were rotated away",
            whole.first - 1
        ));
    }
    text.push_str(&match whole.heads {
        0 => "\nthe journal has no head to compare with: records cut from the end would not be missed".to_owned(),
        1 => "\n1 head in the journal agrees".to_owned(),
        heads => format!("\n{heads} heads in the journal agree"),
    });
    writeln!(io::stdout(), "{text}").map_err(|error| Error::printing(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn meaning(broken: &Broken) -> &'static str {
    match broken {
        Broken::Unreadable(_) => "run this as the vault's user",
        Broken::Rewritten { .. } | Broken::Cut { .. } => {
            "if you removed the log yourself, its heads stay in the journal until that is rotated"
        }
        _ => "the records before that place are as they were written",
    }
}
