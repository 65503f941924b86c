# shellcheck shell=bash
# What the scripts share: packages, a build of this tree, and
# throwaway servers.  Sourced, not run.
#
# Everything lives in a directory of its own under /tmp, which is removed at
# exit together with the servers in it.  Servers listen on Unix sockets in that
# directory only.  PG_CONFIG chooses the PostgreSQL to build for.

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$TOP"

say() {
	printf '\n== %s\n' "$*"
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, or sudo: $*"
	fi
}

# PostgreSQL refuses to run as root.
as_server() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# install_packages PACKAGE...: those that are missing.
install_packages() {
	local p missing=()
	for p; do
		is_installed "$p" || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "missing: ${missing[*]} (installed by this script on Debian and its kin only)"
	say "installing ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# install_services PACKAGE...: as install_packages, but no service is started.
install_services() {
	local policy=/usr/sbin/policy-rc.d p complete=1
	for p; do
		is_installed "$p" || complete=
	done
	[ -z "$complete" ] || return 0
	if [ -e $policy ]; then
		install_packages "$@"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
	as_root chmod 755 $policy
	install_packages "$@" || { as_root rm -f $policy; return 1; }
	as_root rm -f $policy
}

# The PostgreSQL to build for: PG_CONFIG's, else the newest that is installed,
# else the one that the distribution ships, installed without a cluster.
find_postgres() {
	local conf=/etc/postgresql-common/createcluster.conf
	if [ -z "${PG_CONFIG:-}" ]; then
		PG_CONFIG=$( (ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null || true) | sort -V | tail -n 1)
		PG_CONFIG=${PG_CONFIG%initdb}pg_config
	fi
	if [ "$PG_CONFIG" = pg_config ]; then
		as_root apt-get update -qq
		PG_MAJOR=$(apt-cache show postgresql | sed -n 's/^Depends:.*postgresql-\([0-9]*\).*/\1/p' | head -n 1)
		install_packages postgresql-common
		as_root sed -i.before_cache_ext 's/^#\?create_main_cluster.*/create_main_cluster = false/' $conf
		install_packages "postgresql-$PG_MAJOR"
		as_root mv $conf.before_cache_ext $conf
		PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
	fi
	PG_BIN=$(dirname "$PG_CONFIG")
	PG_MAJOR=$("$PG_BIN/postgres" -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
	if [ "$PG_BIN" = "/usr/lib/postgresql/$PG_MAJOR/bin" ]; then
		install_packages "postgresql-server-dev-$PG_MAJOR"
	fi
	install_packages make gcc libc6-dev libxxhash-dev libipc-run-perl perl procps
	export PG_CONFIG PATH="$PG_BIN:$PATH"
}

# The version in the control file on stdin: 1.0 for any release 1.0.N.
extension_version() {
	sed -n "s/^default_version *= *'\(.*\)'/\1/p"
}

WORK=

clean_up() {
	local data
	[ -n "$WORK" ] || return 0
	for data in "$WORK"/*/postmaster.pid; do
		[ -e "$data" ] || continue
		as_server "$PG_BIN/pg_ctl" -D "$(dirname "$data")" -m immediate -s stop || true
	done
	rm -rf "$WORK"
	WORK=
}

# A directory of our own, which the server's user may use.
make_work() {
	trap clean_up EXIT
	trap 'exit 130' INT TERM
	WORK=$(mktemp -d /tmp/cache_ext.XXXXXX)
	mkdir "$WORK/sock"
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres: "$WORK"
	fi
	export PGHOST=$WORK/sock PGUSER=postgres PGDATABASE=postgres
	unset PGPORT PGOPTIONS PGSERVICE PGPASSWORD
}

# copy_tree DIR: this tree, without what git ignores, for the server's user.
copy_tree() {
	mkdir "$1"
	tar -C "$TOP" --exclude=.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		-cf - . | tar -C "$1" -xf -
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres: "$1"
	fi
}

# build [VARIABLE=VALUE...]: this tree, in a copy, with these variables of make, and
# install it.
build() {
	say "building for PostgreSQL $PG_MAJOR"
	copy_tree "$WORK/build"
	as_server make -s -C "$WORK/build" -j2 "$@" >"$WORK/build.log" 2>&1 ||
		{ cat "$WORK/build.log"; die "the build failed"; }
	grep -E 'warning:' "$WORK/build.log" || true
	as_root make -s -C "$WORK/build" "$@" install >/dev/null
}

# start_server NAME PORT [LINE...]: a new cluster in $WORK/NAME, LINEs of
# postgresql.conf on top of what a throwaway server needs.
start_server() {
	local name=$1 data=$WORK/$1 port=$2 line
	shift 2
	as_server initdb -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
		--no-sync >/dev/null
	{
		echo "port = $port"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/sock'"
		echo "shared_preload_libraries = 'cache_ext'"
		echo "fsync = off"
		for line; do echo "$line"; done
	} | as_server tee -a "$data/postgresql.conf" >/dev/null
	resume_server "$name"
	export PGPORT=$port
}

# resume_server NAME: start a cluster that stands.
resume_server() {
	local data=$WORK/$1
	as_server pg_ctl -D "$data" -l "$data/log" -w -s start ||
		{ cat "$data/log"; die "the server did not start"; }
}

stop_server() {
	as_server pg_ctl -D "$WORK/$1" -m fast -w -s stop
}

# The library that the stress oracle and the benchmarks load beside the extension.
build_test_library() {
	as_server make -s -C "$WORK/build/test/module" PG_CONFIG="$PG_CONFIG" >"$WORK/module.log" 2>&1 ||
		die "the test library does not build: $(cat "$WORK/module.log")"
}

run_psql() {
	psql -X -q -v ON_ERROR_STOP=1 "$@"
}

passed=0
failed=0

# suite NAME COMMAND...: run and remember; the command prints its own results.
suite() {
	local name=$1
	shift
	say "$name"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
	fi
}

# finish TITLE [UNIT]: the closing line, and the status.
finish() {
	say "$1"
	echo "$passed ${2:+$2 }passed, $failed failed"
	[ "$failed" = 0 ]
}
