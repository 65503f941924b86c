# pg_dump and restore, with and without data, also with triggers disabled.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
my $dir = $node->basedir;
$node->start;
load($node);
$node->safe_psql('postgres', <<'SQL');
INSERT INTO cache_ext.scope_types VALUES ('team', 'domain', 220);
UPDATE cache_ext.scope_types SET default_rank = 400 WHERE scope_type = 'public';
INSERT INTO cache_ext.config_policies VALUES ('theme', 'team', 7);
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('team', 'acme', 'theme', '{"t": 0, "p": "team"}');
SQL
my $all = q{SELECT jsonb_agg(t) FROM (SELECT * FROM cache_ext.scope_types ORDER BY 1) t;
SELECT jsonb_agg(t) FROM (SELECT * FROM cache_ext.config_definitions ORDER BY 1) t;
SELECT jsonb_agg(t) FROM (SELECT * FROM cache_ext.config_policies ORDER BY 1, 2) t;
SELECT jsonb_agg(t) FROM (SELECT scope_type, scope_id, config_name, config FROM cache_ext.config_fragments ORDER BY 1, 2, 3) t;
SELECT jsonb_agg(t) FROM (SELECT * FROM cache_ext.users ORDER BY 1) t;};
my $expected = $node->safe_psql('postgres', $all);
my $read = read_config($node, 'alice', 'theme');

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'restore');
is($node->safe_psql('restored', $all), $expected, 'all tables are restored, a changed built-in scope type too');
is(read_config($node, 'alice', 'theme', 'restored'), $read, 'the merge is the same') for 1 .. 2;
is( $node->safe_psql('restored', q{SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger WHERE tgname LIKE 'cache\_ext\_%'}), 'A',
	'triggers are ENABLE ALWAYS');

# Data alone, into a database whose cache is warm, with the triggers disabled:
# the ones that count come back not ALWAYS, so that reads go through, exactly.
$node->safe_psql('postgres', 'CREATE DATABASE data');
$node->safe_psql('data', 'CREATE EXTENSION cache_ext');
is(read_config($node, 'alice', 'theme', 'data'), '', 'absent, and cached') for 1 .. 2;
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-t', 'config_definitions', '-t', 'config_policies',
		'-t', 'config_fragments', '-t', 'users', '-d', $node->connstr('data'), "$dir/dump"
	],
	'data-only restore');
$node->safe_psql('data', q{INSERT INTO cache_ext.scope_types VALUES ('team', 'domain', 220), ('public', 'none', 400)});
is(read_config($node, 'alice', 'theme', 'data'), $read, 'the absence is forgotten') for 1 .. 2;
$node->safe_psql(
	'data', join '',
	map { "ALTER TABLE cache_ext.$_ ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement;" }
	  qw(scope_types config_definitions config_policies config_fragments users));
my $hits = count($node, 'hits');
is(read_config($node, 'alice', 'theme', 'data'), $read, 'mended') for 1 .. 2;
is(count($node, 'hits'), $hits + 1, 'and cached');
$node->stop;

done_testing();
