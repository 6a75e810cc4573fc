#!/usr/bin/env bash
# Writes every generated file of the API below a folder: generate.sh [FOLDER]; the repository itself when it is not given.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-.}
mkdir -p "$target/apis/v1alpha1" "$target/apis/applyv1alpha1" "$target/deploy/crds" "$target/docs/reference"
bin/controller-gen object paths=./apis/... "output:object:dir=$target/apis/v1alpha1"
# The generator names the package v1alpha1 too; under a name of its own no file has to rename either import. What it makes besides
# is for generated clients, which nothing here uses.
configurations=$(mktemp -d)
trap 'rm -rf "$configurations"' EXIT
bin/applyconfiguration-gen --output-dir "$configurations" --output-pkg tradewind.dev/tradewind/apis/applyv1alpha1 \
  --go-header-file /dev/null ./apis/v1alpha1
for file in "$configurations"/apis/v1alpha1/*.go; do
  sed 's/^package v1alpha1$/package applyv1alpha1/' "$file" >"$target/apis/applyv1alpha1/zz_generated.$(basename "$file")"
done
bin/controller-gen crd paths=./apis/... "output:crd:dir=$target/deploy/crds"
bin/crdbounds "$target/deploy/crds"
bin/apidocs "$target/deploy/crds" >"$target/docs/reference/api.md"
