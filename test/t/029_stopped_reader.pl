# Readers stopped wherever they first touch a page of shared memory, and what others do meanwhile.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = test_library('cext_memory');
my $hold = PostgreSQL::Test::Utils::tempdir_short() . '/hold';
my $node = new_node(
	'main', [], 'cache_ext.memory = 10MB', 'cache_ext.notify = off', 'huge_pages = off',
	"shared_preload_libraries = '$library, " . test_library() . ", cache_ext'");
$node->start;
load($node);
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION dblink;
CREATE SCHEMA s;
CREATE FUNCTION s.stop(bigint, integer, integer) RETURNS integer LANGUAGE c AS '$library', 'cext_memory_stop';
CREATE FUNCTION s.is_stopped() RETURNS boolean LANGUAGE c AS '$library', 'cext_memory_is_stopped';
CREATE FUNCTION s.release() RETURNS void LANGUAGE c AS '$library', 'cext_memory_release';
CREATE FUNCTION s.save(bigint, text) RETURNS bigint LANGUAGE c AS '$library', 'cext_memory_save';
CREATE FUNCTION s.forge(text, text) RETURNS bigint LANGUAGE c AS '$library', 'cext_memory_forge';
CREATE FUNCTION s.memory() RETURNS bigint LANGUAGE sql AS \$\$ SELECT value FROM cache_ext.memory_usage WHERE name = 'configured_bytes' \$\$;
SQL
$node->safe_psql('postgres', <<'SQL');
-- Documents of three pages, all of one size, of which each word says what it is of.
CREATE FUNCTION s.document(word text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_build_object('words', repeat(word, 1500)) $$;
INSERT INTO cache_ext.config_definitions VALUES ('big');
INSERT INTO cache_ext.config_policies VALUES ('big', 'user'), ('big', 'public');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'u' || i, 'big', s.document('genuine-') FROM generate_series(10001, 10999) i UNION ALL
  SELECT 'public', NULL, 'big', s.document('filler--');
CREATE FUNCTION s.exact(u text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT cache_ext.get_merged_config(u, 'big') IS NOT DISTINCT FROM (SELECT config FROM cache_ext.config_fragments WHERE config_name = 'big' AND scope_id = u)
$$;
CREATE FUNCTION s.write(u text) RETURNS void LANGUAGE sql AS $$
  UPDATE cache_ext.config_fragments SET config = s.document(CASE config WHEN s.document('genuine-') THEN 'changed-' ELSE 'genuine-' END) WHERE config_name = 'big' AND scope_id = u
$$;
-- More than fits, each once, never the same again: what is not hot is gone, and its
-- room taken by others.
CREATE SEQUENCE s.fillers START 10001;
CREATE FUNCTION s.evict() RETURNS bigint LANGUAGE sql AS $$ SELECT count(cache_ext.get_merged_config('f' || nextval('s.fillers'), 'big')) FROM generate_series(1, 1000) $$;

-- A change of triggers that has committed, and is held before its messages go out;
-- and its end.
CREATE FUNCTION s.begin_held(hold text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('COPY (SELECT) TO %L', hold);
  PERFORM public.dblink_connect('w', 'dbname=postgres'), public.dblink_exec('w', format('SET cext_test.hold_file = %L', hold));
  PERFORM public.dblink_send_query('w', 'ALTER TABLE cache_ext.config_fragments DISABLE TRIGGER cache_ext_row');
  WHILE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'cache_ext.config_fragments'::regclass AND tgname = 'cache_ext_row' AND tgenabled = 'D') LOOP
    PERFORM pg_sleep(0.001);
  END LOOP;
END
$$;
CREATE FUNCTION s.end_held(hold text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'cat >/dev/null; rm ' || hold);
  PERFORM FROM public.dblink_get_result('w') w (status text);
  PERFORM public.dblink_disconnect('w');
END
$$;

-- Begin the read again and again, each time for another user, and stop it one touch
-- later than the time before.  While it is stopped, let others act.  Then look at its
-- result, and at what comes after.  Each statement begins with the session that runs
-- it: r, which reads, or m.  In statements %u is the user.
CREATE SEQUENCE s.users START 10001;
CREATE PROCEDURE s.explore(before text[], act text[], interval_us integer, INOUT stops integer DEFAULT 0, INOUT wrong text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
  size bigint := s.memory();
  u text;
  statement text;
  was_stopped boolean;
  is_exact boolean;
BEGIN
  LOOP
    u := 'u' || nextval('s.users');
    PERFORM public.dblink_connect('r', 'dbname=postgres'), public.dblink_connect('m', 'dbname=postgres');
    FOREACH statement IN ARRAY before LOOP
      PERFORM public.dblink_exec(left(statement, 1), replace(substr(statement, 4), '%u', u));
    END LOOP;
    PERFORM public.dblink_exec('r', format('DO $x$ BEGIN PERFORM s.stop(%s, %s, %s); END $x$', size, stops + 1, interval_us));
    PERFORM public.dblink_send_query('r', format('SELECT s.exact(%L)', u));
    WHILE NOT s.is_stopped() AND public.dblink_is_busy('r') = 1 LOOP
      PERFORM pg_sleep(0.001);
    END LOOP;
    was_stopped := s.is_stopped();
    FOREACH statement IN ARRAY act LOOP
      PERFORM public.dblink_exec(left(statement, 1), replace(substr(statement, 4), '%u', u));
    END LOOP;
    PERFORM s.release();
    SELECT r.is_exact INTO is_exact FROM public.dblink_get_result('r') r (is_exact boolean);
    PERFORM FROM public.dblink_get_result('r') r (is_exact boolean);
    PERFORM public.dblink_exec('r', format('DO $x$ BEGIN PERFORM s.stop(%s, 0, 0); END $x$', size));
    EXIT WHEN NOT was_stopped;
    stops := stops + 1;
    IF NOT is_exact THEN
      wrong := wrong || format(' at stop %s', stops);
    END IF;
    FOREACH statement IN ARRAY '{r,m}'::text[] LOOP
      SELECT r.is_exact INTO is_exact FROM public.dblink(statement, format('SELECT s.exact(%L)', u)) r (is_exact boolean);
      IF NOT is_exact THEN
        wrong := wrong || format(' after stop %s (%s)', stops, statement);
      END IF;
    END LOOP;
    PERFORM public.dblink_disconnect('r'), public.dblink_disconnect('m');
  END LOOP;
  PERFORM public.dblink_disconnect('r'), public.dblink_disconnect('m');
END
$$;
SQL

# What is called in a session.
sub of
{
	my ($session, @calls) = @_;
	return map { "$session: DO \$x\$ BEGIN PERFORM $_; END \$x\$" } @calls;
}

sub array
{
	return 'ARRAY[' . join(', ', map { '$a$' . $_ . '$a$' } @_) . ']::text[]';
}

sub explore
{
	my ($what, $least, $before, $act, $interval) = @_;
	my ($stops, $wrong) = split(
		/\|/,
		$node->safe_psql(
			'postgres',
			"SET client_min_messages = error; SET statement_timeout = '5min'; CALL s.explore("
			  . array(@$before) . ', '
			  . array(@$act) . ', '
			  . ($interval // 0) . ')'),
		-1);
	is($wrong, '', "$what: exact at each of $stops stops");
	cmp_ok($stops, '>=', $least, "$what: there were stops");
	return;
}

my $warm = "cache_ext.get_merged_config('nobody', 'big')";
my $read = "cache_ext.get_merged_config('%u', 'big')";
my $write = "s.write('%u')";
my $evict = 's.evict()';
my $save = "s.save(s.memory(), '%ubig')";
my $forge = "s.forge('genuine-', 'forged!-'), s.forge('changed-', 'forged!-')";

# A hit, of a process that finds the entry by the directory and of one that knows its
# place.
foreach my $mode ([ 'by the directory', $warm ], [ 'by its place', ($read) x 6 ])
{
	my ($name, @reads) = @$mode;
	explore("a hit $name, filled again", 5, [ of('m', $read, $read), of('r', @reads) ], [ of('m', $write, $read) ]);
	explore("a hit $name, written and evicted", 5, [ of('m', $evict, $read), of('r', @reads) ], [ of('m', $write, $evict) ]);
	# Its bytes are another's then, and could look like those of its record.
	explore("a hit $name, evicted and forged", 5, [ of('m', $evict, $read, $save), of('r', @reads) ], [ of('m', $evict, $forge) ]);
}
# Evicted and forged before the read.
explore('a place that was left', 5, [ of('r', $evict, $read, $save, ($read) x 6, $evict, $forge) ], []);

# A fill, while the user's row changes, or everything is invalidated.
explore('a fill, written', 10, [ of('r', $warm), of('m', $write) ], [ of('m', $write) ]);
explore('a fill, everything invalidated', 10, [ of('r', $warm), of('m', $write) ], [ of('m', 'cache_ext.invalidate_all()') ]);

# A fill of a transaction that has its locks, and so hears of no changes, under a
# snapshot that sees a trigger disabled; and then a write that goes unnoticed.  It
# looks at one page more than once, with the catalogs in between.
my $enable = 'ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER cache_ext_row';
explore(
	'a fill, a trigger disabled', 3,
	[ "m: $enable", 'r: BEGIN', of('r', $read), of('m', "s.begin_held('$hold')") ],
	[ of('m', "s.end_held('$hold')", $write) ], 50);
$node->safe_psql('postgres', $enable);

$node->stop;
done_testing();
