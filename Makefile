# What there is to do here. Everything else is cargo's.

CARGO ?= cargo
UNITDIR ?= /usr/lib/systemd/system
ZSHDIR ?= /usr/share/zsh/site-functions
PROFILE ?= packaged

.PHONY: demo test bench instructions soak fuzz campaign lint msrv build install-vm install-vm-files install-prompt install-dom0 \
	deb rpm source repo test-packages test-packages-trixie reproducible

demo: ## Show a guarded login, a signed commit and the attacks, on this machine
	scripts/install-deps demo
	$(CARGO) build --quiet -p split-ssh -p qrexec-stand-in -p split-ssh-demo
	target/debug/split-ssh-demo $(DEMO)

test: ## Install what the tests use and run them all
	scripts/install-deps test
	$(CARGO) build --workspace --bins
	$(CARGO) build --manifest-path prompt/Cargo.toml
	scripts/run-tests

bench: ## Measure us beside the direct agent and the plain pipes (ROUNDS=200 BEFORE=/an/earlier/split-ssh)
	scripts/install-deps demo
	$(CARGO) build --release --quiet --workspace --bins
	target/release/split-ssh-bench $(or $(ROUNDS),200) $(BEFORE)
	prompt/tests/measure

instructions: ## Count the instructions that the vault's own program takes for a signature by a rule
	scripts/install-deps instructions
	$(CARGO) build --release --quiet -p split-ssh
	tests/bench/instructions

soak: ## Thousands of connections while what carries them is killed at random (SOAK=10000)
	scripts/install-deps test
	$(CARGO) build --workspace --bins
	SOAK=$(or $(SOAK),10000) $(CARGO) test -p split-ssh-tests --test soak

fuzz: ## Feed the parsers for a minute each
	scripts/install-deps fuzz
	fuzz/run $(or $(SECONDS),60)

campaign: ## The long runs: random policies, and every parser for an hour each (CASES=…, SECONDS=…)
	scripts/install-deps fuzz
	SPLIT_SSH_CASES=$(or $(CASES),200000) $(CARGO) test --profile campaign -p split-ssh-wire -p split-ssh-policy
	fuzz/run $(or $(SECONDS),3600)

lint: ## Formatting, clippy and the rules for dependencies, as CI wants them
	scripts/install-deps lint
	for manifest in Cargo.toml prompt/Cargo.toml fuzz/Cargo.toml; do \
		$(CARGO) fmt --all --check --manifest-path $$manifest && \
		$(CARGO) clippy --manifest-path $$manifest --workspace --all-targets --locked -- -D warnings || exit 1; \
	done
	python3 -B scripts/check-dependencies

msrv: ## Check everything with the oldest Rust that we promise, Debian 13's own (fetches a Debian 13 once)
	[ "$$(id -u)" -ne 0 ] || scripts/install-deps msrv
	tests/packages/oldest-rust

build: ## The two programs as packages have them, man pages and completions
	scripts/build-release

install-vm: install-vm-files ## What a template has, but for the dialog (DESTDIR=…; after `make build`)
	install -D -m 755 target/$(PROFILE)/split-ssh $(DESTDIR)/usr/bin/split-ssh
	ln -sf split-ssh $(DESTDIR)/usr/bin/split-ssh-sign
	for section in 1 5 8; do \
		install -d $(DESTDIR)/usr/share/man/man$$section; \
		find target/pages/man$$section -type f ! -name 'split-ssh-prompt.*' \
			-exec install -m 644 -t $(DESTDIR)/usr/share/man/man$$section {} + || exit 1; \
	done
	install -D -m 644 -t $(DESTDIR)/usr/share/bash-completion/completions target/pages/bash/split-ssh
	install -D -m 644 -t $(DESTDIR)/usr/share/fish/vendor_completions.d target/pages/fish/split-ssh.fish
	install -D -m 644 -t $(DESTDIR)$(ZSHDIR) target/pages/zsh/_split-ssh

