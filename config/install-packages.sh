#!/bin/sh
# Installs what a package list names and this machine lacks; does nothing, and calls no apt, when all is there.
# Usage: config/install-packages.sh [LIST]
set -eu

list=${1:-$(dirname "$0")/apt-packages.txt}
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { printf 'setup: %s\n' "$*" >&2; }

could_not() {
    say "$*"
    exit 2
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

offered() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

# One line a need: the alternatives, separated by spaces.
needs() { sed -e 's/#.*//' -e 's/|/ /g' -e 's/[[:space:]]*$//' -e '/^$/d' "$list"; }

# Needs, a line each, as one line to read.
listed() { echo "$1" | tr ' \n' '| ' | sed 's/ $//'; }

# The needs of which no alternative is installed.
missing() {
    needs | while read -r alternatives; do
        for package in $alternatives; do
            if installed "$package"; then continue 2; fi
        done
        echo "$alternatives"
    done
}

[ -r "$list" ] || could_not "the package list $list cannot be read."
command -v dpkg-query >/dev/null || could_not "this is not a Debian system; install by hand: $(listed "$(needs)")"

lacking=$(missing)
[ -n "$lacking" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    ask="ask for these to be installed: $(listed "$lacking")"
    command -v sudo >/dev/null || could_not "not root and no sudo; $ask"
    sudo true || could_not "sudo does not let this user in; $ask"
    as_root="sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8"
fi

say "installing: $(listed "$lacking")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM

# apt-get talks much; its words are shown when it fails.
apt_get() {
    $as_root apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq -y "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    return 1
}

# Old lists may still do: only a failed installation ends the run.
apt_get update || say "apt-get update failed; going on with the lists that are here."

chosen=
for_need() {
    for package in "$@"; do
        if offered "$package"; then
            chosen="$chosen $package"
            return 0
        fi
    done
    could_not "this release offers none of: $*"
}
while read -r alternatives; do
    # shellcheck disable=SC2086
    for_need $alternatives
done <<END
$lacking
END

# Without systemd (a chroot, a container) a package's start of its daemon can only fail or leave a stray process.
policy=/usr/sbin/policy-rc.d
if [ ! -d /run/systemd/system ] && [ ! -e "$policy" ]; then
    # shellcheck disable=SC2064
    trap "$as_root rm -f $policy '$log'" EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

# shellcheck disable=SC2086
apt_get install --no-install-recommends $chosen ||
    could_not "apt-get could not install:$chosen (its own words are above)."
lacking=$(missing)
[ -z "$lacking" ] || could_not "still missing after the installation: $(listed "$lacking")"
