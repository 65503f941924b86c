# The stress oracle, for scripts/stress and scripts/mutants, which source it
# after common.sh.
#
# Clients of every kind read and write at once.  Each read compares the cached
# result with an independent computation in the same statement, and so under the
# same snapshot; the first that differs ends the run.

STRESS_CLIENTS=${STRESS_CLIENTS:-16}

# stress_server NAME PORT [LIBRARY]: a server with the schema loaded, of the
# installed extension or of another build of its library.
stress_server() {
	local library=${3:-cache_ext}
	[ -e "$WORK/build/test/module/cext_test.so" ] ||
		as_server make -s -C "$WORK/build/test/module" PG_CONFIG="$PG_CONFIG" >"$WORK/module.log" 2>&1 ||
		die "the test library does not build: $(cat "$WORK/module.log")"
	start_server "$1" "$2" "shared_preload_libraries = '$library, $WORK/build/test/module/cext_test'" \
		"max_connections = 50" "cache_ext.memory = 8MB" "autovacuum_naptime = 5s" \
		"log_min_messages = error" "deadlock_timeout = 100ms" "log_lock_waits = off"
	if [ "$library" = cache_ext ]; then
		run_psql -c "CREATE EXTENSION cache_ext"
	else
		run_psql -c "CREATE SCHEMA cache_ext"
		sed -e '/^\\echo/d' -e '/pg_extension_config_dump/,/;$/d' -e "s,MODULE_PATHNAME,$library," \
			"$TOP"/sql/cache_ext--1.0.sql | run_psql
	fi
	run_psql -f "$TOP/test/stress/reference.sql" -f "$TOP/test/stress/setup.sql" >/dev/null
}

# stress_clients SECONDS COMMIT_DELAY: run them; pgbench's output on stdout.
# The delay, in microseconds, is a random wait between a writer's leaving the
# proc array and its completing its slots.
stress_clients() {
	local dir=$TOP/test/stress
	PGOPTIONS="-c cext_test.commit_delay=$2" pgbench -n -c "$STRESS_CLIENTS" -j 2 -T "$1" \
		--max-tries=100 --random-seed=time \
		-f "$dir/read_committed.sql@30" -f "$dir/read_others.sql@10" \
		-f "$dir/read_repeatable.sql@20" -f "$dir/read_serializable.sql@3" \
		-f "$dir/write_user.sql@6" -f "$dir/write_domain.sql@6" \
		-f "$dir/write_domain_user_defaults.sql@6" -f "$dir/write_public.sql@2" \
		-f "$dir/write_public_overlay.sql@2" -f "$dir/write_presence.sql@2" \
		-f "$dir/write_tables.sql@2" -f "$dir/write_everything.sql@1" \
		-f "$dir/write_many.sql@3" -f "$dir/write_rollback.sql@3" 2>&1
}

# stress_mismatches NAME: how many the server of that name has logged.
stress_mismatches() {
	grep -c 'ERROR:  MISMATCH' "$WORK/$1/log" || true
}

# stress_count NAME: the value of a counter.
stress_count() {
	run_psql -At -c "SELECT value FROM cache_ext.stats WHERE name = '$1'"
}
