//! One call: dom0's answer, the service, the stream, the exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};

use crate::arguments::Arguments;
use crate::policy::{self, Header, Verdict};
use crate::pump::{self, End, Ended, Way};
use crate::service::{self, Found, Name};
use crate::transactions;
use crate::world::World;
use crate::{exit, log};

/// Makes the call and returns the program's exit code.
///
/// # Errors
/// Trouble on this machine, not in the call.
pub fn make(world: &mut World, call: Arguments) -> io::Result<u8> {
    if let Some(remote) = &call.source_qube {
        if !world.speak_for(remote)? {
            return Ok(refused());
        }
    }
    let name = Name::sanitised(&call.service);
    // A name that does not exist becomes `@default`, in Qubes too.
    let target = if world.qube_exists(&call.target) {
        call.target.as_str()
    } else {
        "@default"
    };
    let wanted = policy::Call {
        source: &world.source,
        target,
        service: &name.service,
        argument: &name.argument,
    };
    let verdict = policy::judge(&world.policy()?, wanted);
    world.note_call(target, &name.full(), verdict.target.is_some())?;
    if verdict.hang {
        loop {
            thread::park();
        }
    }
    thread::sleep(verdict.delay);
    let Some(qube) = verdict
        .target
        .clone()
        .filter(|qube| world.qube_exists(qube))
    else {
        return Ok(refused());
    };
    let (qube, name) = match world.relay(&qube)? {
        None => (qube, name),
        Some((relay, transport)) => (relay, name.nested(&transport, &qube)),
    };
    let Some(transaction) =
        transactions::begin(&world.path("."), &world.source, verdict.transaction)?
    else {
        log::line(
            "qrexec-agent-data.c:370:handle_data_client",
            "Data vchan connection failed",
        );
        return Ok(exit::LOCAL_TROUBLE);
    };
    drop(transaction);
    let fails = |code| fail_after_set_up(&call, code);
    match service::find(&world.services(&qube), &name) {
        Found::Nothing => fails(exit::NO_SUCH_SERVICE),
        Found::Unusable(_) => fails(exit::SERVICE_TROUBLE),
        Found::Socket(path) => match UnixStream::connect(path) {
            Ok(stream) => call_socket(world, call, &name, &verdict, stream),
            Err(_) => fails(exit::SERVICE_TROUBLE),
        },
        Found::Program(path) => match start_service(world, &qube, &name, &path) {
            Ok(service) => call_program(call, &verdict, service),
            Err(error) => fails(service::start_failure(&error)),
        },
    }
}

fn refused() -> u8 {
    eprintln!("Request refused");
    exit::REFUSED
}

/// The stream is there, and the service is not. What the caller has sent by now goes to nobody, and its socket is shut
/// before we end: whoever waits for our end can no longer answer on it.
fn fail_after_set_up(call: &Arguments, code: u8) -> io::Result<u8> {
    if call.use_stdin_socket {
        let stdin = io::stdin();
        let mut buffer = vec![0; 64 * 1024];
        // Nothing may be there.
        let _ = recv(stdin.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT);
        close_stdin_socket();
    }
    Ok(code)
}

/// As qrexec closes a socket that it uses both ways: for writing, then for reading.
fn close_stdin_socket() {
    for how in [Shutdown::Write, Shutdown::Read] {
        // One that the peer has closed needs no more.
        let _ = shutdown(io::stdin().as_raw_fd(), how);
    }
}

fn call_socket(
    world: &World,
    call: Arguments,
    name: &Name,
    verdict: &Verdict,
    stream: UnixStream,
) -> io::Result<u8> {
    let mut first = format!("{} {}\0", name.full(), world.source).into_bytes();
    let is_socket = call.use_stdin_socket;
    let mut local = Local::open(&call)?;
    match verdict.header {
        Header::Alone => (&stream).write_all(&std::mem::take(&mut first))?,
        Header::Joined => first.extend(local.wait_for_first_data()?),
        Header::Split => {
            for byte in std::mem::take(&mut first) {
                (&stream).write_all(&[byte])?;
            }
        }
    }
    first.extend(&call.prefix);
    let to_service = Way::new(local.from, stream.try_clone()?.into(), End::Shutdown, first)?;
    let to_client = Way::new(stream.into(), local.to, local.end, Vec::new())?;
    let ended = pump::run(to_service, to_client, None, verdict.cut)?;
    if is_socket {
        close_stdin_socket();
    }
    exit_code(ended, 0, local.program)
}

struct Service {
    process: Child,
    input: UnixStream,
    output: UnixStream,
}

fn start_service(world: &World, qube: &str, name: &Name, path: &Path) -> io::Result<Service> {
    let (input, their_input) = UnixStream::pair()?;
    let (output, their_output) = UnixStream::pair()?;
    let mut command = Command::new(path);
    command
        .env_clear()
        .envs(plain_environment())
        .envs(world.session(qube)?);
    command
        .env("QREXEC_REMOTE_DOMAIN", &world.source)
        .env("QREXEC_SERVICE_FULL_NAME", name.full())
        .env("QREXEC_SERVICE_ARGUMENT", &name.argument)
        .env("QREXEC_REQUESTED_TARGET_TYPE", "")
        .env("QREXEC_AGENT_PID", std::process::id().to_string());
    if !name.argument.is_empty() {
        command.arg(&name.argument);
    }
    command.process_group(0);
    command
        .stdin(OwnedFd::from(their_input))
        .stdout(OwnedFd::from(their_output))
        .stderr(Stdio::piped());
    Ok(Service {
        process: command.spawn()?,
        input,
        output,
    })
}

