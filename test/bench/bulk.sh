# Writes of many rows and of several sessions: with triggers and without, with an
# empty cache and with a full one; and what notifications add.

run_psql -f "$TOP/test/bench/bulk.sql" >/dev/null
cat >"$WORK/bulk.sql" <<'SQL'
\set from :client_id * 1000000 + random(1, 1000001 - :rows)
UPDATE bench.bulk SET doc = jsonb_build_object('a', random()) WHERE i BETWEEN :from AND :from + :rows - 1;
SQL

triggers_off="ALTER TABLE bench.bulk DISABLE TRIGGER ALL"
triggers_on="ALTER TABLE bench.bulk ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement"

# bulk SESSIONS ROWS TRIGGERS: the average latency of a transaction, in ms.
bulk() {
	local transactions=(-T 2)
	case $2 in
		10000) transactions=(-t 10) ;;
		1000000) transactions=(-t 1) ;;
	esac
	run_psql -c "VACUUM bench.bulk" -c CHECKPOINT -c "$3" >/dev/null
	pgbench -n -c "$1" -j 1 "${transactions[@]}" -D rows="$2" -f "$WORK/bulk.sql" |
		sed -n 's/^latency average = \([0-9.]*\) ms$/\1/p'
}

# The highest ratio of those of a transaction of one row, and of those of more.
one=0 more=0
bulk_table() {
	local sessions rows round with without
	for sessions in 1 2 8; do
		for rows in 1 100 10000 1000000; do
			without='' with=''
			# The best of three; the longest take seconds and are measured once.
			for round in $([ $rows = 1000000 ] && echo 1 || seq 3); do
				# shellcheck disable=SC2086
				without=$(lowest $without "$(bulk $sessions $rows "$triggers_off")")
				# shellcheck disable=SC2086
				with=$(lowest $with "$(bulk $sessions $rows "$triggers_on")")
			done
			printf '%6s %9d %9d %14.3f %14.3f %10.0f %8s\n' "$1" $sessions $rows "$without" "$with" \
				"$(awk "BEGIN { print $sessions * 1000 / $with }")" "$(ratio "$with" "$without")"
			if [ $rows = 1 ]; then
				one=$(highest $one "$(ratio "$with" "$without")")
			else
				more=$(highest $more "$(ratio "$with" "$without")")
			fi
		done
	done
}

stop_server bench
resume_server bench
run_psql -c "ALTER DATABASE postgres SET cache_ext.notify = off"
run_psql -c "SELECT cache_ext.attach_fragments('bench.bulk', 'kind', 'owner', 'name', 'doc')" >/dev/null 2>&1
printf '%6s %9s %9s %14s %14s %10s %8s\n' cache sessions rows 'without, ms' 'triggers, ms' 'commits/s' ratio
bulk_table empty
run_psql -c "SELECT count(cache_ext.get_merged_config('bulk' || i, 'bulk')) FROM generate_series(1, 8000000, 4) i" >/dev/null
bulk_table full

# One row, with triggers; those who notify commit one after another.
printf '%9s %18s %14s %8s\n' sessions 'no notification' 'notified, ms' ratio
declare -A notified
for sessions in 1 2 8; do
	without='' with=''
	for round in 1 2 3; do
		# shellcheck disable=SC2086
		without=$(lowest $without "$(bulk $sessions 1 "$triggers_on")")
		# shellcheck disable=SC2086
		with=$(lowest $with "$(PGOPTIONS='-c cache_ext.notify=on' bulk $sessions 1 "$triggers_on")")
	done
	notified[$sessions]=$(ratio "$with" "$without")
	printf '%9s %18.3f %14.3f %8s\n' $sessions "$without" "$with" "${notified[$sessions]}"
done
run_psql -c "ALTER DATABASE postgres RESET cache_ext.notify"
run_psql -c "SELECT cache_ext.detach('bench.bulk')" -c "DROP TABLE bench.bulk" >/dev/null

row "update of one row with triggers over without, the worst of 1, 2, 8 sessions" "$one" '<= 1.05'
row "update of 100 to 1,000,000 rows in a transaction, the same" "$more" '<= 1.3'
row "notification of an update of one row, 1 session, over none" "${notified[1]}" '-'
row "notification of an update of one row, 8 sessions, over none" "${notified[8]}" '-'
