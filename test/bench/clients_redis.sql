-- The same documents as commands for Redis, in its protocol; psql ends each line.
SELECT format(E'*3\r\n$3\r\nSET\r\n$%s\r\n%s\r\n$%s\r\n%s\r', octet_length(k), k, octet_length(v), v)
  FROM generate_series(0, 63) i, (SELECT 'theme' UNION ALL SELECT 'boot' || n FROM generate_series(1, 20) n) names (n),
       LATERAL (SELECT n || ':' || lpad(i::text, 12, '0'), cache_ext.get_merged_config_json('client' || i, n)::text) d (k, v);
