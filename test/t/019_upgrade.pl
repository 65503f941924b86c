# From the release before, as it was tagged, to the current version: with data, in a
# server that works, and into a dump.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Whose install script scripts/test made from its tag.
my $previous = $ENV{CACHE_EXT_PREVIOUS}
  or plan skip_all => 'there is no tag of an earlier version to update from';

my $node = new_node('main', []);
$node->start;
my $sql = sub { return $node->safe_psql($_[1] // 'postgres', $_[0]) };

# The old version with the new library.
$sql->("CREATE EXTENSION cache_ext VERSION '$previous'");
$sql->(
	q{INSERT INTO cache_ext.config_definitions VALUES ('theme');
INSERT INTO cache_ext.config_policies VALUES ('theme', 'public'), ('theme', 'user');
CREATE TABLE people (id int PRIMARY KEY, domain text);
INSERT INTO people VALUES (1, 'd');
SELECT cache_ext.attach_users('people', 'id', 'domain');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', NULL, 'theme', '{"p": 0}'), ('user', '1', 'theme', '{"u": 0}');
CREATE ROLE app;
GRANT USAGE ON SCHEMA cache_ext TO app;
GRANT EXECUTE ON FUNCTION cache_ext.get_merged_config(text, text, boolean) TO app;
CREATE VIEW mine AS SELECT name, value FROM cache_ext.stats});
is(read_config($node, '1', 'theme'), '{"p": 0, "u": 0}', 'the old version') for 1 .. 2;
is(count($node, 'hits'), 1, 'is cached');
my $session = $node->background_psql('postgres');
is($session->query_safe("SELECT cache_ext.get_merged_config('1', 'theme')"), '{"p": 0, "u": 0}', 'a session of it');

my $version = $sql->("SELECT default_version FROM pg_available_extensions WHERE name = 'cache_ext'");
isnt($version, $previous, "from $previous to $version");
$sql->('ALTER EXTENSION cache_ext UPDATE');
is($sql->("SELECT extversion FROM pg_extension WHERE extname = 'cache_ext'"), $version, 'updated');
is($session->query_safe("SELECT cache_ext.get_merged_config('1', 'theme')"), '{"p": 0, "u": 0}', 'the session goes on');
$sql->(q{UPDATE cache_ext.config_fragments SET config = '{"u": 1}' WHERE scope_type = 'user'});
is($session->query_safe("SELECT cache_ext.get_merged_config('1', 'theme')"), '{"p": 0, "u": 1}', 'and sees changes');
$session->quit;
is($sql->(q{SELECT count(*) FROM cache_ext.health}), 0, 'all is well');
is($sql->(q{SELECT count(*) > 0 FROM cache_ext.entries}), 't', 'entries are shown');
is($sql->(q{SELECT string_agg(scope_type || survives::text, ' ') FROM cache_ext.explain_config('1', 'theme')}), 'public{p} user{u}', 'fragments are explained');
is($sql->(q{SELECT count(*) > 0 FROM mine}), 't', 'a view upon a view of the extension');
is($sql->(q{SET ROLE app; SELECT cache_ext.get_merged_config('1', 'theme')}), '{"p": 0, "u": 1}', 'privileges are what they were');

# The same objects as a fresh one, with the same definitions, comments and
# privileges.
my $objects = q{
SELECT o.description, o.definition, obj_description(o.objid, o.catalog), o.acl
  FROM (SELECT pg_describe_object(d.classid, d.objid, 0) AS description, d.objid, d.classid::regclass::name AS catalog,
               CASE d.classid WHEN 'pg_proc'::regclass THEN pg_get_functiondef(d.objid) WHEN 'pg_class'::regclass THEN pg_get_viewdef(d.objid) END AS definition,
               (SELECT array_agg(a ORDER BY a) FROM unnest(CASE d.classid WHEN 'pg_proc'::regclass THEN (SELECT proacl::text[] FROM pg_proc WHERE oid = d.objid) WHEN 'pg_class'::regclass THEN (SELECT relacl::text[] FROM pg_class WHERE oid = d.objid) END) a WHERE a NOT LIKE 'app=%') AS acl
          FROM pg_depend d WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_ext') AND d.deptype = 'e' AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)) o
 ORDER BY 1};
$sql->('CREATE DATABASE fresh');
$sql->('CREATE EXTENSION cache_ext', 'fresh');
is($sql->($objects), $sql->($objects, 'fresh'), 'the same as a fresh one');

# A dump of it.
$sql->('CREATE DATABASE restored');
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restored');
is(read_config($node, '1', 'theme', 'restored'), '{"p": 0, "u": 1}', 'and read') for 1 .. 2;
is($sql->(q{SELECT cache_ext.read_state('1', 'theme')}, 'restored'), 'hit', 'cached');
$node->stop;

done_testing();
