#!/bin/sh
# private-pcscd.sh COMMAND [ARGUMENT…]
#
# Runs COMMAND with a pcscd and two virtual readers of its own («Virtual PCD 00 00»
# on TCP port 35963 of 127.0.0.1, «Virtual PCD 00 01» on 35964), in namespaces that
# nobody else sees. Everything it starts ends with it. Needs no root. Where the system
# refuses namespaces it says so and COMMAND gets the machine's own pcscd.
#
# The exit status is COMMAND's, or 125 when it could not be run.
set -eu

program=private-pcscd.sh

fail() {
	echo "$program: $*" >&2
	exit 125
}

# inside runs in the new namespaces, as process 1: when it ends, all of them do.
inside() {
	if [ -d /run/pcscd ]; then
		mount -t tmpfs -o mode=0755 tmpfs /run/pcscd
	else
		mount -t tmpfs -o mode=0755 tmpfs /run
		mkdir /run/pcscd
	fi
	ip link set lo up

	log=/run/pcscd/pcscd.log
	pcscd --foreground --info >"$log" 2>&1 </dev/null &
	daemon=$!
	tries=0
	until grep -q 'daemon ready' "$log"; do
		kill -0 "$daemon" 2>/dev/null || { cat "$log" >&2; fail "pcscd ended"; }
		tries=$((tries + 1))
		[ "$tries" -le 500 ] || { cat "$log" >&2; fail "pcscd is not ready after 5 s"; }
		sleep 0.01
	done

	status=0
	"$@" || status=$?
	kill "$daemon" 2>/dev/null || true
	exit "$status"
}

if [ "${1-}" = --inside ]; then
	shift
	inside "$@"
fi

[ $# -gt 0 ] || { echo "usage: $program COMMAND [ARGUMENT…]" >&2; exit 125; }
PATH=$PATH:/usr/sbin:/sbin # pcscd and ip, which a normal user's PATH lacks
export PATH
for tool in pcscd ip unshare; do
	command -v "$tool" >/dev/null || fail "$tool is not installed (Debian: pcscd vsmartcard-vpcd iproute2 util-linux)"
done

set -- "$0" --inside "$@"
namespaces="--mount --net --pid --fork --kill-child --mount-proc"
[ "$(id -u)" = 0 ] || namespaces="--user --map-root-user $namespaces"

# shellcheck disable=SC2086 # several options
if unshare $namespaces true 2>/dev/null; then
	exec unshare $namespaces sh "$@"
fi
echo "$program: the system refuses namespaces; using the machine's own pcscd" >&2
shift 2
exec "$@"
