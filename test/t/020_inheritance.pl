# A table that is written by way of its parent fires no statement trigger: it is
# refused, or suspended when it becomes a child, and reads inside such a write
# leave nothing behind.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'restart_after_crash = on');
$node->start;
load($node);

# What reads inside a statement: at each row, through a new snapshot, which sees
# the rows that are written already.
my $probe = <<'SQL';
CREATE SCHEMA probe;
CREATE FUNCTION probe.read(u text, n text, oracle regproc) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  wrong text;
BEGIN
  EXECUTE format('SELECT format(''WRONG inside: %%s, expected %%s'', x.cached, x.expected) FROM (SELECT cache_ext.get_merged_config(%1$L, %2$L) AS cached, %3$s(%1$L, %2$L) AS expected OFFSET 0) x WHERE x.cached IS DISTINCT FROM x.expected', u, n, oracle)
    INTO wrong;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '%', wrong;
  END IF;
  RETURN true;
END
$$;
CREATE FUNCTION probe.at_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM probe.read('alice', 'theme', TG_ARGV[0]::regproc), probe.read('bob', 'theme', TG_ARGV[0]::regproc);
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
SQL

# An application's own fragments and users, attached.
my $app = <<'SQL';
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE app.users (login text, tenant text);
CREATE TABLE app.fragments_parent (LIKE app.fragments);
CREATE TABLE app.users_parent (LIKE app.users);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'acme', 'theme', '{"d": 0}'), ('domain', 'other', 'theme', '{"o": 0}'), ('user', 'alice', 'theme', '{"u": 0}');
INSERT INTO app.users VALUES ('alice', 'acme'), ('bob', 'acme');
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(e.key, e.value) FROM ONLY app.fragments f, jsonb_each(f.doc) e WHERE f.name = n
     AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u
          OR f.kind = 'domain' AND f.owner = (SELECT w.tenant FROM ONLY app.users w WHERE w.login = u))
$$;
SQL
my $attach =
  "SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc'); SELECT cache_ext.attach_users('app.users', 'login', 'tenant')";

my $users = [ 'alice', 'bob' ];

sub hits
{
	my ($db) = @_;
	return hits_of(
		$node,
		sub { run_sql($node, $db, "SELECT cache_ext.get_merged_config('alice', 'theme'), cache_ext.get_merged_config('bob', 'theme')") for 1 .. 3 });
}

part(
	$node,
	'a child is refused' => sub {
		my $db = database($node);
		$node->safe_psql($db, $app . 'ALTER TABLE app.fragments INHERIT app.fragments_parent; ALTER TABLE app.users INHERIT app.users_parent');
		like(
			run_sql($node, $db, "SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc')"),
			qr/ERROR:  (42809|0A000):.*\nDETAIL:.*\nHINT:/s, 'fragments, with reason and hint');
		like(run_sql($node, $db, "SELECT cache_ext.attach_users('app.users', 'login', 'tenant')"), qr/ERROR:  (42809|0A000):/, 'users');
		is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.attached'), '0', 'nothing is attached');
		$node->safe_psql($db, 'ALTER TABLE app.fragments NO INHERIT app.fragments_parent; ALTER TABLE app.users NO INHERIT app.users_parent');
		unlike(run_sql($node, $db, $attach), qr/ERROR/, 'no child any more');
		judge($node, $db, 'attached', $users, 'theme', 'app.merge');
	});

# Every source, own or attached, made a child and freed again.
my @sources = map { [ "own $_", '', "cache_ext.$_", 'reference.merge' ] } qw(scope_types config_definitions config_policies config_fragments users attached);
push @sources, [ 'attached fragments', "$app; $attach", 'app.fragments', 'app.merge' ], [ 'attached users', "$app; $attach", 'app.users', 'app.merge' ];
for my $case (@sources)
{
	my ($what, $setup, $table, $oracle) = @$case;

	part(
		$node,
		"$what: a child later is suspended" => sub {
			my $db = database($node);
			$node->safe_psql($db, "$setup; CREATE SCHEMA p; CREATE TABLE p.parent (LIKE $table)");
			my $session = session($node, $db);
			judge($node, $db, 'before', $users, 'theme', $oracle, $session);
			cmp_ok(hits($db), '>=', 4, 'hits');
			$node->safe_psql($db, "ALTER TABLE $table INHERIT p.parent");
			judge($node, $db, 'child', $users, 'theme', $oracle, $session);
			# The table of what is attached plays no part for the application, but somebody has to say why nothing is cached.
			is( run_sql(
					$node, $db,
					'SELECT count(*) > 0 FROM cache_ext.sources WHERE suspended AND reason IS NOT NULL AND hint IS NOT NULL'
					  . ($what eq 'own attached' ? '' : " AND relation = '$table'::regclass")),
				't',
				'suspended, with reason and hint');
			is(hits($db), 0, 'no hits');
			$node->safe_psql($db, "ALTER TABLE $table NO INHERIT p.parent");
			judge($node, $db, 'child no more', $users, 'theme', $oracle, $session);
			is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.sources WHERE suspended'), '0', 'no longer suspended');
			cmp_ok(hits($db), '>=', 4, 'hits again');
			leave($session);
		});
}

