# In the server, what people use today beside a hit.

install_services memcached
memcached=()
if [ "$PG_BIN" = "/usr/lib/postgresql/$PG_MAJOR/bin" ] && apt-cache show "postgresql-$PG_MAJOR-pgmemcache" >/dev/null 2>&1; then
	install_packages "postgresql-$PG_MAJOR-pgmemcache"
	as_server memcached -d -s "$WORK/sock/memcached" -a 0777 -P "$WORK/memcached.pid"
	until [ -S "$WORK/sock/memcached" ]; do :; done
	memcached=(-v memcached="$WORK/sock/memcached")
fi

ns_memcached=
read_figures "${memcached[@]}" -f "$TOP/test/bench/rivals.sql"
[ ${#memcached[@]} = 0 ] || as_server kill "$(cat "$WORK/memcached.pid")"
printf 'hit %.1f ns, materialized view %.0f ns, merge in PL/pgSQL %.0f ns, memcached from the server %s\n' \
	"$ns_again" "$ns_materialized" "$ns_plpgsql" "${ns_memcached:+$(printf '%.0f ns' "$ns_memcached")}"

row "materialized view's primary-key read over a hit" "$(ratio "$ns_materialized" "$ns_again")" '-'
row "uncached merge in PL/pgSQL over a hit" "$(ratio "$ns_plpgsql" "$ns_again")" '-'
if [ -n "$ns_memcached" ]; then
	row "memcached, asked by the server with pgmemcache, over a hit" "$(ratio "$ns_memcached" "$ns_again")" '-'
fi
