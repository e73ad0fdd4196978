#!/usr/bin/env python3
"""Makes the vectors beside it: what real OpenSSH programs and pam_ssh_agent_auth say to a real
ssh-agent, and what it answers, cut into messages by a proxy between them.

    capture.py [SK_PROVIDER]

Needs root (it starts sshd), ssh, sshd, ssh-agent, softhsm2 and libpam-ssh-agent-auth. SK_PROVIDER is
OpenSSH's own software security key (`make regress/misc/sk-dummy/sk-dummy.so` in its source); without
it there are no vectors of security keys. All keys are made for the purpose and thrown away.

  request/  messages to the agent, named LABEL-NUMBER
  reply/    messages from the agent, alike
  key/      public key blobs
"""

import base64
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# pam_ssh_agent_auth wants its files below folders that nobody else can write.
WORK = Path(tempfile.mkdtemp(prefix="capture", dir="/run"))
AGENT, PROXY = str(WORK / "agent"), str(WORK / "proxy")
SK_PROVIDER = shutil.copy(sys.argv[1], WORK) if len(sys.argv) > 1 else None
ASKPASS = WORK / "askpass"
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": str(WORK),
    "SSH_AUTH_SOCK": PROXY,
    "SSH_ASKPASS": str(ASKPASS),
    "SSH_ASKPASS_REQUIRE": "force",
    "LC_ALL": "C",
}
seen = []
saved = set()


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data


def read_message(sock):
    head = read_exactly(sock, 4)
    return head and read_exactly(sock, struct.unpack(">I", head)[0])


def serve(client):
    with client, socket.socket(socket.AF_UNIX) as agent:
        agent.connect(AGENT)
        while (request := read_message(client)) is not None:
            agent.sendall(struct.pack(">I", len(request)) + request)
            reply = read_message(agent)
            seen.append((request, reply))
            client.sendall(struct.pack(">I", len(reply)) + reply)


def listen():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(PROXY)
    listener.listen()
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def save(kind, name, data):
    if (kind, data) in saved:
        return
    saved.add((kind, data))
    (HERE / kind).mkdir(exist_ok=True)
    names = (f"{name}{suffix}.bin" for suffix in ["", *(f"-{n}" for n in range(2, 100))])
    name = next(name for name in names if (kind, name) not in saved)
    saved.add((kind, name))
    (HERE / kind / name).write_bytes(data)


def run(*command, ok=True, **env):
    done = subprocess.run(
        [str(word) for word in command],
        env=ENV | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=WORK,
    )
    if ok and done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout.decode()}")


def record(label, *command, **options):
    """Runs `command` and saves every message that was not seen before."""
    seen.clear()
    run(*command, **options)
    keep(label)


def keep(label):
    for request, reply in list(seen):
        save("request", f"{label}-{request[0]}", request)
        if len(reply) > 1:
            save("reply", f"{label}-{reply[0]}", reply)


def public(name):
    return base64.b64decode((WORK / name).read_text().split()[1])


KEYS = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa256": ["-t", "ecdsa", "-b", "256"],
    "ecdsa384": ["-t", "ecdsa", "-b", "384"],
    "ecdsa521": ["-t", "ecdsa", "-b", "521"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "dsa": ["-t", "dsa"],
}
if SK_PROVIDER:
    KEYS["sk-ed25519"] = ["-t", "ed25519-sk", "-w", SK_PROVIDER]
    KEYS["sk-ecdsa"] = ["-t", "ecdsa-sk", "-w", SK_PROVIDER]


