#!/bin/sh
# Tells dom0 what qvm-service can switch on in qubes of this template.
command -v qvm-features-request >/dev/null || exit 0
qvm-features-request supported-service.split-ssh-vault=1
qvm-features-request supported-service.split-ssh-client=1
# A template has no live socket by which the core agent would see the service.
qvm-features-request supported-rpc.qubes.SshAgent=1
