# Fresh Debian systems in folders, and how to boot them (POSIX shell, sourced after lib.sh).

# Besides what every Debian has: a session's systemd, OpenSSH, and what the dialog links.
root_packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,openssh-client,init-system-helpers

need_root() {
    [ "$(id -u)" -eq 0 ] || {
        echo "$test_name: needs root, for a Debian in a folder" >&2
        exit 1
    }
}

# debootstrap SUITE FOLDER PACKAGES: a Debian in a new folder, whole or not at all. What debootstrap mounts there goes
# away with it, however it ends.
fetch_debian() {
    echo "$test_name: fetching Debian $1" >&2
    rm -rf "$2" "$2.part"
    mkdir -p "$2.part"
    nice unshare --mount --propagation private debootstrap --variant=minbase ${3:+--include="$3"} "$1" "$2.part" \
        "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$2.log" 2>&1 || {
        tail -3 "$2.log" >&2
        exit 1
    }
}

# The folder of a Debian of this suite that is never changed; fetched once.
base_root() {
    base=$PWD/target/roots/$1
    [ ! -d "$base" ] || return 0
    gtk=libgtk-3-0
    [ "$1" = bookworm ] || gtk=libgtk-3-0t64
    fetch_debian "$1" "$base" "$root_packages,$gtk"
    mv "$base.part" "$base"
}

# A Debian 13 with its own Rust and what the packages are built with, as $root; fetched once.
builder_root() {
    root=$PWD/target/roots/trixie-builder
    [ ! -d "$root" ] || return 0
    fetch_debian trixie "$root"
    # Not by debootstrap, which configures these many packages in an order that fails.
    # shellcheck disable=SC2046 # a list of words
    (
        root=$root.part
        install_packages build-essential rustc cargo debhelper $(sed -n 's/^ \(lib[a-z0-9-]*\|xz-utils\)[ ,<].*/\1/p' debian/control)
    ) >>"$root.log" 2>&1 || {
        tail -3 "$root.log" >&2
        exit 1
    }
    mv "$root.part" "$root"
}

# A copy of the suite's system as $root, with a user as qubes have one.
fresh_root() {
    base_root "$1"
    root=$PWD/target/roots/$test_name.work
    rm -rf "$root"
    cp -a --reflink=auto "$base" "$root"
    at_end="rm -rf '$root' '$root.console'; $at_end"
    chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash user
    mkdir -p "$root/packages"
    cp target/packages/*.deb "$root/packages"
}

in_root() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# apt answers no question: a package that asks one fails.
install_packages() {
    in_root apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# Boots $root with its own systemd, until it has started everything.
boot() {
    flags=
    # Where the machine itself runs no systemd, there is nobody to register with.
    [ -d /run/systemd/system ] || flags='--keep-unit --register=no'
    # nspawn wants a /run that is in memory.
    # shellcheck disable=SC2016,SC2086 # a list of flags
    unshare --mount --propagation private sh -c 'mount -t tmpfs -o mode=755 tmpfs /run; exec "$@"' boot \
        systemd-nspawn --quiet --directory="$root" --private-network --boot --console=pipe --link-journal=no $flags \
        </dev/null >"$root.console" 2>&1 &
    nspawn=$!
    at_end="kill -KILL $nspawn 2>/dev/null; $at_end"
    within 60 has_started || {
        echo "$test_name: the system does not boot" >&2
        tail -5 "$root.console" >&2
        exit 1
    }
}

has_started() {
    leader=$(pgrep -P "$nspawn" | head -1)
    [ -n "$leader" ] || return 1
    case $(inside systemctl is-system-running 2>/dev/null) in
    running | degraded) ;;
    *) return 1 ;;
    esac
}

# Runs a command in the booted system as its root.
inside() {
    nsenter --target "$leader" --all /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 "$@"
}

# Runs a line of shell in the booted system as this user, in a login shell without a session.
as() {
    name=$1
    shift
    inside runuser -u "$name" -- env "HOME=/home/$name" sh -lc "cd; $*"
}

shut_down() {
    inside systemctl --no-block poweroff >/dev/null 2>&1 || :
    within 30 is_gone || kill -KILL "$nspawn" 2>/dev/null || :
    wait "$nspawn" 2>/dev/null || :
}

is_gone() {
    ! kill -0 "$nspawn" 2>/dev/null
}

# qrexec_stand_in CLIENT: gives $root what a qube has besides: dom0's word by qubesdb-read, its services, and calls of the qube
# CLIENT to `vault`, which is this very system.
qrexec_stand_in() {
    cargo build --quiet -p qrexec-stand-in
    install -m 755 target/debug/qrexec-client-vm "$root/usr/bin/qrexec-client-vm"
    mkdir -p "$root/qubesdb" "$root/world/qubes/vault"
    cat >"$root/usr/bin/qubesdb-read" <<'SCRIPT'
#!/bin/sh
exec cat "/qubesdb$1" 2>/dev/null
SCRIPT
    chmod 755 "$root/usr/bin/qubesdb-read"
    cat >"$root/etc/systemd/system/qubes-sysinit.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mkdir -p /run/qubes-service; cd /qubesdb/qubes-service 2>/dev/null || exit 0; for s in *; do grep -q 1 "$s" && touch "/run/qubes-service/$s"; done; :'
UNIT
    wants=$root/etc/systemd/system/sysinit.target.wants
    mkdir -p "$wants"
    ln -s ../qubes-sysinit.service "$wants/qubes-sysinit.service"
    ln -s /etc/qubes-rpc "$root/world/qubes/vault/services"
    echo "$1" >"$root/world/source"
    echo "qubes.SshAgent * $1 @default allow target=vault" >"$root/world/policy"
    echo "qubes.SshAgent * $1 vault allow" >>"$root/world/policy"
    : >"$root/world/calls"
    chmod -R a+rwX "$root/world"
    for unit in split-ssh-client.service split-ssh-forwarder@.service; do
        mkdir -p "$root/etc/systemd/system/$unit.d"
        printf '[Service]\nEnvironment=QREXEC_STAND_IN=/world\nReadWritePaths=/world\n' >"$root/etc/systemd/system/$unit.d/stand-in.conf"
    done
}

dom0_says() {
    mkdir -p "$root/qubesdb${1%/*}"
    echo "$2" >"$root/qubesdb$1"
}
