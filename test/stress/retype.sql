SELECT pg_try_advisory_lock(1) AS mine \gset
\if :mine
ALTER TABLE app.users ALTER login TYPE bpchar;
ALTER TABLE app.users ALTER login TYPE text;
SELECT pg_advisory_unlock_all();
\endif
