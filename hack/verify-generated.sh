#!/usr/bin/env bash
# Fails when a generated file differs from what `make generate` would write, and shows the difference.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
hack/generate.sh "$fresh"
stale=0
while IFS= read -r -d '' file; do
  diff -u "$file" "$fresh/$file" || stale=1
done < <(cd "$fresh" && find . -type f -print0)
for file in deploy/crds/* apis/applyv1alpha1/zz_generated.*; do
  [ -e "$fresh/$file" ] || { echo "$file is generated from nothing: remove it"; stale=1; }
done
[ "$stale" = 0 ] || { echo "generated files are out of date: run make generate"; exit 1; }
