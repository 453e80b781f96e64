#!/usr/bin/env bash
# Install the Spark jobs on a Spark master: spark_jobs/install.sh user@host [ssh options].
# Copies what git knows of this checkout, as it is now, over one SSH connection; the rest happens there
# (scripts/install_here.sh). Run again when nothing changed it takes seconds. See docs/guides/spark-master.md.
set -euo pipefail
say() { printf '%s\n' "$*" >&2; }

if [ $# -lt 1 ] || [ "$1" = --help ] || [ "${1#-}" != "$1" ]; then
  say "Usage: spark_jobs/install.sh user@host [ssh options, such as -p 2222 -i key]"
  [ "${1-}" = --help ] && exit 0
  exit 2
fi
target=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"

archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  say "install.sh: $root is not a git checkout, so it is unknown which files belong to the jobs. Nothing was copied." \
    "Run it from a clone of the repository."
  exit 1
fi
# The same files give the same bytes, and so the same name of the release.
git ls-files -z -- pyproject.toml uv.lock README.md LICENSE views spark_jobs scripts/uv.sh |
  while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
  LC_ALL=C sort --zero-terminated |
  tar --null --files-from=- --create --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX |
  gzip --no-name >"$archive"
id=$(sha256sum "$archive" | cut -c1-12)

say "Installing release $id on $target ($(($(wc -c <"$archive") / 1024)) kB) ..."
code=0
# shellcheck disable=SC2029  # the release's name is ours to fill in
ssh "$@" "$target" "umask 022
  give_up() { echo \"install.sh: the files could not be written to \$HOME/.cassandra-views (see above). What is installed\" \
    \"there still works. Let this account write there, with 1 GB free, and have bash, tar and gzip; then run it again.\" >&2
    [ -z \"\$incoming\" ] || rm -rf \"\$incoming\"; exit 1; }
  incoming=
  { mkdir -p .cassandra-views/releases && incoming=\$(mktemp -d .cassandra-views/incoming.XXXXXX) &&
    chmod 755 \"\$incoming\" && tar -xzf - -C \"\$incoming\"; } || give_up
  exec bash \"\$incoming/spark_jobs/scripts/install_here.sh\" $id" <"$archive" || code=$?
if [ "$code" = 255 ]; then
  say "install.sh: the connection to $target failed or was lost (see above). What is installed there still works." \
    "Check address, user, key and host key ('ssh $* $target true'), then run it again."
fi
exit "$code"
