# Hit ratios where the cache holds one per cent, a tenth and half of the keys,
# beside what algorithms of the literature get from the same sequence.

install_packages gcc libc6-dev
cc -O2 -o "$WORK/simulate" "$TOP/test/bench/simulate.c" -lm
run_psql -c "INSERT INTO cache_ext.config_definitions (config_name) VALUES ('evict')" \
	-c "INSERT INTO cache_ext.config_policies VALUES ('evict', 'public')" \
	-c "INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) SELECT 'public', 'evict', jsonb_object_agg('setting_' || i, md5(i::text)) FROM generate_series(1, 18) i"
echo "cache_ext.memory = '8MB'" | as_server tee -a "$WORK/bench/postgresql.conf" >/dev/null

fresh_server() {
	stop_server bench
	resume_server bench
}

# What a full cache holds.
fresh_server
run_psql -c "SELECT count(cache_ext.get_merged_config('k' || i, 'evict')) FROM generate_series(1, 30000) i" >/dev/null
entries=$(run_psql -At -c "SELECT value FROM cache_ext.memory_usage WHERE name = 'entries'")
echo "8 MB hold $entries entries"

worst=100
above=100

# compare_eviction LABEL CACHE SIMULATE-ARGUMENT...: one line of the table.
compare_eviction() {
	local name value
	while IFS='|' read -r name value; do
		declare -g "of_$name=$value"
	done < <("$WORK/simulate" "${@:3}" "$entries" "$WORK/sequence")
	fresh_server
	of_ours=$(run_psql -At -f "$TOP/test/bench/eviction.sql" <"$WORK/sequence" | sed -n 's/^ours|//p')
	printf '%-20s %8s %8.2f %8.2f %8.2f %8.2f %8.2f\n' "$1" "$2" "$of_ours" "$of_s3fifo" "$of_lru" "$of_fifo" "$of_belady"
	worst=$(awk "BEGIN { d = $of_ours - $of_s3fifo; print d < $worst ? d : $worst }")
}

printf '%-20s %8s %8s %8s %8s %8s %8s\n' sequence 'cache, %' ours s3fifo lru fifo belady
for exponent in 0.8 0.99 1.2; do
	for scan in 0 10; do
		for share in 1 10 50; do
			compare_eviction "Zipf $exponent$([ $scan = 0 ] || echo ", scans")" $share $((entries * 100 / share)) 1000000 $exponent $scan
			[ $scan = 0 ] || above=$(awk "BEGIN { d = $of_ours - $of_lru; print d < $above ? d : $above }")
		done
	done
done

# A trace of blocks: those of tables and indexes that a run of pgbench wrote to its
# WAL, in order, without what repeats at once.
block_trace() {
	local start end
	run_psql -c "CREATE DATABASE blocks" >/dev/null
	pgbench -q -i -s 20 blocks >/dev/null 2>&1
	start=$(run_psql -At -c "SELECT pg_current_wal_lsn()")
	PGDATABASE=blocks pgbench -n -s 20 -c 2 -t 60000 -f "$TOP/test/bench/blocks.pgbench" >/dev/null 2>&1
	end=$(run_psql -At -c "SELECT pg_current_wal_flush_lsn()")
	as_server "$PG_BIN/pg_waldump" -p "$WORK/bench/pg_wal" -s "$start" -e "$end" 2>/dev/null |
		grep -o 'rel [0-9/]* [a-z ]*blk [0-9]*' | uniq |
		awk '!($0 in n) { n[$0] = k++ } { print n[$0] }' >"$WORK/sequence"
	run_psql -c "DROP DATABASE blocks" >/dev/null
}
block_trace
requests=$(wc -l <"$WORK/sequence")
blocks=$(($(sort -n "$WORK/sequence" | tail -n 1) + 1))
compare_eviction "blocks of pgbench" $((entries * 100 / blocks)) "$blocks" "$requests"

row "hit ratio less S3-FIFO's, in points, the worst of 19 sequences" "$(printf '%.2f' "$worst")" '>= -0.5'
row "hit ratio less LRU's with scans, in points, the worst of 9 sequences" "$(printf '%.2f' "$above")" '>= 0'
