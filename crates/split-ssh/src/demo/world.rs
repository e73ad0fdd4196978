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

use nix::unistd::{Uid, User};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ending;
use super::programs::SEARCH_PATH;
use super::running::{PATIENCE, Running};
use common::error::Error;
use common::sync::lock;

/// A unix socket's path has 107 bytes, so the directory's has to be short.
const TEMPLATE: &str = "/tmp/split-ssh.XXXXXX";
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
        ending::adopt_orphans()?;
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
        ending::end_all_children();
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

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| Error::io("protect", path, &error))
}

/// The name of whoever runs the demo, as which it logs in.
pub fn user_name() -> String {
    User::from_uid(Uid::current())
        .ok()
        .flatten()
        .map_or_else(|| "root".to_owned(), |user| user.name)
}
