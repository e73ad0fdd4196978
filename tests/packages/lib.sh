# What the tests of the packages share (POSIX shell, sourced from the project's folder).

test_name=${0##*/}
failures=0

# A folder that goes away at the end.
work=$(mktemp -d)
at_end="rm -rf '$work'"
# Whatever of it fails, the rest is done, and the exit status stays.
trap 'status=$?; set +e; eval "$at_end"; exit "$status"' EXIT
trap 'exit 1' INT TERM

# check WHAT COMMAND…: says whether the command succeeds; its output is shown if it does not.
check() {
    what=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        echo "ok    $test_name: $what"
    else
        echo "FAIL  $test_name: $what"
        sed 's/^/      /' "$work/output"
        failures=$((failures + 1))
    fi
}

# refuse WHAT COMMAND…: as check, for a command that has to fail.
refuse() {
    what=$1
    shift
    check "$what" fails "$@"
}

fails() {
    ! "$@"
}

# same EXPECTED ACTUAL: two texts.
same() {
    [ "$1" = "$2" ] || {
        printf 'expected: %s\nfound:    %s\n' "$1" "$2"
        return 1
    }
}

# within SECONDS COMMAND…: until it succeeds; the output of the last try is shown if none does.
within() {
    tries=$(($1 * 5))
    shift
    until "$@" >"$work/try" 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || {
            cat "$work/try"
            return 1
        }
        sleep 0.2
    done
}

finish() {
    [ "$failures" -eq 0 ] || {
        echo "$test_name: $failures failed"
        exit 1
    }
}
