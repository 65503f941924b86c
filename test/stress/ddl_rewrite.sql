SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
ALTER TABLE app.parts ALTER doc TYPE jsonb USING doc || jsonb_build_object('rewritten', nextval('stress.counter'));
SELECT pg_advisory_unlock_all();
\endif