install-vm-files:
	install -d $(DESTDIR)/usr/lib/split-ssh $(DESTDIR)/etc/qubes-rpc $(DESTDIR)/etc/split-ssh
	install -m 755 -t $(DESTDIR)/usr/lib/split-ssh qubes/vm/lib/*
	ln -sfn /run/split-ssh-vault/qrexec.sock $(DESTDIR)/etc/qubes-rpc/qubes.SshAgent
	install -D -m 644 -t $(DESTDIR)/etc/qubes/rpc-config qubes/vm/rpc-config/qubes.SshAgent
	install -D -m 755 -t $(DESTDIR)/etc/qubes/post-install.d qubes/vm/post-install.d/30-split-ssh.sh
	install -D -m 644 -t $(DESTDIR)/etc/profile.d qubes/vm/profile.d/split-ssh.sh
	install -D -m 755 qubes/vm/user-environment-generator \
		$(DESTDIR)/usr/lib/systemd/user-environment-generators/60-split-ssh
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) qubes/vm/system/*
	install -D -m 644 qubes/vm/system.preset $(DESTDIR)/usr/lib/systemd/system-preset/75-split-ssh.preset
	install -D -m 644 -t $(DESTDIR)/usr/lib/tmpfiles.d qubes/vm/tmpfiles.d/split-ssh.conf
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/user qubes/vm/user-vault/*
	install -D -m 644 -t $(DESTDIR)/usr/share/applications qubes/vm/applications/split-ssh-ui.desktop

install-prompt: ## The dialog (DESTDIR=…; after `make build`)
	install -D -m 755 prompt/target/$(PROFILE)/split-ssh-prompt $(DESTDIR)/usr/bin/split-ssh-prompt
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man1 target/pages/man1/split-ssh-prompt.1
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/user qubes/vm/user/*
	install -D -m 644 qubes/vm/user.preset $(DESTDIR)/usr/lib/systemd/user-preset/75-split-ssh-prompt.preset

install-dom0: ## What dom0 has: policy, a salt formula, tests (DESTDIR=…)
	install -D -m 664 -t $(DESTDIR)/etc/qubes/policy.d qubes/dom0/policy.d/90-split-ssh.policy
	install -D -m 644 -t $(DESTDIR)/srv/salt/split-ssh \
		$(addprefix qubes/dom0/salt/split-ssh/,init.sls policy.jinja template.sls)
	install -D -m 644 -t $(DESTDIR)/usr/share/split-ssh-dom0 qubes/dom0/salt/split-ssh/pillar.example.sls
	install -D -m 644 -t $(DESTDIR)/usr/share/split-ssh-dom0/tests tests/dom0/README.md tests/dom0/setup.py
	install -D -m 644 -t $(DESTDIR)/usr/share/split-ssh-dom0/tests/split_ssh_tests tests/dom0/split_ssh_tests/*.py

deb: ## Packages for Debian templates, in target/packages
	scripts/install-deps package
	scripts/package-deb

rpm: ## Packages for Fedora templates and dom0, in target/packages
	scripts/install-deps package
	scripts/package-rpm

source: ## The sources of all crates in one archive, for builds without network
	scripts/package-source

repo: ## A signed repository of the built packages, in target/repo (REPO_KEY=…, REPO_URL=…)
	scripts/install-deps repo
	REPO_KEY='$(REPO_KEY)' REPO_URL='$(REPO_URL)' scripts/package-repo

test-packages: deb rpm ## Contents; install, upgrade and purge in a fresh Debian 12; its systemd booted (some minutes)
	scripts/install-deps packages
	tests/packages/contents
	tests/packages/install bookworm
	tests/packages/install-rpm
	tests/packages/repo
	tests/packages/boot bookworm

test-packages-trixie: deb ## The same in a fresh Debian 13, and a build there as Qubes' builder makes it
	scripts/install-deps packages
	tests/packages/install trixie
	tests/packages/boot trixie
	tests/packages/first-steps trixie
	tests/packages/builder

reproducible: ## Build the packages in two folders and compare them (two release builds)
	scripts/install-deps package
	tests/packages/reproducible
