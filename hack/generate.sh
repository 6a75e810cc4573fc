#!/usr/bin/env bash
# Writes every generated file of the API below a folder: generate.sh [FOLDER]; the repository itself when it is not given.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-.}
mkdir -p "$target/apis/v1alpha1" "$target/deploy/crds" "$target/docs/reference"
bin/controller-gen object paths=./apis/... "output:object:dir=$target/apis/v1alpha1"
bin/controller-gen crd paths=./apis/... "output:crd:dir=$target/deploy/crds"
bin/crdbounds "$target/deploy/crds"
bin/apidocs "$target/deploy/crds" >"$target/docs/reference/api.md"
