# shellcheck shell=bash
# The suites of tests, and what they need.  Sourced after common.sh, not run.

# What the tests of the examples, of PgBouncer and of the metrics run.  Where
# Node.js is not Debian's, Debian's packages for it cannot be installed.
install_tools() {
	install_packages python3-psycopg libpq-dev
	install_services pgbouncer prometheus-postgres-exporter
	if ! command -v node >/dev/null || apt-get install -s --no-install-recommends node-pg >/dev/null 2>&1; then
		install_packages nodejs node-pg
	else
		say "fetching pg for Node.js"
		npm install --silent --no-audit --no-fund --prefix "$WORK/node" pg
		export NODE_PATH=$WORK/node/node_modules
	fi
}

# The install script of the last release of another version than this tree's, for
# the tests that update from it.  CACHE_EXT_PREVIOUS is that version, or empty.
install_previous() {
	local tag version current dir=$WORK/previous
	current=$(extension_version <cache_ext.control)
	export CACHE_EXT_PREVIOUS=
	for tag in $(git tag --merged HEAD --sort=-v:refname --list 'v*' 2>/dev/null || true); do
		version=$(git show "$tag:cache_ext.control" | extension_version)
		[ "$version" != "$current" ] || continue
		say "version $version, of tag $tag, to update from"
		mkdir "$dir"
		git archive "$tag" | tar -C "$dir" -xf -
		make -s -C "$dir" "cache_ext--$version.sql"
		as_root install -m 644 "$dir/cache_ext--$version.sql" "$(pg_config --sharedir)/extension/"
		CACHE_EXT_PREVIOUS=$version
		return
	done
}

in_build() {
	(cd "$WORK/build" && as_server env PGHOST="$PGHOST" PGPORT="${PGPORT:-}" PGUSER="$PGUSER" \
		PG_CONFIG="$PG_CONFIG" PATH="$PATH" NODE_PATH="${NODE_PATH:-}" \
		CACHE_EXT_PREVIOUS="${CACHE_EXT_PREVIOUS:-}" "$@")
}

# The server of the regression and isolation tests, with as many slots as can be:
# those of different slices are hardly ever shared.
start_regress() {
	start_server regress 5432 'max_prepared_transactions = 2' 'lock_timeout = 30s' 'cache_ext.slots = 1048576'
}

stop_regress() {
	[ ! -e "$WORK/regress/postmaster.pid" ] || stop_server regress
}

regress() {
	in_build make -s installcheck TAP_TESTS= ISOLATION= && return
	cat "$WORK"/build/regression.diffs
	return 1
}

isolation() {
	in_build make -s installcheck TAP_TESTS= REGRESS= && return
	cat "$WORK"/build/output_iso/regression.diffs
	return 1
}

tap() {
	in_build make -s installcheck REGRESS= ISOLATION=
}

stress() {
	scripts/stress
}

# run_suites SUITE...: of regress, isolation, tap and stress.
run_suites() {
	local name
	case " $* " in
	*' tap '*)
		install_tools
		install_previous
		;;
	esac
	for name; do
		case $name in
		regress|isolation) [ -e "$WORK/regress/postmaster.pid" ] || start_regress ;;
		*) stop_regress ;;
		esac
		suite "$name" "$name"
	done
	stop_regress
}
