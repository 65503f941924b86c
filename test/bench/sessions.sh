# Two sessions that hit at once.

echo "SELECT count(cache_ext.get_merged_config(u, 'theme')) FROM generate_series(1, 1000), bench.keys" >"$WORK/hits.sql"
one=0 two=0
for i in 1 2 3 4 5; do
	one=$(highest "$one" "$(tps 1 3 "$WORK/hits.sql")")
	two=$(highest "$two" "$(tps 2 3 "$WORK/hits.sql")")
done
echo "hits a second: one session $(awk "BEGIN { print int($one * 64000) }"), two $(awk "BEGIN { print int($two * 64000) }")"

row "hits a second, two sessions over twice one session" "$(ratio "$two" "$(awk "BEGIN { print 2 * $one }")")" '>= 0.95'
