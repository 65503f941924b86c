# What the triggers cost a writer.

fragments=cache_ext.config_fragments

# compare SETUP_A FILE_A SETUP_B FILE_B: the most transactions a second of either,
# measured in turns, in a and b.
compare() {
	local i as=() bs=()
	for i in 1 2 3 4 5; do
		run_psql -c "VACUUM $fragments" -c "$1" >/dev/null
		as+=("$(tps 1 2 "$2")")
		run_psql -c "VACUUM $fragments" -c "$3" >/dev/null
		bs+=("$(tps 1 2 "$4")")
	done
	a=$(highest "${as[@]}")
	b=$(highest "${bs[@]}")
}

cat >"$WORK/update.sql" <<SQL
\\set i random(0, 63)
UPDATE $fragments SET config = jsonb_build_object('mine', :i + random()) WHERE config_name = 'theme' AND scope_type = 'user'
  AND scope_id = (SELECT u FROM bench.keys OFFSET :i LIMIT 1);
SQL
off="ALTER TABLE $fragments DISABLE TRIGGER cache_ext_row, DISABLE TRIGGER cache_ext_statement"
on="ALTER TABLE $fragments ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement"
compare "$off" "$WORK/update.sql" "$on" "$WORK/update.sql"
without=$a with=$b
run_psql -c "ALTER DATABASE postgres SET cache_ext.notify = off"
compare "$off" "$WORK/update.sql" "$on" "$WORK/update.sql"
run_psql -c "ALTER DATABASE postgres RESET cache_ext.notify"
unheard_without=$a unheard_with=$b
echo "fragment updates a second: without triggers $without, with $with; without notifications $unheard_without, $unheard_with"

for name in few many; do
	echo "UPDATE $fragments SET config = jsonb_build_object('a', random()) WHERE config_name = '$name' AND scope_type = 'public';" >"$WORK/$name.sql"
done
compare "SELECT 1" "$WORK/few.sql" \
	"SELECT count(cache_ext.get_merged_config('user' || i, 'many')) FROM generate_series(1, 150000) i" "$WORK/many.sql"
empty=$a full=$b
entries=$(run_psql -At -c "SELECT value FROM cache_ext.memory_usage WHERE name = 'entries'")
echo "public updates a second: of a name without entries $empty, of one with 150,000 (of $entries in all) $full"

row "fragment update with triggers over without" "$(ratio "$without" "$with")" '<= 1.05'
row "the same without notifications" "$(ratio "$unheard_without" "$unheard_with")" '<= 1.05'
row "public fragment's update with 150,000 entries over with none" "$(ratio "$empty" "$full")" '<= 1.10'
