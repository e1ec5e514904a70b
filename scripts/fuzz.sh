#!/bin/bash
# fuzz.sh TIME [PACKAGE…]
#
# Runs every fuzz target of the packages (all of ours by default) for TIME, such as
# 3s or 8m, one after the other. An input that breaks one is left in that package's
# testdata/fuzz, where every later test run tries it again.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?usage: fuzz.sh TIME [PACKAGE…]}
shift
[ $# -gt 0 ] || set -- ./...

# "go test -list" prints the targets of a package, then "ok <package> <time>".
targets=$(go test -list '^Fuzz' "$@" | awk '
	/^Fuzz/ { names = names " " $1 }
	$1 == "ok" { n = split(names, name); for (i = 1; i <= n; i++) print $2, name[i]; names = "" }')

# fuzz PACKAGE TARGET: again, up to five times in all, if the time ran out while Go had
# an input in work, which it then calls a failure without naming an input.
fuzz() {
	local attempt
	for attempt in 1 2 3 4 5; do
		go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 2s "$1" 2>&1 | tee "$log" && return
		if ! grep -q '^ *context deadline exceeded$' "$log" || grep -q 'Failing input' "$log"; then
			break
		fi
		echo "fuzz: attempt $attempt ended with an input in work"
	done
	return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
total=0
while read -r package name; do
	[ -n "$package" ] || continue
	echo "fuzz $package $name"
	fuzz "$package" "$name"
	total=$((total + 1))
done <<<"$targets"
echo "fuzz: $total targets, $time each"
