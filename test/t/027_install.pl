# CREATE EXTENSION and ALTER EXTENSION UPDATE in a schema that somebody prepared:
# nothing of his runs as the superuser who does it, nor later in what was installed.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE mallory');

# What the scripts, the views and the functions call by a name or with an operator,
# or could: in schema cache_ext, by mallory, who becomes a superuser by any of it.
my $functions = join(
	"\n",
	map {
		my ($name, $args, $result) = @$_;
		"CREATE FUNCTION cache_ext.$name($args) RETURNS $result LANGUAGE sql AS 'SELECT cache_ext.trap(NULL::$result)';"
	} ( [ 'format', 'text, text', 'text' ], [ 'format', 'text, text, text', 'text' ], [ 'format', 'text, name', 'text' ], [ 'quote_ident', 'text', 'text' ],
		[ 'set_config', 'text, text, boolean', 'text' ], [ 'pg_get_userbyid', 'oid', 'name' ], [ 'now', '', 'timestamptz' ],
		[ 'clock_timestamp', '', 'timestamptz' ], [ 'date_trunc', 'text, interval', 'interval' ], [ 'octet_length', 'text', 'int' ],
		[ 'pg_extension_config_dump', 'regclass, text', 'int' ], [ 'round', 'numeric, int', 'numeric' ], [ 'count', 'text', 'bigint' ],
		[ 'regexp_replace', 'text, text, text', 'text' ], [ 'current_setting', 'text', 'text' ], [ 'pg_notification_queue_usage', '', 'float8' ],
		[ 'current_database', '', 'name' ], [ 'jsonb_typeof', 'jsonb', 'text' ], [ 'cardinality', 'text[]', 'int' ],
		[ 'same', 'name, name', 'boolean' ], [ 'same', 'text, text', 'boolean' ], [ 'same', 'numeric, int', 'boolean' ],
		[ 'same', 'bigint, bigint', 'boolean' ],
		[ 'same', 'jsonb, jsonb', 'boolean' ],
		# Better matches than those of the extension would be, where an argument is left
		# out or has another type.
		[ 'get_merged_config', 'text, text', 'jsonb' ], [ 'get_merged_config_json', 'text, text', 'json' ], [ 'entries_of', 'text', 'int' ],
		[ 'prewarm_report', 'int, int', 'int' ], [ 'prewarm_report', 'text, text', 'int' ], [ 'prewarm', 'text[], text[]', 'bigint' ],
		[ 'entries_rows', 'varchar, varchar, boolean', 'int' ], [ 'slot_of', 'varchar, varchar, varchar', 'int' ],
		[ 'compute_config', 'varchar, varchar', 'jsonb' ]));
my $operators = join(
	"\n",
	map {
		my ($name, $type) = @$_;
		"CREATE OPERATOR cache_ext.$name (FUNCTION = cache_ext.same, LEFTARG = $type, RIGHTARG = $type);"
	} map {
		my $name = $_;
		map { [ $name, $_ ] } qw(name text bigint jsonb)
	} qw(= <> < > <= >=));
my $traps = <<"SQL";
CREATE FUNCTION cache_ext.trap(result anyelement) RETURNS anyelement LANGUAGE plpgsql AS \$\$
BEGIN
  IF pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on' THEN
    ALTER ROLE mallory SUPERUSER;
  END IF;
  RETURN result;
END
\$\$;
CREATE DOMAIN cache_ext.interval AS pg_catalog.interval CHECK (cache_ext.trap(true));
$functions
$operators
CREATE TABLE cache_ext.pg_roles AS SELECT oid, rolname FROM pg_catalog.pg_roles;
SQL
my $is_superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'";

# His own schema: refused, by a superuser, by another superuser than its owner.
$node->safe_psql('postgres', 'CREATE DATABASE his');
$node->safe_psql('his', "CREATE SCHEMA cache_ext AUTHORIZATION mallory; SET ROLE mallory; SET search_path = pg_catalog; $traps");
my ($rc, $stdout, $stderr) = $node->psql('his', '\set VERBOSITY verbose' . "\nCREATE EXTENSION cache_ext");
like($stderr, qr/ERROR:  42501: schema "cache_ext" is not owned by the role that creates the extension/, 'a schema of his is refused');
like($stderr, qr/owned by role "mallory"/, 'which says whose it is');
like($stderr, qr/HINT:  Drop the schema/, 'and what to do');
is($node->safe_psql('his', $is_superuser), 'f', 'nothing of his ran');
$node->safe_psql('his', 'CREATE ROLE another SUPERUSER; ALTER SCHEMA cache_ext OWNER TO another');
($rc, $stdout, $stderr) = $node->psql('his', 'CREATE EXTENSION cache_ext');
like($stderr, qr/owned by role "another"/, 'nor is that of another superuser taken');

