#!/usr/bin/env bash
# Runs one stage of a longer job and says how it ended and how long it took: stage.sh NAME COMMAND...
set -uo pipefail
name=$1
shift
printf '==> %s\n' "$name"
begin=$SECONDS
"$@"
status=$?
if [ "$status" = 0 ]; then
  printf '<== %s: passed in %d s\n\n' "$name" "$((SECONDS - begin))"
else
  printf '<== %s: FAILED after %d s\n\n' "$name" "$((SECONDS - begin))"
fi
exit "$status"