def make_keys():
    for name, options in (KEYS | {"ca": KEYS["ed25519"], "ca-rsa": KEYS["rsa"]}).items():
        run("ssh-keygen", "-q", "-N", "", "-C", f"{name} key", "-f", name, *options)
    for name in KEYS:
        run("ssh-keygen", "-q", "-s", "ca", "-I", f"{name} id", "-n", "root,alice", f"{name}.pub")
        save("key", name, public(f"{name}.pub"))
        save("key", f"{name}-cert", public(f"{name}-cert.pub"))
    options = ["-O", "clear", "-O", "force-command=/bin/true", "-O", "source-address=10.0.0.0/8"]
    certificates = {
        "options": ["-s", "ca-rsa", "-z", "7", *options, "-O", "permit-pty"],
        "expiry": ["-s", "ca", "-V", "20260101000000Z:20270101000000Z", "-n", "root"],
        "host": ["-s", "ca", "-h", "-n", "localhost,127.0.0.1", "-V", "always:forever"],
    }
    for name, options in certificates.items():
        shutil.copy(WORK / "ed25519.pub", WORK / f"{name}.pub")
        run("ssh-keygen", "-q", "-I", f"{name} id", *options, f"{name}.pub")
        save("key", f"{name}-cert", public(f"{name}-cert.pub"))


def agent_messages():
    # OpenSSH's agent answers `query` (29) from 10.3 on only; the request is the same.
    record("empty", "ssh-add", "-l", ok=False)
    for name in KEYS:
        provider = ["-S", SK_PROVIDER] if name.startswith("sk-") else []
        add = ["ssh-add", "-q", *provider, name]
        # One is enough: nobody reads what such a request carries.
        record(f"add-{name}", *add) if name == "ed25519" else run(*add)
    record("list", "ssh-add", "-L")
    for name in KEYS:
        record(f"test-{name}", "ssh-add", "-T", f"{name}.pub")
    record("delete", "ssh-add", "-q", "-d", "ed25519.pub")
    record("constrained", "ssh-add", "-q", "-c", "-t", "3600", "ecdsa256")
    library = "/usr/lib/softhsm/libsofthsm2.so"
    record("smartcard", "ssh-add", "-s", library, ok=False)
    record("smartcard-constrained", "ssh-add", "-t", "60", "-s", library, ok=False)
    record("smartcard-remove", "ssh-add", "-e", library, ok=False)
    record("lock", "ssh-add", "-x")
    record("unlock", "ssh-add", "-X")
    record("delete-all", "ssh-add", "-D")
    for name in ["ed25519", "ecdsa256", "rsa"]:
        run("ssh-add", "-q", name)


def signatures():
    (WORK / "text").write_text("text\n")
    for name, namespace in [("ed25519", "git"), ("rsa", "file")]:
        record(f"sshsig-{name}", "ssh-keygen", "-Y", "sign", "-f", f"{name}.pub", "-n", namespace, "text")
        (WORK / "text.sig").unlink()
    record("sshsig-sha256", "ssh-keygen", "-Y", "sign", "-O", "hashalg=sha256", "-f", "ed25519.pub", "-n", "file", "text")
    run("ssh-add", "-q", "ca")
    for name in KEYS:
        record(f"certificate-{name}", "ssh-keygen", "-q", "-U", "-s", "ca.pub", "-I", "id", "-n", "root", f"{name}.pub")
    record("certificate-host", "ssh-keygen", "-q", "-U", "-s", "ca.pub", "-h", "-I", "id", "-V", "+1d", "host.pub")
    run("ssh-add", "-q", "-d", "ca.pub")


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited for sshd in vain")
        time.sleep(0.02)


def login(label, host_key, *options, command=("true",), sshd=()):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [
        f"Port={port}", "ListenAddress=127.0.0.1", f"HostKey={WORK / host_key}", "StrictModes=no",
        f"AuthorizedKeysFile={WORK / 'authorized'}", f"TrustedUserCAKeys={WORK / 'ca.pub'}",
        f"PidFile={WORK / 'pid'}", "PermitRootLogin=yes", "UsePAM=no",
        "PubkeyAcceptedAlgorithms=*", "AllowAgentForwarding=yes", *sshd,
    ]
    words = [word for setting in settings for word in ("-o", setting)]
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-q", "-f", "/dev/null", *words], env=ENV, cwd=WORK
    )
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        record(
            f"login-{label}", "ssh", "-F", "/dev/null", "-p", port, "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "PubkeyAcceptedAlgorithms=+ssh-rsa", *options,
            "root@127.0.0.1", *command,
        )
    finally:
        server.terminate()
        server.wait()


