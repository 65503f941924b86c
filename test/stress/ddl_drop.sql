\set n random(1, 2)
SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
DROP TRIGGER IF EXISTS cache_ext_row ON app.plain;
UPDATE app.plain SET doc = jsonb_build_object('public', nextval('stress.counter')) WHERE kind = 'public' AND name = 'n:n';
SELECT stress.attach('app.plain');
SELECT pg_advisory_unlock_all();
\endif
