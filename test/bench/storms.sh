# Reads from 8 connections while commits invalidate.

run_psql -f "$TOP/test/bench/storms.sql" >/dev/null
printf '\\set i random(0, 9999)\n%s\n' "SELECT cache_ext.get_merged_config_json('storm' || :i, 'storm');" >"$WORK/storm.sql"
for kind in user domain public; do
	case $kind in
		user) which="scope_type = 'user' AND scope_id = 'storm' || :i" ;;
		domain) which="scope_type = 'domain' AND scope_id = 'storms' || :i % 100" ;;
		public) which="scope_type = 'public'" ;;
	esac
	printf '\\set i random(0, 9999)\n%s\n' "UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('n', random()) WHERE config_name = 'storm' AND $which;" >"$WORK/write_$kind.sql"
done

count() {
	run_psql -At -c "SELECT value FROM cache_ext.stats WHERE name = '$1'"
}

# storm KIND RATE: the readers' transactions a second, the 99th percentile of
# their latency in microseconds, their hit ratio, and bases filled.
storm() {
	local hits misses bases writer=
	run_psql -c "SELECT count(cache_ext.get_merged_config_json('storm' || i, 'storm')) FROM generate_series(0, 9999) i" >/dev/null
	hits=$(count hits) misses=$(count misses) bases=$(count base_fills)
	if [ "$2" != 0 ]; then
		pgbench -n -c 2 -j 1 -T 5 -R "$2" -M prepared -f "$WORK/write_$1.sql" >/dev/null 2>&1 &
		writer=$!
	fi
	(cd "$WORK" && pgbench -n -c 8 -j 2 -T 4 -M prepared -l --log-prefix="$WORK/latency" -f "$WORK/storm.sql") |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p' >"$WORK/storm_tps"
	storm_tps=$(cat "$WORK/storm_tps")
	[ -z "$writer" ] || wait "$writer"
	storm_p99=$(cat "$WORK"/latency.* | cut -d' ' -f3 | sort -n | awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }')
	rm -f "$WORK"/latency.*
	hits=$(($(count hits) - hits)) misses=$(($(count misses) - misses))
	storm_ratio=$(awk "BEGIN { printf \"%.3f\", $hits / ($hits + $misses) }")
	storm_bases=$(($(count base_fills) - bases))
}

printf '%-10s %10s %12s %10s %10s %12s\n' invalidates commits/s reads/s 'p99, us' 'hit ratio' 'bases filled'
storm user 0
idle=$storm_tps
printf '%-10s %10d %12.0f %10d %10s %12d\n' - 0 "$storm_tps" "$storm_p99" "$storm_ratio" "$storm_bases"
for kind in user domain public; do
	for rate in 1 100 1000; do
		storm $kind $rate
		printf '%-10s %10d %12.0f %10d %10s %12d\n' $kind $rate "$storm_tps" "$storm_p99" "$storm_ratio" "$storm_bases"
		row "reads a second while $rate commits a second touch $kind, over none" "$(ratio "$storm_tps" "$idle")" '-'
	done
done
