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
entries=$(run_psql -At -c "SELECT value FROM cache_ext.memory WHERE name = 'entries'")
echo "8 MB hold $entries entries"

worst=100 above=100
printf '%8s %6s %8s %8s %8s %8s %8s %8s\n' exponent scans 'cache, %' ours s3fifo lru fifo belady
for exponent in 0.8 0.99 1.2; do
	for scan in 0 10; do
		for share in 1 10 50; do
			while IFS='|' read -r name value; do
				declare "of_$name=$value"
			done < <("$WORK/simulate" $((entries * 100 / share)) 1000000 $exponent $scan "$entries" "$WORK/sequence")
			fresh_server
			of_ours=$(run_psql -At -f "$TOP/test/bench/eviction.sql" <"$WORK/sequence" | sed -n 's/^ours|//p')
			printf '%8s %6s %8s %8.2f %8.2f %8.2f %8.2f %8.2f\n' $exponent $scan $share "$of_ours" "$of_s3fifo" "$of_lru" "$of_fifo" "$of_belady"
			worst=$(awk "BEGIN { d = $of_ours - $of_s3fifo; print d < $worst ? d : $worst }")
			[ $scan = 0 ] || above=$(awk "BEGIN { d = $of_ours - $of_lru; print d < $above ? d : $above }")
		done
	done
done
row "hit ratio less S3-FIFO's, in points, the worst of 18 sequences" "$(printf '%.2f' "$worst")" '>= -0.5'
row "hit ratio less LRU's with scans, in points, the worst of 9 sequences" "$(printf '%.2f' "$above")" '>= 0'
