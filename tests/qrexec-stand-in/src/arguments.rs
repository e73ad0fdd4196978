//! The command line of `qrexec-client-vm`.

use std::ffi::OsString;
use std::fmt;

/// Longest target name that goes over the wire, in bytes; more is cut off silently.
const MAX_TARGET: usize = 63;

/// What one call asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pub target: String,
    /// `SERVICE` or `SERVICE+ARG`, as given.
    pub service: String,
    /// A program to connect instead of stdin and stdout, with its arguments.
    pub local_program: Vec<OsString>,
    /// Talk on fd 0 in both directions.
    pub use_stdin_socket: bool,
    /// Goes to the service before stdin.
    pub prefix: Vec<u8>,
    /// The qube that a relay calls for.
    pub source_qube: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    Call(Arguments),
    Help,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of `--help`; `stdin_socket` says whether this release knows `--use-stdin-socket`.
pub fn help(stdin_socket: bool) -> String {
    let mut text = String::from(
        "usage: qrexec-client-vm [options] target_vmname program_ident [local_program [local program arguments]]\n\
         options:\n\
         \x20 --buffer-size=N - minimum vchan buffer size\n\
         \x20 -t, --no-filter-escape-chars-stdout - opposite to --filter-escape-chars-stdout\n\
         \x20 -T, --no-filter-escape-chars-stderr - opposite to --filter-escape-chars-stderr\n\
         \x20 --filter-escape-chars-stdout - filter non-ASCII and control characters on stdout (default if stdout is a terminal)\n\
         \x20 --filter-escape-chars-stderr - filter non-ASCII and control characters on stderr (default if stderr is a terminal)\n\
         \x20 --agent-socket=PATH - path to connect to, default: /var/run/qubes/qrexec-agent\n\
         \x20 -p PREFIX-DATA, --prefix-data=PREFIX-DATA - send the given data before the provided stdin (can only be used once)\n",
    );
    if stdin_socket {
        text.push_str(
            "  --use-stdin-socket - use fd 0 (which must be socket) for both stdin and stdout\n",
        );
    }
    text.push_str("  -s SOURCE-QUBE, --source-qube=SOURCE-QUBE - Specify the source qube\n");
    text
}

/// Reads the command line after the program's name. Options end at the first other word or at `--`.
///
/// # Errors
/// An unknown option, a missing word, or options that exclude each other.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
    stdin_socket: bool,
) -> Result<Wanted, Usage> {
    let mut words = words.into_iter().peekable();
    let mut call = Arguments::default();
    while let Some(option) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"-")) {
        let option = option
            .into_string()
            .map_err(|_| Usage("option is not text".to_owned()))?;
        let (name, value) = option
            .split_once('=')
            .map_or((option.as_str(), None), |(n, v)| (n, Some(v)));
        match (name, value) {
            ("--", None) => break,
            ("--help" | "-h", None) => return Ok(Wanted::Help),
            ("-t" | "-T", None) => {}
            ("--no-filter-escape-chars-stdout" | "--no-filter-escape-chars-stderr", None) => {}
            ("--filter-escape-chars-stdout" | "--filter-escape-chars-stderr", None) => {}
            ("--buffer-size", Some(size)) => {
                size.parse::<u32>()
                    .map_err(|_| Usage(format!("Invalid buffer size: {size}")))?;
            }
            ("--agent-socket", Some(_)) => {}
            ("--use-stdin-socket", None) if stdin_socket => call.use_stdin_socket = true,
            ("-p", None) => call.prefix = text(words.next(), "prefix data")?.into_bytes(),
            ("--prefix-data", Some(data)) => call.prefix = data.as_bytes().to_vec(),
            ("-s", None) => call.source_qube = Some(text(words.next(), "source qube")?),
            ("--source-qube", Some(name)) => call.source_qube = Some(name.to_owned()),
            _ => return Err(Usage(format!("unrecognized option '{option}'"))),
        }
    }
    call.target = text(words.next(), "target_vmname")?.replace('$', "@");
    call.target.truncate(
        (0..=MAX_TARGET)
            .rev()
            .find(|&at| call.target.is_char_boundary(at))
            .unwrap_or(0),
    );
    call.service = text(words.next(), "program_ident")?;
    call.local_program = words.collect();
    if call.use_stdin_socket && !call.local_program.is_empty() {
        return Err(Usage(
            "--use-stdin-socket excludes a local program".to_owned(),
        ));
    }
    if call.service.is_empty() || call.service.starts_with('+') {
        return Err(Usage("service name is empty".to_owned()));
    }
    Ok(Wanted::Call(call))
}

fn text(word: Option<OsString>, what: &str) -> Result<String, Usage> {
    let word = word.ok_or_else(|| Usage(format!("{what} is missing")))?;
    word.into_string()
        .map_err(|_| Usage(format!("{what} is not text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn call(line: &str) -> Arguments {
        match parse(words(line), true) {
            Ok(Wanted::Call(call)) => call,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_end_at_the_first_other_word() {
        let given = call("--buffer-size=65536 -t -T vault qubes.SshAgent+work /bin/cat -n");
        assert_eq!(
            (given.target.as_str(), given.service.as_str()),
            ("vault", "qubes.SshAgent+work")
        );
        assert_eq!(given.local_program, words("/bin/cat -n"));
        assert_eq!(call("-- -vault svc").target, "-vault");
        assert_eq!(call("$default svc").target, "@default");
        assert_eq!(
            call(&format!("{} svc", "a".repeat(80))).target.len(),
            MAX_TARGET
        );
    }

    #[test]
    fn an_older_release_does_not_know_the_stdin_socket() {
        assert!(call("--use-stdin-socket vault svc").use_stdin_socket);
        assert!(parse(words("--use-stdin-socket vault svc"), false).is_err());
        assert!(help(true).contains("--use-stdin-socket") && !help(false).contains("stdin-socket"));
    }

    #[test]
    fn usage_errors_are_told() {
        for line in [
            "vault",
            "vault +x",
            "--bogus vault svc",
            "--buffer-size=x vault svc",
        ] {
            assert!(parse(words(line), true).is_err(), "{line}");
        }
        assert!(parse(words("--use-stdin-socket vault svc /bin/cat"), true).is_err());
    }
}
