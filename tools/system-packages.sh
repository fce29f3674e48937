#!/usr/bin/env bash
# Installs what the real parts of the test suite need and pip cannot give: a KDC, Kerberos tools and headers, wrong clocks,
# RabbitMQ, PostgreSQL, sshd, a C compiler, the headers of Python.
# Looks first; asks apt-get only for what is missing; where it may not, says what to install and exits 1.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

missing=()
need() { # need PACKAGE COMMAND-OR-HEADER...
    local package=$1 part
    shift
    for part in "$@"; do
        case $part in
            /*) [ -e "$part" ] || { missing+=("$package"); return; } ;;
            *) command -v "$part" >/dev/null 2>&1 || { missing+=("$package"); return; } ;;
        esac
    done
}

need krb5-kdc krb5kdc kdb5_util
need krb5-admin-server kadmin.local
need krb5-user kinit klist
need faketime faketime
need libkrb5-dev krb5-config /usr/include/gssapi/gssapi.h
need rabbitmq-server rabbitmq-server
need openssh-server sshd
PATH="$PATH$(printf ":%s" /usr/lib/postgresql/*/bin)"
need postgresql initdb postgres
need gcc gcc
need python3-dev "$(python3 -c "import sysconfig; print(sysconfig.get_path('include'))")/Python.h"

[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    as_root=()
fi
if [ ${#as_root[@]} -eq 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need: ${missing[*]}. Install them (Debian: apt-get install ${missing[*]}) and repeat." >&2
    exit 1
fi
echo "installing ${missing[*]}"
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq update
# the services of the packages are not wanted: the tests start their own, on ports of their own
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
