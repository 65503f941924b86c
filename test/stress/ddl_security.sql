SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
ALTER TABLE app.plain ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.plain FORCE ROW LEVEL SECURITY;
UPDATE app.plain SET doc = jsonb_build_object('domain', nextval('stress.counter')) WHERE kind = 'domain' AND name = 'n1';
ALTER TABLE app.plain NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON app.plain TO pg_monitor;
SELECT pg_advisory_unlock_all();
\endif
