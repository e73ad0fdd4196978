"""Logs in by paramiko with whatever the agent offers, one key after the other, and prints what `echo` says."""

import sys

import paramiko

port, host_key, user = int(sys.argv[1]), sys.argv[2], sys.argv[3]
client = paramiko.SSHClient()
client.load_host_keys(host_key)
client.connect("127.0.0.1", port, username=user, look_for_keys=False)
_, output, _ = client.exec_command("echo inside")
print(output.read().decode(), end="")
client.close()
