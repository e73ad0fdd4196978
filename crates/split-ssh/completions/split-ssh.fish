# split-ssh itself says what can stand at the cursor; where it says nothing, fish offers files.
function __split_ssh_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (split-ssh complete -- $words[2..] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c split-ssh -f -a '(__split_ssh_complete)'
