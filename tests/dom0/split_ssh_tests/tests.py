"""A vault, a client that dom0 lets in and one that it does not, with real qrexec.

Written, and not run by the project itself: see README.md beside setup.py.
"""

import os
import time

import qubes.tests.extra

POLICY_FILE = "/etc/qubes/policy.d/00-split-ssh-test.policy"
# A vault that is off has to start first.
PATIENCE = 180

VAULT_POLICY = """default = "deny"

[[rule]]
name = "files of the tests"
kind = "sshsig"
namespace = "file"
action = "allow"
"""


class SplitSsh(qubes.tests.extra.ExtraTestCase):
    """A vault with one key in keyring `work`, and a client of it."""

    def setUp(self):
        super().setUp()
        self.vault, self.client, self.stranger = self.create_vms(
            ["vault", "client", "stranger"]
        )
        self.vault.features["service.split-ssh-vault"] = "1"
        for client in (self.client, self.stranger):
            client.features["service.split-ssh-client"] = "1"
            client.features["vm-config.split-ssh-keyring"] = "work"
        self.allow(self.client)
        self.vault.start()
        if self.vault.run("test -x /usr/bin/split-ssh", wait=True) != 0:
            self.skipTest("split-ssh is not in this template")
        self.must(
            self.vault,
            "install -d -m 700 ~/.ssh ~/.ssh/identities.d/work ~/.config/split-ssh"
            " && ssh-keygen -q -t ed25519 -N '' -C test-key"
            " -f ~/.ssh/identities.d/work/id_test",
        )
        self.must(
            self.vault, "cat > ~/.config/split-ssh/policy.toml", VAULT_POLICY
        )
        self.must(self.vault, "split-ssh reload work")
        self.client.start()

    def allow(self, client):
        """Lets a client reach the keyring `work`, as `split-ssh dom0-policy` prints it."""
        lines = "".join(
            "qubes.SshAgent +work {} {} allow target={}\n".format(
                client.name, target, self.vault.name
            )
            for target in ("@default", self.vault.name)
        )
        with open(POLICY_FILE, "w", encoding="ascii") as policy:
            policy.write(lines)
        self.addCleanup(self.forget_policy)

    @staticmethod
    def forget_policy():
        if os.path.exists(POLICY_FILE):
            os.unlink(POLICY_FILE)

    def ask(self, vm, command, data="", user=None):
        """Runs a command in a login shell; returns its exit code, stdout and stderr."""
        process = vm.run(
            "bash -lc '{}'".format(command.replace("'", "'\\''")),
            passio_popen=True,
            passio_stderr=True,
            user=user,
        )
        stdout, stderr = process.communicate(data.encode())
        return process.returncode, stdout.decode(), stderr.decode()

    def must(self, vm, command, data=""):
        code, stdout, stderr = self.ask(vm, command, data)
        self.assertEqual(code, 0, "{}: {}{}".format(command, stdout, stderr))
        return stdout

    def sign(self, vm, namespace):
        """Signs by the vault's key, whose public half the client has from its agent."""
        return self.ask(
            vm,
            "ssh-add -L > /tmp/key.pub && echo hello"
            " | ssh-keygen -q -Y sign -n {} -f /tmp/key.pub".format(namespace),
        )


class TC_00_Vault(SplitSsh):
    """What a client may do, and what it may not."""

    def test_000_keys_are_listed(self):
        self.assertIn("test-key", self.must(self.client, "ssh-add -l"))

    def test_010_what_a_rule_allows_is_signed(self):
        code, signature, stderr = self.sign(self.client, "file")
        self.assertEqual(code, 0, stderr)
        self.must(
            self.client,
            "sed \"s/^/me /\" /tmp/key.pub > /tmp/allowed && cat > /tmp/signature"
            " && echo hello | ssh-keygen -Y verify -f /tmp/allowed -I me -n file"
            " -s /tmp/signature",
            signature,
        )

    def test_011_what_no_rule_allows_is_refused(self):
        code, _, _ = self.sign(self.client, "git")
        self.assertNotEqual(code, 0)
        self.assertIn(self.client.name, self.must(self.vault, "split-ssh log"))

    def test_020_a_client_changes_no_keys(self):
        for command in (
            "ssh-add -D",
            "ssh-keygen -q -t ed25519 -N \"\" -f /tmp/mine && ssh-add /tmp/mine",
        ):
            code, _, _ = self.ask(self.client, command)
            self.assertNotEqual(code, 0, command)
        self.assertIn("test-key", self.must(self.client, "ssh-add -l"))

    def test_030_doctor_finds_nothing_bad(self):
        self.must(self.client, "ssh-add -l")
        self.must(self.vault, "split-ssh doctor --vault")
        self.must(self.client, "split-ssh doctor --client")


class TC_10_Dom0(SplitSsh):
    """What dom0 decides."""

    def test_000_a_stranger_is_refused_and_told_why(self):
        self.stranger.start()
        code, _, _ = self.ask(self.stranger, "ssh-add -l")
        self.assertNotEqual(code, 0)
        self.assertIn("exit 126", self.must(self.stranger, "split-ssh status"))

    def test_010_a_vault_that_is_off_is_started(self):
        self.vault.shutdown()
        end = time.time() + PATIENCE
        while self.vault.is_running() and time.time() < end:
            time.sleep(1)
        self.assertIn("test-key", self.must(self.client, "ssh-add -l"))

    def test_020_the_keyring_comes_from_dom0(self):
        self.assertIn("+work", self.must(self.client, "split-ssh status"))


def list_tests():
    return (TC_00_Vault, TC_10_Dom0)
