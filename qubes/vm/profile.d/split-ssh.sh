# Which SSH agent this qube's programs use (POSIX shell, sourced).
#  - in a vault: the agent of its own keyring `default`, for KeePassXC and ssh-add. Never the guard: it takes no keys;
#  - in a client: the way to its vault.
# An agent that came with an ssh login stays.
if [ -z "${SSH_CONNECTION-}" ] || [ -z "${SSH_AUTH_SOCK-}" ]; then
    if [ -e /run/qubes-service/split-ssh-vault ]; then
        SSH_AUTH_SOCK=/run/split-ssh/default.sock
        export SSH_AUTH_SOCK
    elif [ -n "${QUBES_SSH_AGENT-}" ] && [ -S "$HOME/.split-ssh/$QUBES_SSH_AGENT.sock" ]; then
        SSH_AUTH_SOCK=$HOME/.split-ssh/$QUBES_SSH_AGENT.sock
        export SSH_AUTH_SOCK
    elif [ -e /run/qubes-service/split-ssh-client ]; then
        SSH_AUTH_SOCK=/run/split-ssh-client/agent.sock
        export SSH_AUTH_SOCK
    fi
fi
