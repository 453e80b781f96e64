#!/usr/bin/env bash
# Start, stop or look at the warm Spark server: warm_server.sh start|stop|status. spark_connect.sh in the home folder
# calls it. Whether a job uses it is the job's decision (spark_jobs/session.py).
# Exit codes: 0 done (status: it answers), 1 failed (status: it runs and does not answer), 2 bad usage or settings,
# 3 (status) it does not run.
set -euo pipefail
script="spark_connect.sh"
# shellcheck source=spark_jobs/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

run="$state/run"
log="$state/log/spark_connect.log"
# Held by the server for its lifetime: what is in it is then true. Its process, its release, its address.
lock="$run/spark_connect.lock"
start_seconds=90
stop_seconds=30

main() {
  case "${1-}" in
    start | stop | status) ;;
    release)
      is_running && sed -n 2p "$lock"
      return 0
      ;;
    *)
      say "Usage: bash $script start|stop|status"
      exit 2
      ;;
  esac
  read_settings
  address=${SPARK_CONNECT:-127.0.0.1:15002}
  if [ "$address" = off ] && [ "$1" = start ]; then
    say "$script: SPARK_CONNECT is 'off' in $state/env, so no job would use a warm server. Nothing was started." \
      "Remove that line or give it an address such as 127.0.0.1:15002."
    exit 2
  fi
  mkdir -p "$run" "$state/log"
  if [ "$1" != status ]; then
    # One start or stop at a time: the second of two finds what the first has done.
    exec 8>"$run/spark_connect.mutex"
    flock --timeout $((start_seconds + stop_seconds)) 8 || {
      say "$script: another start or stop is still under way. Nothing was done. Try again."
      exit 1
    }
  fi
  # The settings may have changed since it was started: it still listens where it did.
  if is_running; then address=$(sed -n 3p "$lock"); fi
  "$1"
}

is_running() { [ -e "$lock" ] && ! flock --nonblock "$lock" true; }

server_pid() { sed -n 1p "$lock"; }

describe() { echo "running: process $(server_pid), $address, release $(basename "$(sed -n 2p "$lock")")"; }

answers() { (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; }

start() {
  if is_running; then
    say "$script: the server already runs (process $(server_pid))."
    [ "$address" = "${SPARK_CONNECT:-$address}" ] ||
      say "SPARK_CONNECT is now $SPARK_CONNECT, where the jobs look for it: stop it and start it again."
  elif answers; then
    say "$script: another program answers at $address. Nothing was started." \
      "End it, or set SPARK_CONNECT in $state/env to a free port."
    exit 1
  else
    launch
  fi
  local deadline=$((SECONDS + start_seconds))
  until answers; do
    if ! is_running; then
      give_up "the server ended while starting"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      local seconds=$start_seconds
      end_server
      give_up "the server did not answer at $address within $seconds s and was stopped"
    fi
    sleep 0.2
  done
  describe
}

launch() {
  hold_release
  [ ! -e "$log" ] || mv "$log" "$log.1"
  cd "$run"
  # In a session of its own and with no output of ours, so that the SSH connection can end. The lock goes over to it.
  exec 9>>"$lock"
  flock 9
  setsid "$python" -P -m spark_jobs.connect_server "$address" </dev/null >"$log" 2>&1 8>&- &
  printf '%s\n%s\n%s\n' "$!" "$release" "$address" >"$lock"
  exec 7<&- 9>&-
}

stop() {
  if ! is_running; then
    echo "not running"
    return
  fi
  local pid
  pid=$(server_pid)
  end_server
  echo "stopped: process $pid"
}

# Ask the server to end, and make its whole group where it does not.
end_server() {
  local pid deadline=$((SECONDS + stop_seconds)) signal=TERM
  pid=$(server_pid)
  kill -s TERM "$pid" 2>/dev/null || true # it ends its Java in order
  while is_running; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      if [ "$signal" = KILL ]; then
        say "$script: process $pid cannot be ended. It still runs. Look at it with ps -fp $pid."
        exit 1
      fi
      signal=KILL deadline=$((SECONDS + 5))
      kill -s KILL -- "-$pid" 2>/dev/null || true
    fi
    sleep 0.1
  done
}

status() {
  if ! is_running; then
    echo "not running"
    exit 3
  fi
  if ! answers; then
    echo "starting or stuck: process $(server_pid) does not answer at $address; see $log"
    exit 1
  fi
  describe
}

give_up() {
  say "The last lines of $log:"
  tail -n 15 "$log" >&2 2>/dev/null || true
  say "$script: $1. It does not run; the jobs start a Spark of their own meanwhile. Mend what the log says and start it again."
  exit 1
}

main "$@"
