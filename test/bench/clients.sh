# From a client over a Unix socket, prepared: one document, and a bootstrap of 20
# names, beside SELECT 1, a primary-key read and Redis.

install_services redis-server redis-tools

run_psql -f "$TOP/test/bench/clients.sql" >/dev/null
as_server redis-server --unixsocket "$WORK/sock/redis" --unixsocketperm 777 --port 0 --save '' \
	--appendonly no --daemonize yes --dir "$WORK" --pidfile "$WORK/redis.pid" --logfile "$WORK/redis.log" >/dev/null
until redis-cli -s "$WORK/sock/redis" ping >/dev/null 2>&1; do :; done
run_psql -At -f "$TOP/test/bench/clients_redis.sql" | redis-cli -s "$WORK/sock/redis" --pipe >/dev/null

script() {
	printf '\\set i random(0, 63)\n%s\n' "$2" >"$WORK/$1.sql"
}
names=$(printf 'boot%s,' $(seq 20))
script select_1 "SELECT 1;"
# What a reply of that size takes without reading anything.
script payload "SELECT repeat('x', 900 + length('client' || :i));"
script primary_key "SELECT config FROM bench.precomputed WHERE user_id = 'client' || :i AND config_name = 'theme';"
script get_merged_config "SELECT cache_ext.get_merged_config('client' || :i, 'theme');"
script get_merged_config_json "SELECT cache_ext.get_merged_config_json('client' || :i, 'theme');"
script get_merged_configs "SELECT * FROM cache_ext.get_merged_configs('client' || :i, '{${names%,}}');"
script get_merged_configs_json "SELECT cache_ext.get_merged_configs_json('client' || :i, '{${names%,}}');"
script pipelined "$(echo '\startpipeline'; printf "SELECT cache_ext.get_merged_config_json('client' || :i, 'boot%s');\n" $(seq 20); echo '\endpipeline')"

# redis_tps CLIENTS REQUESTS COMMAND...: requests a second.
redis_tps() {
	local clients=$1 requests=$2
	shift 2
	redis-benchmark -s "$WORK/sock/redis" -c "$clients" -n "$requests" -r 64 --csv "$@" |
		tail -n 1 | cut -d, -f2 | tr -d '"'
}

declare -A client
mget=$(printf 'boot%s:__rand_int__ ' $(seq 20))
for round in 1 2 3; do
	for c in 1 8; do
		for what in select_1 payload primary_key get_merged_config get_merged_config_json get_merged_configs get_merged_configs_json pipelined; do
			client[$what,$c]=$(highest "${client[$what,$c]:-0}" "$(tps $c 2 "$WORK/$what.sql" -M prepared)")
		done
		client[redis_get,$c]=$(highest "${client[redis_get,$c]:-0}" "$(redis_tps $c 150000 GET theme:__rand_int__)")
		# shellcheck disable=SC2086
		client[redis_mget,$c]=$(highest "${client[redis_mget,$c]:-0}" "$(redis_tps $c 50000 MGET $mget)")
	done
done
as_server kill "$(cat "$WORK/redis.pid")"

printf '%-28s %14s %14s\n' 'requests a second' '1 connection' '8 connections'
for what in select_1 payload primary_key get_merged_config get_merged_config_json redis_get get_merged_configs get_merged_configs_json pipelined redis_mget; do
	printf '%-28s %14.0f %14.0f\n' $what "${client[$what,1]}" "${client[$what,8]}"
	printf '%s\t%s\t%s\n' "$what" "${client[$what,1]}" "${client[$what,8]}" >>"$WORK/clients.tsv"
done

row "client: get_merged_config_json over SELECT 1, 8 connections" "$(ratio "${client[get_merged_config_json,8]}" "${client[select_1,8]}")" '>= 0.95'
row "client: get_merged_config_json over SELECT repeat() of as many bytes, 8 connections" "$(ratio "${client[get_merged_config_json,8]}" "${client[payload,8]}")" '-'
row "client: get_merged_config_json over Redis GET, 8 connections" "$(ratio "${client[get_merged_config_json,8]}" "${client[redis_get,8]}")" '>= 0.85'
row "client: get_merged_config_json over the primary-key read, 8 connections" "$(ratio "${client[get_merged_config_json,8]}" "${client[primary_key,8]}")" '-'
row "client: get_merged_configs_json of 20 names over Redis MGET, 8 connections" "$(ratio "${client[get_merged_configs_json,8]}" "${client[redis_mget,8]}")" '>= 1.0'
row "client: get_merged_configs of 20 names over Redis MGET, 8 connections" "$(ratio "${client[get_merged_configs,8]}" "${client[redis_mget,8]}")" '-'
row "client: 20 names pipelined over Redis MGET, 8 connections" "$(ratio "${client[pipelined,8]}" "${client[redis_mget,8]}")" '-'
