//! Split SSH as the community guide has it: `ncat` at both ends of qrexec and a script that tells of each
//! call. Nobody looks at what passes. qrexec itself is left out; it passes bytes as they are.

use std::path::PathBuf;

use super::agent::Agent;
use super::programs;
use super::running::Running;
use super::world::World;
use common::error::Error;

#[derive(Debug)]
pub struct PlainPipe {
    /// Where the client's programs find their agent.
    pub socket: PathBuf,
    _process: Running,
}

/// The program that the pipe is made of, if there is one.
pub fn program() -> Option<&'static str> {
    ["ncat", "socat"]
        .into_iter()
        .find(|program| programs::find(program).is_some())
}

impl PlainPipe {
    pub fn start(world: &World, program: &str, agent: &Agent) -> Result<Self, Error> {
        let (socket, agent) = (world.path("plain/pipe.sock"), agent.socket.display());
        let connect = match program {
            "ncat" => format!("ncat -U '{agent}'"),
            _ => format!("socat - 'UNIX-CONNECT:{agent}'"),
        };
        // The guide's service; its notify-send is a line in a file here.
        let service = world.script(
            "plain/qubes.SshAgent",
            &format!(
                "#!/bin/sh\necho 'SSH agent access from: work' >> '{}'\n{connect}\n",
                world.path("plain/notifications").display()
            ),
        )?;
        let mut command = world.command(program);
        match program {
            "ncat" => command.args(["-k", "-l", "-U"]).arg(&socket).arg("-c"),
            _ => command.arg(format!("UNIX-LISTEN:{},fork", socket.display())),
        };
        match program {
            "ncat" => command.arg(&service),
            _ => command.arg(format!("EXEC:{}", service.display())),
        };
        let mut process = world.start(command, "plain/output")?;
        process.wait_until("the plain pipe", |_| socket.exists())?;
        Ok(Self {
            socket,
            _process: process,
        })
    }
}
