-- Detached and attached in one transaction: ATTACH alone lets readers go on, so
-- that one statement could see the partition gone and then there.
SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
BEGIN;
ALTER TABLE app.parts DETACH PARTITION app.parts_public;
UPDATE app.parts_public SET doc = jsonb_build_object('public', nextval('stress.counter')) WHERE name = 'n1';
ALTER TABLE app.parts ATTACH PARTITION app.parts_public FOR VALUES IN ('public');
COMMIT;
ALTER TABLE app.parts_public DISABLE TRIGGER cache_ext_row;
UPDATE app.parts_public SET doc = jsonb_build_object('public', nextval('stress.counter')) WHERE name = 'n2';
ALTER TABLE app.parts_public ENABLE ALWAYS TRIGGER cache_ext_row;
SELECT pg_advisory_unlock_all();
\endif
