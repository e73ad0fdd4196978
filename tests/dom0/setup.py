"""Tests of split-ssh for dom0, found by qubes.tests.extra through their entry point."""

from setuptools import setup

setup(
    name="split-ssh-tests",
    version="0.1.0",
    license="MIT OR Apache-2.0",
    packages=["split_ssh_tests"],
    entry_points={
        "qubes.tests.extra.for_template": [
            "split_ssh_tests = split_ssh_tests.tests:list_tests",
        ],
    },
)
