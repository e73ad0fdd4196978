# A package with the names, files and places of qubes-split-ssh, the official one, and as little in them as tells that
# they are its (POSIX shell, sourced after roots.sh).

build_official() {
    stand_in=$work/qubes-split-ssh
    mkdir -p "$stand_in/DEBIAN" "$stand_in/usr/bin" "$stand_in/usr/lib/split-ssh" "$stand_in/usr/lib/systemd/system" \
        "$stand_in/etc/qubes-rpc" "$stand_in/etc/profile.d"
    cat >"$stand_in/DEBIAN/control" <<'CONTROL'
Package: qubes-split-ssh
Version: 1.0.0+deb12u1
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: a stand-in
CONTROL
    printf '/etc/qubes-rpc/qubes.SshAgent\n/etc/profile.d/qubes-ssh.sh\n' >"$stand_in/DEBIAN/conffiles"
    for file in usr/bin/split-ssh usr/lib/split-ssh/start-agent usr/lib/split-ssh/start-forwarder \
        etc/qubes-rpc/qubes.SshAgent; do
        printf '#!/bin/sh\necho official\n' >"$stand_in/$file"
        chmod 755 "$stand_in/$file"
    done
    echo '# official' >"$stand_in/etc/profile.d/qubes-ssh.sh"
    for unit in agent forwarder; do
        printf '[Service]\nExecStart=/usr/lib/split-ssh/start-%s %%i\n' "$unit" \
            >"$stand_in/usr/lib/systemd/system/split-ssh-$unit@.service"
    done
    dpkg-deb --root-owner-group --build "$stand_in" "$root/packages/qubes-split-ssh.deb" >/dev/null
}
