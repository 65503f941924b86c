-- Disabled, written and enabled, in three transactions or in one.  One client does
-- DDL at a time: two would get in each other's way in the catalogs.
\set n random(1, 2)
SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
ALTER TABLE app.plain DISABLE TRIGGER cache_ext_row;
UPDATE app.plain SET doc = jsonb_build_object('public', nextval('stress.counter')) WHERE kind = 'public' AND name = 'n:n';
ALTER TABLE app.plain ENABLE ALWAYS TRIGGER cache_ext_row;
SET session_replication_role = replica;
BEGIN;
ALTER TABLE app.plain DISABLE TRIGGER ALL;
UPDATE app.plain SET doc = jsonb_build_object('public', nextval('stress.counter')) WHERE kind = 'public' AND name = 'n:n';
ALTER TABLE app.plain ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement;
COMMIT;
RESET session_replication_role;
SELECT pg_advisory_unlock_all();
\endif
