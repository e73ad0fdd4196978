//! The one directory that the demo uses, and everything that runs in it. Both are gone at its end,
//! however it ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, Uid, User};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::programs::SEARCH_PATH;
use crate::error::Error;
use crate::sync::lock;

/// A unix socket's path has 107 bytes, so the directory's has to be short.
const TEMPLATE: &str = "/tmp/split-ssh.XXXXXX";
/// Far more than any step takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);
/// Between asking a program to end and making it.
const GRACE: Duration = Duration::from_secs(2);
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A handle on the directory; all handles are the same world.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    outputs: AtomicUsize,
    elsewhere: Mutex<Vec<PathBuf>>,
    /// Nothing starts any more. Held while a program starts, so that none is missed.
    over: Mutex<bool>,
}

impl World {
    /// # Errors
    /// No directory can be made, or signals can't be waited for.
    pub fn new() -> Result<Self, Error> {
        // What our programs leave behind becomes our child, so that we find it.
        nix::sys::prctl::set_child_subreaper(true)
            .map_err(|error| Error::new(format!("cannot adopt orphaned processes: {error}")))?;
        let directory = nix::unistd::mkdtemp(TEMPLATE)
            .map_err(|error| Error::io("make", Path::new(TEMPLATE), &error.into()))?;
        let world = Self(Arc::new(Inner {
            directory,
            outputs: AtomicUsize::new(0),
            elsewhere: Mutex::default(),
            over: Mutex::new(false),
        }));
        world.end_on_signals()?;
        Ok(world)
    }

    /// Ends all programs and removes the directory.
    pub fn end(&self) {
        self.0.end();
    }

    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.directory.join(name)
    }

    /// Makes a folder of mode 0700 with all that lead to it.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let mut path = self.0.directory.clone();
        for part in Path::new(name) {
            path.push(part);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("make", &path, &error));
                }
                _ => set_mode(&path, 0o700)?,
            }
        }
        Ok(path)
    }

    /// Makes a folder that has to be elsewhere, if it is not there. It goes with this world.
    pub fn folder_elsewhere(&self, path: &Path) -> Result<(), Error> {
        match fs::create_dir(path) {
            Ok(()) => lock(&self.0.elsewhere).push(path.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("make", path, &error)),
        }
        Ok(())
    }

    /// Writes a file of mode 0600.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        if let Some((folder, _)) = name.rsplit_once('/') {
            self.folder(folder)?;
        }
        let path = self.path(name);
        fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
        set_mode(&path, 0o600)?;
        Ok(path)
    }

    /// Writes a program.
    pub fn script(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.file(name, text)?;
        set_mode(&path, 0o700)?;
        Ok(path)
    }

    /// A command whose home is in here and that has nothing of the caller's session: no agent, no
    /// display, no configuration.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.0.directory);
        command
            .env("HOME", &self.0.directory)
            .env("USER", user_name())
            .env("LOGNAME", user_name())
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }

    /// Starts a program in a process group of its own, its output going to the file `log`.
    pub fn start(&self, command: Command, log: &str) -> Result<Running, Error> {
        self.start_writing(command, self.file(log, "")?, None)
    }

    fn start_writing(
        &self,
        mut command: Command,
        log: PathBuf,
        errors: Option<&Path>,
    ) -> Result<Running, Error> {
        let open = |path: &Path| {
            File::options()
                .append(true)
                .open(path)
                .map_err(|error| Error::io("write", path, &error))
        };
        command
            .stdout(open(&log)?)
            .stderr(open(errors.unwrap_or(&log))?)
            .process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = self
            .spawn(&mut command)
            .map_err(|error| Error::new(format!("cannot run {name}: {error}")))?;
        Ok(Running { child, log, name })
    }

    /// Runs a program to its end, whatever that is.
    ///
    /// # Errors
    /// It can't be run, or takes longer than [`PATIENCE`].
    pub fn finish(&self, command: Command) -> Result<Output, Error> {
        let number = self.0.outputs.fetch_add(1, Ordering::Relaxed);
        let log = self.file(&format!("output/{number}"), "")?;
        let errors = self.file(&format!("output/{number}.errors"), "")?;
        let mut running = self.start_writing(command, log, Some(&errors))?;
        let status = running.wait(PATIENCE)?;
        let read = |path: &Path| fs::read(path).unwrap_or_default();
        Ok(Output {
            status,
            stdout: read(&running.log),
            stderr: read(&errors),
        })
    }

    /// Runs a program that has to succeed, and returns its output.
    pub fn run(&self, command: Command) -> Result<String, Error> {
        let shown = format!("{command:?}");
        let output = self.finish(command)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::new(format!(
            "{shown} failed with {}: {said}",
            output.status
        )))
    }

    /// How many processes work in this world's directory.
    pub fn processes(&self) -> usize {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|process| fs::read_link(process.path().join("cwd")).ok())
            .filter(|folder| folder.starts_with(&self.0.directory))
            .count()
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let over = lock(&self.0.over);
        if *over {
            return Err(io::Error::other("the demo is over"));
        }
        command.spawn()
    }

    /// Cleans up and ends the program when the person, or the system, has had enough.
    fn end_on_signals(&self) -> Result<(), Error> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|error| Error::new(format!("cannot wait for signals: {error}")))?;
        let inner = Arc::downgrade(&self.0);
        thread::spawn(move || {
            if signals.forever().next().is_none() {
                return;
            }
            // The steps fail when their programs end: nobody wants to read of that.
            let mut out = io::stdout().lock();
            let _errors = io::stderr().lock();
            if let Some(inner) = inner.upgrade() {
                inner.end();
            }
            let _ = writeln!(out, "\n\nInterrupted. Nothing is left running or on disk.");
            std::process::exit(INTERRUPTED);
        });
        Ok(())
    }
}

