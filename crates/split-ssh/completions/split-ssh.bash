# split-ssh itself says what can stand at the cursor; where it says nothing, bash offers files.
_split_ssh() {
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(split-ssh complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
}
complete -o bashdefault -o default -F _split_ssh split-ssh
