\set u random(1, 6)
\set n random(1, 2)
UPDATE app.parts SET doc = jsonb_build_object('user', nextval('stress.counter')) WHERE owner = 'u:u' AND name = 'n:n';
UPDATE app.parts_other SET doc = jsonb_build_object('domain', nextval('stress.counter')) WHERE kind = 'domain' AND name = 'n:n';
