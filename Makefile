# What there is to do here. Everything else is cargo's.

CARGO ?= cargo

.PHONY: demo test bench fuzz lint

demo: ## Show a guarded login, a signed commit and the attacks, on this machine
	scripts/install-deps demo
	$(CARGO) build --quiet -p split-ssh -p qrexec-stand-in
	target/debug/split-ssh demo $(DEMO)

test: ## Install what the tests use and run them all
	scripts/install-deps test
	$(CARGO) build --workspace --bins
	scripts/run-tests

bench: ## Measure us beside the direct agent and the plain pipes
	scripts/install-deps demo
	$(CARGO) build --release --quiet --workspace --bins
	target/release/split-ssh-bench $(ROUNDS)

fuzz: ## Feed the parsers for a minute each
	scripts/install-deps fuzz
	fuzz/run $(or $(SECONDS),60)

lint: ## Formatting and clippy, as CI wants them
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
