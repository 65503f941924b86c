\set n random(1, 2)
UPDATE app.plain SET doc = jsonb_build_object('public', nextval('stress.counter')), extra = doc WHERE kind = 'public' AND name = 'n:n';
