#!/bin/bash
# integration.sh
#
# Runs the tests with the build tag "integration", which go through pcscd, the
# virtual reader and other programs, one package at a time, then the story of
# scripts/story.sh. Tests without the tag are not run again.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t files < <(grep -rlE --include='*_test.go' '^//go:build (.*[^a-z])?integration' .)
mapfile -t packages < <(dirname "${files[@]}" | sort -u)
names=$(sed -n 's/^func \(Test[A-Za-z0-9_]*\)(.*/\1/p' "${files[@]}" | grep -vx TestMain | sort -u | paste -sd '|')

rm -f build/consumers.txt
go mod download # some compile for other systems where there is no network
go test -tags gles,integration -p 1 -timeout 20m -run "^($names)\$" "${packages[@]}"
echo "What programs can do with the PKCS#11 library:"
sort build/consumers.txt
internal/rig/private-pcscd.sh scripts/story.sh emulated
