\set pick random(1, 4)
SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
BEGIN;
SELECT stress.attach((ARRAY['app.other', 'app.plain', 'app.plain', 'app.plain'])[:pick], (ARRAY['doc', 'doc', 'doc', 'extra'])[:pick]);
UPDATE app.other SET doc = jsonb_build_object('domain', nextval('stress.counter')) WHERE kind = 'domain' AND name = 'n1';
COMMIT;
SELECT cache_ext.detach(a.relation) FROM cache_ext.attached a WHERE a.part = 'fragments' AND :pick = 2;
SELECT stress.attach('app.plain');
SELECT pg_advisory_unlock_all();
\endif
