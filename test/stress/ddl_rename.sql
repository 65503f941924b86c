SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
BEGIN;
ALTER TABLE app.plain RENAME doc TO document;
UPDATE app.plain SET document = jsonb_build_object('domain', nextval('stress.counter')) WHERE kind = 'domain' AND name = 'n1';
ALTER TABLE app.plain RENAME document TO doc;
COMMIT;
BEGIN;
ALTER TABLE app.plain RENAME TO renamed;
ALTER TABLE app.renamed SET SCHEMA elsewhere;
UPDATE elsewhere.renamed SET doc = jsonb_build_object('domain', nextval('stress.counter')) WHERE kind = 'domain' AND name = 'n2';
ALTER TABLE elsewhere.renamed SET SCHEMA app;
ALTER TABLE app.renamed RENAME TO plain;
COMMIT;
SELECT pg_advisory_unlock_all();
\endif
