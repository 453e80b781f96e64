#!/bin/sh
# Install the Debian packages that tests and demos use and that this machine lacks. Does nothing when none is missing.
# Arguments: the packages that matter now; without any, all.
# Exit code: 0 everything is there, 1 something is missing (it says what, and what to do).
set -eu
say() { printf '%s\n' "$*" >&2; }
export PATH="$PATH:/usr/sbin:/sbin"

wanted=" ${*:-openssh-client openssh-server libnss-wrapper chromium postgresql redis-server} "
missing=""
need() { case "$wanted" in *" $1 "*) missing="$missing $1" ;; esac; }
{ command -v ssh && command -v ssh-keygen; } >/dev/null 2>&1 || need openssh-client
command -v sshd >/dev/null 2>&1 || need openssh-server
# Gives the sshd of the tests a user of its own, so that no account is made on this machine.
found=""
for library in /usr/lib/*/libnss_wrapper.so /usr/lib/libnss_wrapper.so /usr/lib64/libnss_wrapper.so; do
  [ -e "$library" ] && found=yes
done
[ -n "$found" ] || need libnss-wrapper
command -v chromium >/dev/null 2>&1 || need chromium
{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || need postgresql
command -v redis-server >/dev/null 2>&1 || need redis-server
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  say "Missing on this machine:$missing (names of Debian packages). Nothing was installed: that takes root and apt-get."
  say "What needs them cannot run. Install them (Debian: sudo apt-get install$missing) and try again."
  exit 1
fi

# A freshly installed sshd would listen on every address of this machine: nobody asked for that.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
  made=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT

say "Installing the Debian packages$missing ..."
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of names
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >&2; then
  say "The Debian packages$missing could not be installed (see above). What needs them cannot run."
  say "Is there a network, and does no other apt-get run? Then try again."
  exit 1
fi
case "$missing" in
  *openssh-server*)
    if [ -d /run/systemd/system ]; then
      systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
      say "openssh-server was installed. Its service is disabled; 'systemctl enable --now ssh' starts it."
    fi ;;
esac
