//! The client program of qrexec, as far as one machine can be it.

use std::env;
use std::process::ExitCode;

use qrexec_stand_in::arguments::{self, Wanted};
use qrexec_stand_in::world::World;
use qrexec_stand_in::{call, exit};

fn main() -> ExitCode {
    let world = World::open();
    let stdin_socket = world.as_ref().map_or(true, World::knows_stdin_socket);
    let call = match arguments::parse(env::args_os().skip(1), stdin_socket) {
        Ok(Wanted::Call(call)) => call,
        Ok(Wanted::Help) => {
            print!("{}", arguments::help(stdin_socket));
            return ExitCode::SUCCESS;
        }
        Err(usage) => {
            return fail(
                exit::USAGE,
                format_args!("{usage}\n{}", arguments::help(stdin_socket)),
            );
        }
    };
    let mut world = match world {
        Ok(world) => world,
        Err(error) => return fail(exit::LOCAL_TROUBLE, format_args!("connect: {error}")),
    };
    if call.use_stdin_socket && !call::stdin_is_socket() {
        return fail(
            exit::USAGE,
            format_args!("--use-stdin-socket passed, but stdin not a socket"),
        );
    }
    let local_program = !call.local_program.is_empty();
    match call::make(&mut world, call) {
        Ok(code) => ExitCode::from(code),
        Err(error) if local_program => fail(exit::CUT, format_args!("local program: {error}")),
        Err(error) => fail(exit::LOCAL_TROUBLE, format_args!("{error}")),
    }
}

fn fail(code: u8, why: std::fmt::Arguments<'_>) -> ExitCode {
    eprintln!("qrexec-client-vm: {why}");
    ExitCode::from(code)
}
