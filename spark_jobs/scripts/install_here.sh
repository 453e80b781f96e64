#!/usr/bin/env bash
# The half of spark_jobs/install.sh that runs on the Spark master, out of the files it has just copied.
# What was installed before serves until the new release is whole, and is left alone where something fails.
set -euo pipefail
script="install.sh"
# shellcheck source=spark_jobs/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
id=$1
incoming=$release
release="$state/releases/$id"
python="$release/.venv/bin/python"

main() {
  trap 'rm -rf "$incoming"' EXIT
  exec 6>"$state/install.lock"
  flock --timeout 900 6 || give_up "another installation on this host has not ended within 15 minutes" \
    "See what it does, then run install.sh again"
  mkdir -p "$state/scripts" "$state/releases"
  write_settings
  read_settings
  if [ -f "$release/.complete" ]; then
    say "Release $id is already there."
  else
    make_release
  fi
  switch
  put_scripts
  remove_old
  report_server
}

give_up() {
  local remains="Nothing was installed before, so nothing works yet"
  [ -f "$state/current/.complete" ] && remains="The former release goes on working"
  say "install.sh: $1, on $(id -un)@$(hostname), release $id. $remains. $2."
  exit 1
}

# Settings are the operator's: an example is written once and never touched again.
write_settings() {
  [ -e "$state/env" ] && return
  (umask 077 && cp "$incoming/spark_jobs/scripts/env.example" "$state/env")
  say "Wrote $state/env: name your Cassandra there."
}

make_release() {
  local uv
  rm -rf "$release" # what a failed installation left
  mv "$incoming" "$release"
  # One uv for all releases: it installs itself beside its script where the host has none.
  cp "$release/scripts/uv.sh" "$state/scripts/uv.sh"
  uv=$(sh "$state/scripts/uv.sh") ||
    give_up "there is no uv and it could not be installed (see above)" "Install uv or let the host reach PyPI, then run install.sh again"
  say "Making the environment ..."
  (cd "$release" && unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT && "$uv" sync --quiet --frozen --no-dev --extra spark) ||
    give_up "the environment could not be made (see above)" \
      "Let the host reach PyPI (a proxy, mirror or certificate goes into $state/env: HTTPS_PROXY, UV_DEFAULT_INDEX, SSL_CERT_FILE), then run install.sh again"
  say "Fetching the jars ..."
  "$python" -P -m spark_jobs.jars >/dev/null ||
    give_up "the jars could not be fetched (see above)" "Let the host reach Maven Central, then run install.sh again"
  "$python" -P -m spark_jobs --help >/dev/null ||
    give_up "the jobs do not start (see above)" "Report this with the text above"
  : >"$release/.complete"
}

# By renaming a link: at every moment `current` is one whole release.
switch() {
  if [ "$(readlink "$state/current" || true)" != "releases/$id" ]; then
    touch "$release/.complete" # the newest is the one switched to last
    ln -sfn "releases/$id" "$state/current.new"
    mv -T "$state/current.new" "$state/current"
  fi
  say "Release $id is current on $(id -un)@$(hostname)."
}

put_scripts() {
  local file name
  for file in "$release"/spark_jobs/scripts/spark_*.sh; do
    name=$(basename "$file")
    cmp --silent "$file" "$HOME/$name" && continue
    if [ -f "$HOME/$name" ] && ! grep --quiet "spark_jobs/install.sh puts it there" "$HOME/$name"; then
      mv "$HOME/$name" "$HOME/$name.former"
      say "Another $name was there; it is now $HOME/$name.former."
    fi
    cp "$file" "$HOME/.$name.new"
    mv -f "$HOME/.$name.new" "$HOME/$name"
    say "Put $name into $HOME."
  done
}

# Keep the last two that were current; what still runs out of an older one keeps that one too (common.sh).
remove_old() {
  local folder kept=0
  while IFS= read -r folder; do
    kept=$((kept + 1))
    [ "$kept" -gt 2 ] || continue
    # The marker goes first, and only where no job holds it, so no job starts in what is half removed.
    if flock --nonblock "$folder/.complete" rm "$folder/.complete"; then
      rm -rf "$folder"
      say "Removed the old release $(basename "$folder")."
    fi
  done < <(find "$state/releases" -mindepth 2 -maxdepth 2 -name .complete -printf '%T@ %h\n' | sort -rn | cut -d ' ' -f 2-)
  for folder in "$state"/releases/*/; do
    [ -f "$folder/.complete" ] || rm -rf "$folder"
  done
  find "$state" -maxdepth 1 -name 'incoming.*' -mmin +1440 -exec rm -rf {} +
}

# It is not stopped here: jobs may be using it.
report_server() {
  local serving
  serving=$(bash "$release/spark_jobs/scripts/warm_server.sh" release)
  if [ -n "$serving" ] && [ "$serving" != "$release" ]; then
    say "The warm server still runs the release $(basename "$serving"). When no job runs:" \
      "bash spark_connect.sh stop && bash spark_connect.sh start"
  fi
}

main
