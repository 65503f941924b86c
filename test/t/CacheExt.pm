# What the TAP tests share: a node with the extension, and what to read.
package CacheExt;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(new_node load count is_exact read_config test_library wait_for_notification
  load_reference database part answers session ask leave run_sql compared judge hits_of);

# A library of test/module, which `make -C test/module` builds.
sub test_library
{
	my ($name) = @_;
	return abs_path('test/module/' . ($name // 'cext_test'));
}

# new_node(name, init options, lines of configuration): not started.
sub new_node
{
	my ($name, $init, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(@$init);
	# As many slots as can be: those of different slices are hardly ever shared.
	unshift(@conf, 'cache_ext.slots = 1048576') unless grep(/cache_ext\.memory/, @conf);
	$node->append_conf(
		'postgresql.conf',
		join(
			"\n",
			"shared_preload_libraries = 'cache_ext'", 'autovacuum = off', @conf, ''));
	return $node;
}

# Create the extension and a small configuration: theme and menu for alice and
# bob, whose domain is acme.
sub load
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', <<'SQL');
CREATE EXTENSION cache_ext;
INSERT INTO cache_ext.config_definitions VALUES ('theme'), ('menu');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, t.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types t;
INSERT INTO cache_ext.users VALUES ('alice', 'acme'), ('bob', 'acme');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'acme', 'theme', '{"d": 0}'),
  ('domain_user_defaults', 'acme', 'theme', '{"e": 0}'), ('user', 'alice', 'theme', '{"u": 0}');
SQL
	return;
}

# The value of a counter.
sub count
{
	my ($node, $name, $db) = @_;
	return $node->safe_psql(
		$db // 'postgres',
		"SELECT value FROM cache_ext.stats WHERE name = '$name'");
}

sub read_config
{
	my ($node, $user, $name, $db) = @_;
	return $node->safe_psql(
		$db // 'postgres',
		"SELECT cache_ext.get_merged_config('$user', '$name')");
}

# The merge of test/stress/reference.sql, which knows the extension's own tables.
sub load_reference
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', slurp_file("$FindBin::RealBin/../stress/reference.sql"));
	return;
}

# A database of its own, with the configuration of load() and the reference.
my $databases = 0;

sub database
{
	my ($node) = @_;
	my $db = 'part_' . ++$databases;

	if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'loaded'") eq '0')
	{
		$node->safe_psql('postgres', 'CREATE DATABASE loaded');
		load($node, 'loaded');
		load_reference($node, 'loaded');
	}
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE loaded");
	return $db;
}

# A part of a test, as a subtest that stands for itself: what dies in it fails it
# alone, and a server that crashed in it is up again for the next.  The node has
# to have restart_after_crash.
sub part
{
	my ($node, $name, $code) = @_;
	my $offset = -s $node->logfile;

	subtest $name => sub {
		eval { $code->(); 1 } or fail("died: $@");
		ok(answers($node), 'the server answers');
		my @crashes = slurp_file($node->logfile, $offset) =~ /(TRAP: .*|was terminated by signal (?!9\b)\d+.*)/g;
		is(join("\n", @crashes), '', 'and did not crash');
	};
	return;
}

# Does the server answer, at once or once it has recovered?
sub answers
{
	my ($node) = @_;

	foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $out = '';
		eval { (undef, $out) = $node->psql('postgres', 'SELECT 1'); };
		return 1 if ($out // '') eq '1';
		usleep(100_000);
	}
	return 0;
}

# A session that goes on after errors, and which ask() asks.
sub session
{
	my ($node, $db, %params) = @_;
	my $session = $node->background_psql($db // 'postgres', on_error_stop => 0, %params);

	$session->set_query_timer_restart;
	ask($session, "\\set VERBOSITY verbose\nSET client_min_messages = error");
	return $session;
}

# What a session answers, errors included; it never dies.
sub ask
{
	my ($session, $sql) = @_;
	my $out = '';

	$session->{stderr} = '';
	eval { $out = $session->query($sql); 1 } or return "gone: $@";
	return join("\n", grep { $_ ne '' } $out, errors_of($session->{stderr}));
}

# Without what changes from one build to another.
sub errors_of
{
	my ($stderr) = @_;
	my @lines = grep { !/^(LOCATION|LINE \d|\s*\^|CONTEXT|SQL |PL\/pgSQL|WARNING|NOTICE|background_psql)/ } split(/\n/, $stderr);

	s/^psql:[^:]*:\d+: // for @lines;
	return join("\n", @lines);
}

sub leave
{
	eval { $_->quit } for @_;
	return;
}

# The same in a session of its own: what it says, errors included.
sub run_sql
{
	my ($node, $db, $sql, @params) = @_;
	my ($ret, $out, $err);

	eval {
		($ret, $out, $err) = $node->psql(
			$db, "\\set VERBOSITY verbose\nSET client_min_messages = error;\n$sql",
			on_error_stop => 0, extra_params => \@params);
		1;
	} or return "gone: $@";
	return join("\n", grep { $_ ne '' } $out, errors_of($err));
}

# SQL that reads, and compares under the same snapshot with what a function of
# a user and a name, or an expression with %u and %n, computes: 'exact', or both.
sub compared
{
	my ($user, $name, $oracle) = @_;

	$oracle //= 'reference.merge';
	$oracle .= '(%u, %n)' unless $oracle =~ /%/;
	$oracle =~ s/%u/'$user'/g;
	$oracle =~ s/%n/'$name'/g;
	return "SELECT CASE WHEN x.cached IS NOT DISTINCT FROM x.expected THEN 'exact' ELSE pg_catalog.format('WRONG: %s, expected %s', x.cached, x.expected) END"
	  . " FROM (SELECT cache_ext.get_merged_config('$user', '$name') AS cached, ($oracle) AS expected OFFSET 0) x";
}

# Reads are exact: of each user, twice in each of the sessions and in a new one,
# and nothing that is stored differs from what would be computed.
sub judge
{
	my ($node, $db, $what, $users, $name, $oracle, @sessions) = @_;
	my $sql = join(";\n", map { compared($_, $name, $oracle) } @$users, @$users);
	my $exact = join("\n", map { 'exact' } @$users, @$users);
	my $n = 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(ask($_, $sql), $exact, "$what: session " . ++$n) for @sessions;
	is(run_sql($node, $db, $sql), $exact, "$what: new session");
	is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.verify()'), '0', "$what: verify");
	return;
}

# How many hits there were while code ran.
sub hits_of
{
	my ($node, $code) = @_;
	my $before = count($node, 'hits');

	$code->();
	return count($node, 'hits') - $before;
}

# What a session that listens is told next.
sub wait_for_notification
{
	my ($session) = @_;
	foreach (1 .. 10000)
	{
		my $told = $session->query_safe('SELECT');
		return $told if $told =~ /Asynchronous/;
	}
	return '';
}

# SQL that says whether alice's theme, whose fragments have one key each, is
# what the tables say.
sub is_exact
{
	return <<'SQL';
SELECT cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM
  (SELECT jsonb_object_agg(e.key, e.value) FROM cache_ext.config_fragments f, jsonb_each(f.config) e WHERE f.config_name = 'theme'
      AND (f.scope_id IS NULL OR f.scope_id = 'alice' OR f.scope_id = (SELECT domain_id FROM cache_ext.users WHERE user_id = 'alice')))
SQL
}

1;
