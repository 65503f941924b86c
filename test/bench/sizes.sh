# Entries from a thousand to ten million: a hit, a fill, the overhead, the start.

sizes=${BENCH_SIZES:-1000 100000 1000000 10000000}
resume_seconds() {
	local start=$EPOCHREALTIME
	resume_server bench
	awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $start }"
}

run_psql -c "INSERT INTO cache_ext.config_definitions (config_name) VALUES ('small')" \
	-c "INSERT INTO cache_ext.config_policies VALUES ('small', 'public')" \
	-c "INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'small', '{\"a\": 1, \"b\": \"two\"}')"
printf '%12s %12s %10s %10s %10s %12s %12s\n' entries 'uniform, ns' 'zipf, ns' 'probe, ns' 'fills/s' overhead 'start, s'
for n in $sizes; do
	stop_server bench
	# Some 190 bytes each, the directory and room to spare.
	echo "cache_ext.memory = '$((64 + n / 3000))MB'" | as_server tee -a "$WORK/bench/postgresql.conf" >/dev/null
	seconds=$(resume_seconds)
	read_figures -v n="$n" -f "$TOP/test/bench/sizes.sql"
	printf '%12d %12.1f %10.1f %10.1f %10.0f %12.1f %12s\n' "$n" "$ns_uniform" "$ns_zipf" "$ns_probe" \
		"$(awk "BEGIN { print 1e9 / $ns_fill }")" "$ns_overhead" "$seconds"
	[ "$(awk "BEGIN { print ($ns_ratio > 0.999) }")" = 1 ] || die "not every read was a hit: $ns_ratio"
	printf '%d\t%s\t%s\t%s\n' "$n" "$ns_uniform" "$ns_zipf" "$ns_probe" >>"$WORK/sizes.tsv"
	declare "uniform_$n=$ns_uniform" "probe_$n=$ns_probe"
	row "bytes of overhead of an entry among $n, directory apart" "$(printf '%.1f' "$ns_overhead")" '<= 96'
	[ "$n" -le 1000 ] || row "latency that a hit adds among $n, over what a hash probe adds" \
		"$(awk "BEGIN { printf \"%.2f\", ($ns_uniform - $uniform_1000) / ($ns_probe - $probe_1000) }")" \
		"$([ "$n" = 1000000 ] && echo '<= 2' || echo -)"
done
