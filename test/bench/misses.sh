# What a miss costs.

read_figures -f "$TOP/test/bench/misses.sql"
for name in theme settings; do
	declare -n bytes=ns_bytes_$name miss=ns_miss_$name bare=ns_bare_$name plpgsql=ns_plpgsql_$name
	printf 'document %s bytes: miss %.0f ns, its fragments in one statement %.0f ns, merged in PL/pgSQL %.0f ns\n' \
		"$bytes" "$miss" "$bare" "$plpgsql"
done
printf 'in a domain of their own: miss %.0f ns, the fragments in one statement %.0f ns\n' "$ns_miss_alone" "$ns_bare_alone"
printf 'fragments in an ordinary table: miss %.0f ns, in 16 partitions %.0f ns\n' "$ns_plain" "$ns_parts"
[ "$ns_fills" = 180000 ] || die "not every read missed"

for name in theme settings; do
	declare -n bytes=ns_bytes_$name miss=ns_miss_$name bare=ns_bare_$name plpgsql=ns_plpgsql_$name
	row "miss over the SQL that fetches the same fragments, $bytes bytes" "$(ratio "$miss" "$bare")" \
		"$([ "$name" = theme ] && echo '<= 0.30' || echo -)"
	row "miss over the same merge in PL/pgSQL, $bytes bytes" "$(ratio "$miss" "$plpgsql")" '<= 0.1'
done
row "miss over the SQL, a user alone in the domain" "$(ratio "$ns_miss_alone" "$ns_bare_alone")" '<= 0.65'
row "miss over 16 partitions, over one of an ordinary table" "$(ratio "$ns_parts" "$ns_plain")" '<= 1.1'
