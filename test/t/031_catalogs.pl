# Databases without the extension, and what runs without anybody's command: autovacuum.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node(
	'main', [], 'max_prepared_transactions = 5', 'autovacuum = on', 'autovacuum_naptime = 1s',
	'autovacuum_vacuum_threshold = 0', 'autovacuum_analyze_threshold = 0', 'autovacuum_vacuum_scale_factor = 0', 'autovacuum_analyze_scale_factor = 0');
$node->start;
load($node);
$node->safe_psql('postgres', 'CREATE DATABASE plain');
my $everything = sub { return count($node, 'invalidations_everything') };

# In a database that does not have it: tables, types and functions like its own.
my $before = $everything->();
my $listener = $node->background_psql('plain', on_error_stop => 0);
$listener->query_safe('LISTEN cache_ext');
my @statements = (
	'CREATE SCHEMA cache_ext',
	'CREATE TABLE cache_ext.attached (part text, relation regclass)',
	'CREATE TABLE cache_ext.users (user_id text, domain_id text)',
	q{CREATE FUNCTION cache_ext.source_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'},
	'CREATE TRIGGER cache_ext_row AFTER INSERT ON cache_ext.users FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row()',
	'ALTER TABLE cache_ext.users DISABLE TRIGGER cache_ext_row',
	'CREATE OR REPLACE TRIGGER cache_ext_row AFTER UPDATE ON cache_ext.users FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row()',
	q{CREATE TYPE cache_ext.kind AS ENUM ('a')}, q{ALTER TYPE cache_ext.kind RENAME VALUE 'a' TO 'b'},
	'GRANT USAGE ON SCHEMA cache_ext TO PUBLIC', 'GRANT SELECT ON ALL TABLES IN SCHEMA cache_ext TO PUBLIC',
	'CREATE ROLE app', 'DROP OWNED BY app', 'TRUNCATE cache_ext.users', 'ALTER SCHEMA cache_ext RENAME TO other',
	'DROP SCHEMA other CASCADE', 'CREATE PUBLICATION everything FOR ALL TABLES', 'DROP PUBLICATION everything', 'VACUUM FULL pg_class');
$node->safe_psql('plain', $_) foreach @statements;
is($everything->(), $before, 'nothing that is done there invalidates');
unlike($listener->query_safe('SELECT 1'), qr/Asynchronous/, 'nor is told');
$listener->quit;
$node->safe_psql(
	'plain',
	q{BEGIN; CREATE TABLE t (x int); CREATE TYPE e AS ENUM ('a'); ALTER TYPE e RENAME VALUE 'a' TO 'b'; GRANT USAGE ON SCHEMA public TO app; PREPARE TRANSACTION 'plain'}
);
$node->safe_psql('plain', q{COMMIT PREPARED 'plain'});
is($node->safe_psql('plain', 'SELECT count(*) FROM t'), 0, 'and DDL can be prepared');

# The extension comes and goes in one transaction.
$before = $everything->();
$node->safe_psql('plain', 'BEGIN; CREATE EXTENSION cache_ext; ROLLBACK');
is($everything->(), $before, 'rolled back it was not there');
my ($rc, $stdout, $stderr) = $node->psql('plain', q{BEGIN; CREATE EXTENSION cache_ext; PREPARE TRANSACTION 'x'});
like($stderr, qr/cannot PREPARE/, 'a transaction that creates it cannot be prepared');
$node->safe_psql('plain', 'BEGIN; CREATE EXTENSION cache_ext; DROP EXTENSION cache_ext; COMMIT');
my $read = q{SELECT cache_ext.get_merged_config('alice', 'theme')};
my $session = $node->background_psql('plain', on_error_stop => 0);

foreach my $round (1 .. 3)
{
	$node->safe_psql('plain', 'CREATE EXTENSION cache_ext');
	$node->safe_psql(
		'plain', qq{INSERT INTO cache_ext.config_definitions VALUES ('theme');
INSERT INTO cache_ext.config_policies VALUES ('theme', 'public');
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'theme', '{"round": $round}')});
	is($session->query_safe($read), qq{{"round": $round}}, "created $round times") for 1 .. 2;
	$before = $everything->();
	$node->safe_psql('plain', 'DROP EXTENSION cache_ext');
	is($everything->(), $before + 1, 'dropping it invalidates everything, once');
}
$session->quit;

# Autovacuum of sources, of the extension's own and of one that is attached.
$node->safe_psql(
	'postgres', q{CREATE TABLE people (id text PRIMARY KEY, domain text, note int);
SELECT cache_ext.attach_users('people', 'id', 'domain')});
$node->safe_psql(
	'postgres',
	q{INSERT INTO people SELECT i, 'acme', 0 FROM generate_series(1, 1000) i; UPDATE people SET note = 1; DELETE FROM people WHERE note = 1 AND id::int > 500});
read_config($node, '1', 'theme');
$before = $everything->();
my $hits = count($node, 'hits');
ok( $node->poll_query_until('postgres', q{SELECT autovacuum_count > 0 AND autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'people'}),
	'autovacuum came by');
ok( $node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_user_tables WHERE schemaname = 'cache_ext' AND autoanalyze_count > 0}),
	'and to tables of the extension');
is($everything->(), $before, 'it invalidates nothing');
read_config($node, '1', 'theme');
is(count($node, 'hits'), $hits + 1, 'what was cached is a hit');
$node->stop;

done_testing();