def logins():
    names = ["ed25519", "ecdsa256", "rsa", *(name for name in KEYS if name.startswith("sk-"))]
    (WORK / "authorized").write_text("".join((WORK / f"{name}.pub").read_text() for name in names))
    for name in ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"]:
        run("ssh-keygen", "-q", "-N", "", "-C", "host", "-f", f"host-{name}", *KEYS[name])
    run("ssh-keygen", "-q", "-s", "ca", "-h", "-I", "host", "-n", "127.0.0.1", "host-ed25519.pub")
    key = lambda name: ["-o", "IdentitiesOnly=yes", "-i", f"{name}.pub"]
    for host in ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"]:
        login(f"to-{host}", f"host-{host}", *key("ed25519"))
    certificate = f"HostCertificate={WORK / 'host-ed25519-cert.pub'}"
    login("to-certificate", "host-ed25519", *key("ed25519"), sshd=[certificate])
    for name in ["ecdsa256", "rsa"]:
        login(f"with-{name}", "host-ed25519", *key(name))
    login("with-certificate", "host-ed25519", *key("ed25519"), "-o", "CertificateFile=ed25519-cert.pub")
    login("with-rsa-certificate", "host-ed25519", *key("rsa"), "-o", "CertificateFile=rsa-cert.pub")
    login("unbound", "host-ed25519", *key("ed25519"), "-o", "PubkeyAuthentication=unbound")
    login("curve25519", "host-ed25519", *key("ed25519"), "-o", "KexAlgorithms=curve25519-sha256")
    login("forwarding", "host-ed25519", *key("ed25519"), "-A", command=("ssh-add", "-l"))
    if SK_PROVIDER:
        for name in ["sk-ed25519", "sk-ecdsa"]:
            run("ssh-add", "-q", "-S", SK_PROVIDER, name)
            login(f"with-{name}", "host-ed25519", *key(name))
    # sshd with its host key in an agent: a raw exchange hash.
    run("ssh-add", "-q", "host-ecdsa256")
    (WORK / "host-agent.pub").write_text((WORK / "host-ecdsa256.pub").read_text())
    login("of-hostkeyagent", "host-agent.pub", *key("ed25519"), sshd=[f"HostKeyAgent={PROXY}"])


def sudo():
    """pam_ssh_agent_auth, in a process with a PAM configuration and a host name of its own."""
    (WORK / "sudo").write_text(
        f"auth required pam_ssh_agent_auth.so file={WORK / 'authorized'}\n"
    )
    program = f"""
import ctypes
class Conversation(ctypes.Structure):
    _fields_ = [("conv", ctypes.c_void_p), ("data", ctypes.c_void_p)]
pam, handle, conversation = ctypes.CDLL("libpam.so.0"), ctypes.c_void_p(), Conversation()
pam.pam_start_confdir(
    b"sudo", b"root", ctypes.byref(conversation), b"{WORK}", ctypes.byref(handle)
)
pam.pam_set_item(handle, 8, b"root")  # PAM_RUSER
raise SystemExit(pam.pam_authenticate(handle, 0))
"""
    (WORK / "make install").write_text(program)
    script = "hostname work && exec python3 'make install' 'all of it'"
    record("sudo", "unshare", "--uts", "sh", "-c", script)


def main():
    ASKPASS.write_text("#!/bin/sh\necho 1234\n")
    ASKPASS.chmod(0o700)
    agent = subprocess.Popen(["ssh-agent", "-D", "-P", "*", "-a", AGENT], env=ENV, stdout=subprocess.DEVNULL)
    os.makedirs("/run/sshd", exist_ok=True)  # sshd's empty folder, which Debian makes at boot
    try:
        wait_for(lambda: os.path.exists(AGENT))
        threading.Thread(target=listen, daemon=True).start()
        wait_for(lambda: os.path.exists(PROXY))
        make_keys()
        agent_messages()
        signatures()
        logins()
        sudo()
    finally:
        agent.terminate()
        agent.wait()
        shutil.rmtree(WORK)


main()
