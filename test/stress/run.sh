# The stress oracle, for scripts/stress and scripts/mutants, which source it
# after common.sh.
#
# Clients of every kind read and write at once.  Each read compares the cached
# result with an independent computation in the same statement, and so under the
# same snapshot.  The first read that differs ends the run.

STRESS_CLIENTS=${STRESS_CLIENTS:-16}

# stress_load DATABASE FILE...: the extension, then the files.
stress_load() {
	local PGDATABASE=$1 file
	shift
	run_psql -c "CREATE EXTENSION cache_ext"
	for file; do run_psql -f "$file" >/dev/null; done
}

# stress_replace NAME LIBRARY: let another build of the library take the place of
# the installed one, which no session must have loaded besides.
stress_replace() {
	local db
	for db in postgres store ddl; do
		PGDATABASE=$db run_psql -c "UPDATE pg_proc SET probin = '$2' WHERE probin = '\$libdir/cache_ext'"
	done
	stop_server "$1"
	echo "shared_preload_libraries = '$WORK/build/test/module/cext_test, $2'" |
		as_server tee -a "$WORK/$1/postgresql.conf" >/dev/null
	resume_server "$1"
}

# stress_server NAME PORT [LIBRARY]: a server with the schema loaded, of the
# installed extension or of another build of its library.
stress_server() {
	[ -e "$WORK/build/test/module/cext_test.so" ] || build_test_library
	start_server "$1" "$2" "shared_preload_libraries = '$WORK/build/test/module/cext_test, cache_ext'" \
		"max_connections = 50" "cache_ext.memory = 8MB" "autovacuum_naptime = 5s" \
		"log_min_messages = error" "deadlock_timeout = 100ms" "log_lock_waits = off" \
		"cache_ext.notify = off"
	stress_load postgres "$TOP/test/stress/reference.sql" "$TOP/test/stress/setup.sql"
	run_psql -c "CREATE DATABASE store"
	stress_load store "$TOP/test/stress/setup_store.sql"
	run_psql -c "CREATE DATABASE ddl"
	stress_load ddl "$TOP/test/stress/reference.sql" "$TOP/test/stress/setup_ddl.sql"
	[ -z "${3:-}" ] || stress_replace "$1" "$3"
}

stress_pgbench() {
	local seconds=$1
	shift
	pgbench -n -c "$STRESS_CLIENTS" -j 2 -T "$seconds" --max-tries=100 --random-seed=time "$@" 2>&1
}