impl Inner {
    fn end(&self) {
        let mut over = lock(&self.over);
        if std::mem::replace(&mut *over, true) {
            return;
        }
        end_all_children();
        let _ = fs::remove_dir_all(&self.directory);
        for folder in lock(&self.elsewhere).drain(..) {
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends our children, and theirs, which become ours.
fn end_all_children() {
    let began = Instant::now();
    loop {
        let signal = if began.elapsed() < GRACE {
            Signal::SIGTERM
        } else {
            Signal::SIGKILL
        };
        for child in children() {
            let _ = kill(child, signal);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        thread::sleep(PAUSE);
    }
}

fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .map(Pid::from_raw)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| Error::io("protect", path, &error))
}

/// A program that runs beside us.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Running {
    /// What it has written so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> Result<std::process::ExitStatus, Error> {
        wait_for(&format!("the end of {}", self.name), patience, || {
            self.child.try_wait().ok().flatten()
        })
    }

    /// Waits until `ready`, or says why the program ended before.
    pub fn wait_until(&mut self, what: &str, ready: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let ended = wait_for(what, PATIENCE, || {
            if ready(self) {
                Some(false)
            } else {
                (!self.runs()).then_some(true)
            }
        })?;
        if ended {
            let said = self.said().trim().to_owned();
            return Err(Error::new(format!("{} ended: {said}", self.name)));
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) -> Result<(), Error> {
        if self.runs() {
            let pid = i32::try_from(self.child.id()).map_err(|_| Error::new("no such process"))?;
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            self.wait(PATIENCE)?;
        }
        Ok(())
    }
}

/// Asks `ready` until it has an answer.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T, Error> {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ready() {
            return Ok(answer);
        }
        if Instant::now() >= end {
            return Err(Error::new(format!("waited too long for {what}")));
        }
        thread::sleep(PAUSE);
    }
}

/// The name of whoever runs the demo, as which it logs in.
pub fn user_name() -> String {
    User::from_uid(Uid::current())
        .ok()
        .flatten()
        .map_or_else(|| "root".to_owned(), |user| user.name)
}
