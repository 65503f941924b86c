SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
BEGIN;
TRUNCATE app.parts_public;
INSERT INTO app.parts SELECT 'public', NULL, 'n' || i, jsonb_build_object('public', nextval('stress.counter')) FROM generate_series(1, 2) i;
COMMIT;
SELECT pg_advisory_unlock_all();
\endif
