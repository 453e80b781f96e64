# shellcheck shell=bash
# What the scripts share: where things are, and the settings of ~/.cassandra-views/env. Sourced, never run.

: "${script:?is set to the name in the messages by whoever sources this file}"
state="$HOME/.cassandra-views"
# The folder behind the link `current`, so that an upgrade in the middle of a run changes nothing for that run.
release=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
python="$release/.venv/bin/python"

say() { printf '%s\n' "$*" >&2; }

# Export each KEY=value line of the settings. Not sourced: a value is taken as it is, and runs nothing.
# What the environment already holds counts more than the file.
read_settings() {
  local file="$state/env" line key value number=0
  [ -f "$file" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    if ! [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]]; then
      # The line itself is not shown: it may hold a secret.
      say "$script: line $number of $file is not KEY=value. Nothing was run. Correct that line and try again."
      exit 2
    fi
    key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ $value =~ ^\"(.*)\"[[:space:]]*$ || $value =~ ^\'(.*)\'[[:space:]]*$ ]]; then
      value=${BASH_REMATCH[1]}
    fi
    # shellcheck disable=SC2088  # the tilde of a text, which no shell expands
    case $value in "~/"*) value="$HOME/${value#"~/"}" ;; esac
    [ -n "${!key+set}" ] || export "$key=$value"
  done <"$file"
}

# Refuse to go on where the installation is not whole, and keep the release from being removed while we run.
hold_release() {
  if [ ! -x "$python" ] || [ ! -f "$release/.complete" ]; then
    say "$script: the installation in $release is not whole. Nothing was run." \
      "Run spark_jobs/install.sh $(id -un)@$(hostname) from a checkout again, then try again."
    exit 1
  fi
  exec 7<"$release/.complete"
  flock --shared --nonblock 7 || {
    say "$script: $release is being removed: an installation has just replaced it. Nothing was run. Try again."
    exit 1
  }
}
