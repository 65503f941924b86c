\set u random(1, 6)
\set n random(1, 2)
\set pause random(0, 3000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT stress.check('u:u', 'n:n', :lock_first);
\sleep :pause us
SELECT stress.check('u:u', 'n:n', :lock_first);
COMMIT;
