# shellcheck shell=bash
# One interval of a task never runs twice at a time. Sourced, never run.
#
# Each running interval is a file under locks/ that its job holds by flock(1) until it ends, however it ends. Intervals
# that overlap exclude each other, so a range waits for its own parts too; all others run side by side.

: "${script:?}" "${state:?are set by common.sh}"

# Wait until nobody runs an interval of the task that overlaps this one, then hold it (as descriptor 9) for our lifetime.
# Arguments: task, start, end; the last two in seconds since 1970. Exits 75 when SPARK_JOBS_WAIT (600 s) is over.
hold_interval() {
  local task=$1 start=$2 end=$3 wait=${SPARK_JOBS_WAIT:-600} locks="$state/locks" deadline rival told=""
  if ! [[ $wait =~ ^[0-9]+$ ]]; then
    say "$script: SPARK_JOBS_WAIT is '$wait', and not a number of seconds. Nothing was run. Correct it and try again."
    exit 2
  fi
  mkdir -p "$locks"
  deadline=$((SECONDS + wait))
  while :; do
    # Held only while looking and entering ourselves, so the time for it does not count.
    exec 8>"$locks/$task.mutex"
    flock 8
    rival=$(find_rival)
    if [ -z "$rival" ]; then
      exec 9>"$locks/$task.$start.$end.lock"
      flock 9
      printf 'process %s since %s' "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >&9
      exec 8>&-
      return
    fi
    exec 8>&-
    if [ -z "$told" ] && [ "$wait" -gt 0 ]; then
      say "$script: this interval already runs ($(cat "$rival" 2>/dev/null)). Waiting up to $wait s for it."
      told=yes
    fi
    flock --timeout "$((deadline > SECONDS ? deadline - SECONDS : 0))" "$rival" true || busy "$rival"
  done
}

# Print the file of a running interval that overlaps ours; remove those that nobody holds any more.
find_rival() {
  local file from to
  for file in "$locks/$task".*.lock; do
    [ -e "$file" ] || continue
    if flock --nonblock "$file" true; then
      rm -f "$file"
      continue
    fi
    IFS=. read -r _ from to _ <<<"${file##*/}"
    if ((from < end && start < to)); then
      printf '%s\n' "$file"
      return
    fi
  done
}

busy() {
  local from to
  IFS=. read -r _ from to _ <<<"${1##*/}"
  say "$script: busy: $task for $(date -ud "@$from" +%Y-%m-%dT%H:%MZ) to $(date -ud "@$to" +%Y-%m-%dT%H:%MZ)" \
    "still runs ($(cat "$1" 2>/dev/null)) after $wait s of waiting. Nothing was run; that run goes on." \
    "Try again when it has ended, or set SPARK_JOBS_WAIT to wait longer."
  exit 75
}