# stress_stop_backends SECONDS: stop a random backend of the store's for some
# milliseconds, again and again.
stress_stop_backends() {
	PGDATABASE=store run_psql -At -c "SELECT pg_sleep(0.3)" -c "SELECT pid FROM pg_stat_activity
		WHERE datname = 'store' AND pid <> pg_backend_pid()" | grep . >"$WORK/backends" || return 0
	as_server timeout "$1" bash -c '
		mapfile -t pids <"$0"
		trap "kill -CONT ${pids[*]} 2>/dev/null" EXIT
		for ((;;)); do
			pid=${pids[RANDOM % ${#pids[@]}]}
			kill -STOP $pid 2>/dev/null || exit 0
			read -r -t 0.01 <> <(:)
			kill -CONT $pid 2>/dev/null
		done' "$WORK/backends" || true
}

# stress_clients SECONDS PHASE: run them; pgbench's output on stdout.
#
#	plain	the protocol, as it is.  Like all phases but notify it has no
#			notifications, because transactions that notify commit one after another
#	notify	the same, with notifications
#	before	the same, with a random wait of up to 300 us between a writer's marking
#			its slots and its commit
#	after	with one between its leaving the proc array and its completing them
#	group	as after, with little but pairs of writers of one slice, each of a row of
#			its own, and readers that keep their snapshots
#	ddl		attached tables, of which triggers, names and mapping change, with waits
#			in the same window and before invalidation messages go out
#	partition	a partitioned one, of which partitions come and go, are emptied and
#			rewritten
#	retype	attached users, whose ids change their type, with the same waits
#	store	large documents in a store that is too small for them, with backends
#			stopped for moments, so that some are in the middle of a copy
stress_clients() {
	local dir=$TOP/test/stress options='' status=0
	if [ "$2" = store ]; then
		stress_stop_backends "$1" >/dev/null &
		PGDATABASE=store stress_pgbench "$1" -f "$dir/store_read.sql@3" -f "$dir/store_write.sql@1" || status=$?
		wait
		return $status
	fi
	if [ "$2" = ddl ]; then
		PGDATABASE=ddl run_psql -c "SELECT stress.attach('app.plain')" >/dev/null
		PGDATABASE=ddl PGOPTIONS="-c cext_test.delay_after=300 -c cext_test.delay_messages=1000" \
			stress_pgbench "$1" -D lock_first=false \
			-f "$dir/ddl_read.sql@40" -f "$dir/ddl_read_repeatable.sql@20" \
			-f "$dir/ddl_write.sql@10" -f "$dir/ddl_write_public.sql@5" -f "$dir/ddl_disable.sql@5" \
			-f "$dir/ddl_drop.sql@2" -f "$dir/ddl_attach.sql@3" -f "$dir/ddl_rename.sql@2" -f "$dir/ddl_security.sql@2"
		return
	fi
	if [ "$2" = partition ]; then
		PGDATABASE=ddl run_psql -c "SELECT stress.attach('app.parts')" >/dev/null
		PGDATABASE=ddl PGOPTIONS="-c cext_test.delay_after=300 -c cext_test.delay_messages=1000" \
			stress_pgbench "$1" -D lock_first=true \
			-f "$dir/ddl_read.sql@40" -f "$dir/ddl_read_repeatable.sql@20" \
			-f "$dir/ddl_write_parts.sql@10" -f "$dir/ddl_truncate.sql@2" \
			-f "$dir/ddl_partition.sql@3" -f "$dir/ddl_rewrite.sql@1"
		return
	fi
	if [ "$2" = retype ]; then
		PGDATABASE=ddl run_psql -c "SELECT stress.attach('app.plain')" >/dev/null
		PGDATABASE=ddl PGOPTIONS="-c cext_test.delay_after=300 -c cext_test.delay_messages=1000" \
			stress_pgbench "$1" -f "$dir/retype_read.sql@30" -f "$dir/retype.sql@1"
		return
	fi
	if [ "$2" = group ]; then
		PGOPTIONS="-c cext_test.delay_after=300" stress_pgbench "$1" \
			-f "$dir/read_repeatable.sql@6" -f "$dir/read_committed.sql@2" \
			-f "$dir/write_domain.sql@2" -f "$dir/write_domain_user_defaults.sql@2" \
			-f "$dir/write_public.sql@1" -f "$dir/write_public_overlay.sql@1"
		return
	fi
	case $2 in
		notify) options="-c cache_ext.notify=on" ;;
		before | after) options="-c cext_test.delay_$2=300" ;;
	esac
	PGOPTIONS=$options stress_pgbench "$1" \
		-f "$dir/read_committed.sql@30" -f "$dir/read_others.sql@10" \
		-f "$dir/read_repeatable.sql@20" -f "$dir/read_serializable.sql@3" \
		-f "$dir/write_user.sql@6" -f "$dir/write_domain.sql@6" \
		-f "$dir/write_domain_user_defaults.sql@6" -f "$dir/write_public.sql@2" \
		-f "$dir/write_public_overlay.sql@2" -f "$dir/write_presence.sql@2" \
		-f "$dir/write_tables.sql@2" -f "$dir/write_everything.sql@1" \
		-f "$dir/write_many.sql@3" -f "$dir/write_rollback.sql@3" \
		-f "$dir/write_probe.sql@2"
}

# stress_faults NAME: mismatches that the server of that name has logged, and
# crashes.
stress_faults() {
	grep -cE 'ERROR:  MISMATCH|terminated by signal|PANIC:|TRAP:' "$WORK/$1/log" || true
}

# stress_count NAME: the value of a counter.
stress_count() {
	run_psql -At -c "SELECT value FROM cache_ext.stats WHERE name = '$1'"
}
