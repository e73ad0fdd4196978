"""Opens COUNT agent connections by paramiko, keeps them all, and then signs by each. Prints how many did."""

import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko

count = int(sys.argv[1])


def opened(_):
    agent = paramiko.Agent()
    (key,) = agent.get_keys()
    return agent, key


def signed(held):
    agent, key = held
    data = b"SSHSIG" + b"".join(len(part).to_bytes(4, "big") + part for part in [b"file", b"", b"sha512", bytes(64)])
    is_signed = b"ssh-ed25519" in key.sign_ssh_data(data)
    agent.close()
    return is_signed


with ThreadPoolExecutor(count) as threads:
    held = list(threads.map(opened, range(count)))
    print(sum(threads.map(signed, held)))