# The superuser's, in which he could create what he wanted.
my $current = $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'cache_ext'");
foreach my $version ($current, $ENV{CACHE_EXT_PREVIOUS} || ())
{
	my $db = "polluted_$version";
	$node->safe_psql('postgres', qq{CREATE DATABASE "$db"});
	$node->safe_psql($db, "CREATE SCHEMA cache_ext; GRANT ALL ON SCHEMA cache_ext TO mallory; SET ROLE mallory; SET search_path = pg_catalog; $traps");
	$node->safe_psql($db, "SET search_path = cache_ext, pg_catalog; CREATE EXTENSION cache_ext VERSION '$version'");
	is($node->safe_psql($db, $is_superuser), 'f', "version $version: nothing of his ran");
	$node->safe_psql($db, 'ALTER EXTENSION cache_ext UPDATE') if $version ne $current;
	is($node->safe_psql($db, $is_superuser), 'f', 'nor with an update');
	# Nor does anything that was installed refer to it.
	is($node->safe_psql($db, <<'SQL'), '', 'views, triggers and constraints are free of it');
SELECT pg_describe_object(d.classid, d.objid, 0) || ' on ' || pg_describe_object(d.refclassid, d.refobjid, 0) FROM pg_depend d
 WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
   AND (EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.refobjid AND p.proowner = 'mallory'::regrole)
        OR EXISTS (SELECT FROM pg_operator o WHERE o.oid = d.refobjid AND o.oprowner = 'mallory'::regrole)
        OR EXISTS (SELECT FROM pg_type t WHERE t.oid = d.refobjid AND t.typowner = 'mallory'::regrole))
   AND d.classid <> 'pg_operator'::regclass
   AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.objid AND p.proowner = 'mallory'::regrole)
   AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = d.objid AND t.typowner = 'mallory'::regrole)
   AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.oid = d.objid AND c.contypid <> 0)
SQL
	# Used by the superuser.
	$node->safe_psql($db, <<'SQL');
INSERT INTO cache_ext.config_definitions VALUES ('theme');
INSERT INTO cache_ext.config_policies VALUES ('theme', 'public'), ('theme', 'user');
INSERT INTO cache_ext.users VALUES ('alice', 'acme');
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'theme', '{"p": 0}');
UPDATE cache_ext.config_fragments SET config = '{"p": 1}';
UPDATE cache_ext.scope_types SET default_rank = 101 WHERE scope_type = 'public';
INSERT INTO cache_ext.scope_types VALUES ('public', 'none', 102);
SELECT cache_ext.get_merged_config('alice', 'theme', true), cache_ext.prewarm('{alice}', '{theme}', false);
CALL cache_ext.prewarm_all();
SELECT count(*) FROM cache_ext.verify();
SELECT * FROM cache_ext.explain_config('alice', 'theme');
SELECT count(*) FROM cache_ext.entries_of('alice', 'theme');
TABLE cache_ext.entries; TABLE cache_ext.slices; TABLE cache_ext.invalidations; TABLE cache_ext.health; TABLE cache_ext.stats;
TABLE cache_ext.memory_usage; TABLE cache_ext.sources; TABLE cache_ext.prewarm_progress;
SQL
	is($node->safe_psql($db, $is_superuser), 'f', 'nor when it is used');
	is($node->safe_psql($db, "SELECT cache_ext.get_merged_config('alice', 'theme', true)"), '{"p": 1}', 'which works');
}
# The traps work.
$node->safe_psql('his', "SELECT cache_ext.get_merged_config('alice', 'theme')");
is($node->safe_psql('his', $is_superuser), 't', 'a trap that is called makes him a superuser');

$node->stop;
done_testing();
