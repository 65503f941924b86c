# What a hit touches: locks, and shared cache lines.  The server is stopped.

install_packages valgrind

lines=$(run_psql -At <<'SQL' | tail -n 1
SET max_parallel_workers_per_gather = 0;
SELECT count(cache_ext.get_merged_config(u, 'theme')) FROM generate_series(1, 10), bench.keys;
BEGIN;
SELECT bench.watch((SELECT value FROM cache_ext.memory_usage WHERE name = 'configured_bytes'));
SELECT count(cache_ext.get_merged_config(u, 'theme')) FROM generate_series(1, 1000), bench.keys;
SELECT bench.changed_lines();
COMMIT;
SQL
)
echo "cache lines of shared memory written by 64000 hits, until their transaction ends: $lines (this backend's own counters)"
stop_server bench

# Calls of lock functions inside the function, for few and for many hits: the
# difference is what the hits add.
lock_calls() {
	echo "SELECT count(cache_ext.get_merged_config(u, 'theme')) FROM generate_series(1, $1), bench.keys;" |
		as_server valgrind --tool=callgrind --callgrind-out-file="$WORK/bench/callgrind.$1" \
			--toggle-collect=cache_ext_get_merged_config "$PG_BIN/postgres" --single -D "$WORK/bench" postgres >/dev/null 2>&1
	awk '/^c?fn=/ { if ($0 ~ /^cfn=/) called = $0 } /^calls=/ { if (names[id(called)] ~ /LWLock|s_lock|LockAcquire/ ) { split($1, c, "="); n += c[2] } }
		function id(s) { sub(/^c?fn=/, "", s); k = s; sub(/ .*/, "", k); if (s ~ / /) { v = s; sub(/^[^ ]* /, "", v); names[k] = v } return k }
		/^fn=/ { id($0) } END { print n + 0 }' "$WORK/bench/callgrind.$1"
}
few=$(lock_calls 2)
many=$(lock_calls 102)
echo "calls of lock functions: 64 misses and 64 hits $few, with 6400 hits more $many"

row "calls of lock functions added by 6400 hits" "$((many - few))" '= 0'
row "shared cache lines written by 64000 hits, but for own counters" "$((lines > 1 ? lines - 1 : 0))" '= 0'
