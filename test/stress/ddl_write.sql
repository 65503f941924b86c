\set u random(1, 6)
\set n random(1, 2)
UPDATE app.plain SET doc = jsonb_build_object('user', nextval('stress.counter')), extra = doc WHERE owner = 'u:u' AND name = 'n:n';
UPDATE app.other SET doc = jsonb_build_object('user', nextval('stress.counter')) WHERE owner = 'u:u' AND name = 'n:n';
UPDATE app.users SET tenant = 'd' || (random() * 2)::int WHERE login = 'u:u';