/// What a service finds when nobody is logged in to the target: no display, no SSH_AUTH_SOCK.
fn plain_environment() -> Vec<(&'static str, OsString)> {
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let user = std::env::var_os("USER").unwrap_or_else(|| "user".into());
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into();
    vec![
        ("HOME", home),
        ("USER", user.clone()),
        ("LOGNAME", user),
        ("SHELL", "/bin/sh".into()),
        ("PATH", path),
    ]
}

fn call_program(call: Arguments, verdict: &Verdict, service: Service) -> io::Result<u8> {
    let Service {
        mut process,
        input,
        output,
    } = service;
    let errors = process.stderr.take();
    let carry_errors = thread::spawn(move || {
        if let Some(mut errors) = errors {
            // Our stderr gone is no reason to end the call.
            drop(io::copy(&mut errors, &mut io::stderr()));
        }
    });
    let (exited, exiting) = UnixStream::pair()?;
    let waiter = thread::spawn(move || {
        let status = process.wait();
        drop(exiting);
        status
    });
    let is_socket = call.use_stdin_socket;
    let local = Local::open(&call)?;
    let to_service = Way::new(local.from, input.into(), End::Close, call.prefix)?;
    let to_client = Way::new(output.into(), local.to, local.end, Vec::new())?;
    let ended = pump::run(to_service, to_client, Some(exited.into()), verdict.cut)?;
    if is_socket {
        close_stdin_socket();
    }
    if ended == Ended::Cut {
        return exit_code(ended, 0, local.program);
    }
    let status = waiter
        .join()
        .map_err(|_| io::Error::other("the service's waiter died"))??;
    drop(carry_errors.join());
    exit_code(ended, status_code(status), local.program)
}

/// The caller's side of the stream.
struct Local {
    from: OwnedFd,
    to: OwnedFd,
    end: End,
    program: Option<Child>,
}

impl Local {
    fn open(call: &Arguments) -> io::Result<Self> {
        const STDOUT: i32 = 1;
        if let Some((program, arguments)) = call.local_program.split_first() {
            return Self::start(program, arguments);
        }
        let from = io::stdin().as_fd().try_clone_to_owned()?;
        if call.use_stdin_socket {
            let to = from.try_clone()?;
            return Ok(Self {
                from,
                to,
                end: End::Shutdown,
                program: None,
            });
        }
        let to = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self {
            from,
            to,
            end: End::CloseAlso(STDOUT),
            program: None,
        })
    }

    /// Connects a program of the caller in place of stdin and stdout, which it finds in `SAVED_FD_0` and `_1`.
    fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        const FIRST_FREE: i32 = 3;
        let (from, their_output) = UnixStream::pair()?;
        let (to, their_input) = UnixStream::pair()?;
        let saved_input = fcntl(io::stdin(), FcntlArg::F_DUPFD(FIRST_FREE))?;
        let saved_output = fcntl(io::stdout(), FcntlArg::F_DUPFD(FIRST_FREE))?;
        let mut command = Command::new(program);
        command.args(arguments);
        command
            .env("SAVED_FD_0", saved_input.to_string())
            .env("SAVED_FD_1", saved_output.to_string());
        command
            .stdin(OwnedFd::from(their_input))
            .stdout(OwnedFd::from(their_output));
        let program = command
            .spawn()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Self {
            from: from.into(),
            to: to.into(),
            end: End::Close,
            program: Some(program),
        })
    }

    fn wait_for_first_data(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 4096];
        let count = nix::unistd::read(&self.from, &mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }
}

fn status_code(status: ExitStatus) -> u8 {
    const KILLED: i32 = 128;
    let code = status
        .code()
        .or(status.signal().map(|signal| KILLED + signal))
        .unwrap_or(KILLED);
    u8::try_from(code).unwrap_or(exit::CUT)
}

/// The service's status wins unless it is zero; then the local program's counts.
fn exit_code(ended: Ended, service: u8, program: Option<Child>) -> io::Result<u8> {
    if ended == Ended::Cut {
        log::line(
            "process_io.c:251:qrexec_process_io",
            "vchan connection closed early (fds: 0 0 -1, status: -1 -1)",
        );
        return Ok(exit::CUT);
    }
    match program {
        Some(mut program) if service == 0 => Ok(status_code(program.wait()?)),
        _ => Ok(service),
    }
}

/// True when fd 0 is a socket, as `--use-stdin-socket` needs.
pub fn stdin_is_socket() -> bool {
    nix::sys::socket::getsockname::<nix::sys::socket::UnixAddr>(io::stdin().as_raw_fd()).is_ok()
}
