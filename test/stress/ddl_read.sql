\set u random(1, 6)
\set n random(1, 2)
SELECT stress.check('u:u', 'n:n', :lock_first);
SELECT stress.check('u:u', 'n:n', :lock_first);
