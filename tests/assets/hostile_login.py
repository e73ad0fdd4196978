"""A client that says what it likes: it binds by any host key that it holds, has a login signed that names
any host, or none, and calls itself as it likes. Prints what `echo inside` says if the server lets it in."""

import argparse
import base64
import os
import socket
import struct
import threading

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_SERVICE_ACCEPT

arguments = argparse.ArgumentParser()
arguments.add_argument("port", type=int)
arguments.add_argument("user")
arguments.add_argument("key", help="the public key to log in with")
arguments.add_argument("--bind", help="the private host key to bind by")
arguments.add_argument("--names", help="the public host key that the login names")
arguments.add_argument("--called", help="what the client calls itself: `3.0 SecureCRT`")
arguments.add_argument("--bare", action="store_true", help="sign the session id without its length")
arguments = arguments.parse_args()


def string(value):
    return struct.pack(">I", len(value)) + value


def blob(path):
    with open(path) as line:
        algorithm, key = line.read().split()[:2]
    return algorithm.encode(), base64.b64decode(key)


class Agent:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.environ["SSH_AUTH_SOCK"])
        self.replies = self.socket.makefile("rb")

    def ask(self, payload):
        self.socket.sendall(string(payload))
        return self.replies.read(struct.unpack(">I", self.replies.read(4))[0])


class Login(AuthHandler):
    """In place of paramiko's own login, once the server takes one."""

    def hostile_login(self, _):
        agent, session = Agent(), self.transport.session_id
        if arguments.bind:
            host = paramiko.Ed25519Key.from_private_key_file(arguments.bind)
            signature = host.sign_ssh_data(session).asbytes()
            fields = [b"session-bind@openssh.com", host.asbytes(), session, signature]
            told = agent.ask(b"\x1b" + b"".join(map(string, fields)) + b"\0")
            print("bind:", told[0], flush=True)
        algorithm, key = blob(arguments.key)
        method = b"publickey-hostbound-v00@openssh.com" if arguments.names else b"publickey"
        packet = b"\x32" + string(arguments.user.encode()) + string(b"ssh-connection") + string(method)
        packet += b"\1" + string(algorithm) + string(key)
        if arguments.names:
            packet += string(blob(arguments.names)[1])
        start = session if arguments.bare else string(session)
        answer = agent.ask(b"\x0d" + string(key) + string(start + packet) + bytes(4))
        print("sign:", answer[0], flush=True)
        if answer[0] != 14:
            os._exit(1)
        self.transport._send_message(paramiko.Message(packet + answer[1:]))

    _parse_service_accept = hostile_login
    # paramiko 2 has a table of functions; later versions make one of what the object has.
    if isinstance(AuthHandler._client_handler_table, dict):
        _client_handler_table = {**AuthHandler._client_handler_table, MSG_SERVICE_ACCEPT: hostile_login}


transport = paramiko.Transport(("127.0.0.1", arguments.port))
if arguments.called:
    transport.local_version = "SSH-2.0-" + arguments.called
transport.start_client(timeout=30)
transport.auth_handler = login = Login(transport)
login.auth_method, login.username, login.auth_event = "publickey", arguments.user, threading.Event()
login._request_auth()
login.wait_for_response(login.auth_event)
channel = transport.open_session()
channel.exec_command("echo inside")
print(channel.makefile().read().decode(), end="")
transport.close()