# Writes by way of the parent, with a read at every point where one can be, then
# undone or not: whoever reads afterwards reads what is true.
my %own = (
	setup => '',
	oracle => 'reference.merge',
	tables => {
		fragments => [ 'cache_ext.config_fragments', q{SET config = config || '{"dirty": 1}'} ],
		users => [ 'cache_ext.users', q{SET domain_id = 'other'} ],
		policies => [ 'cache_ext.config_policies', q{SET rank = 1000 - coalesce(rank, 0)} ],
		definitions => [ 'cache_ext.config_definitions', q{SET merge_strategy = 'replace'} ],
		scope_types => [ 'cache_ext.scope_types', q{SET default_rank = 1000 - default_rank} ]
	});
my %attached = (
	setup => "$app; $attach",
	oracle => 'app.merge',
	tables => {
		fragments => [ 'app.fragments', q{SET doc = doc || '{"dirty": 1}'} ],
		users => [ 'app.users', q{SET tenant = 'other'} ]
	});
my %points = (
	'function in WHERE' => [ '', 'WHERE %s', '' ],
	'function in RETURNING' => [ '', '', 'RETURNING %s' ],
	'trigger before the row' => [ 'CREATE TRIGGER aaa BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION probe.at_row(%s)', '', '' ],
	'trigger after the row' => [ 'CREATE TRIGGER aaa AFTER UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION probe.at_row(%s)', '', '' ]);

for my $kind ([ 'own', \%own ], [ 'attached', \%attached ])
{
	my ($name, $case) = @$kind;

	for my $part (sort keys %{ $case->{tables} })
	{
		part(
			$node,
			"$name $part: written through the parent" => sub {
				my ($table, $set) = @{ $case->{tables}{$part} };
				my $oracle = $case->{oracle};
				my $db = database($node);
				my $probe_call = "probe.read('alice', 'theme', '$oracle') AND probe.read('bob', 'theme', '$oracle')";

				$node->safe_psql($db, "$case->{setup}; $probe CREATE SCHEMA p; CREATE TABLE p.parent (LIKE $table); ALTER TABLE $table INHERIT p.parent");
				# Other fragments for those whose domain is changed, and one key that all set.
				$node->safe_psql(
					$db,
					q{INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('domain', 'other', 'theme', '{"o": 1}') ON CONFLICT DO NOTHING; UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('who', scope_type)}
				) if $name eq 'own';
				my ($writer, $other) = map { session($node, $db) } 1 .. 2;
				for my $point (sort keys %points)
				{
					my ($trigger, $where, $returning) = @{ $points{$point} };
					$node->safe_psql($db, sprintf($trigger, $table, "'$oracle'")) if $trigger ne '';
					for my $write (
						"UPDATE p.parent $set " . sprintf($where, $probe_call) . ' ' . sprintf($returning, $probe_call),
						$part eq 'fragments'
						|| $part eq 'users' ? 'DELETE FROM p.parent ' . sprintf($where, $probe_call) . ' ' . sprintf($returning, $probe_call) : ())
					{
						my ($verb) = $write =~ /^(\w+)/;
						ask($_, "SELECT cache_ext.get_merged_config('alice', 'theme'), cache_ext.get_merged_config('bob', 'theme')") for $writer, $other;
						$node->safe_psql($db, 'SELECT cache_ext.invalidate_all()');
						unlike(ask($writer, "BEGIN;\n$write"), qr/ERROR|WRONG|gone/, "$verb, $point: inside");
						judge($node, $db, "$verb, $point: under way", $users, 'theme', $oracle, $writer, $other);
						ask($writer, 'ROLLBACK');
						judge($node, $db, "$verb, $point: rolled back", $users, 'theme', $oracle, $writer, $other);
					}
					unlike(ask($writer, "UPDATE p.parent $set " . sprintf($where, $probe_call)), qr/ERROR|WRONG|gone/, "$point: committed, inside");
					judge($node, $db, "$point: committed", $users, 'theme', $oracle, $writer, $other);
					$node->safe_psql($db, "DROP TRIGGER aaa ON $table") if $trigger ne '';
				}
				leave($writer, $other);
			});
	}
}

$node->stop;
done_testing();
