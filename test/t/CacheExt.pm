# What the TAP tests share: a node with the extension, and what to read.
package CacheExt;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(new_node load count is_exact read_config test_library wait_for_notification);

# The library of test/module, which `make -C test/module` builds.
sub test_library
{
	return abs_path('test/module/cext_test');
}

# new_node(name, init options, lines of configuration): not started.
sub new_node
{
	my ($name, $init, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(@$init);
	$node->append_conf('postgresql.conf', join("\n",
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
	return $node->safe_psql($db // 'postgres',
		"SELECT value FROM cache_ext.stats WHERE name = '$name'");
}

sub read_config
{
	my ($node, $user, $name, $db) = @_;
	return $node->safe_psql($db // 'postgres',
		"SELECT cache_ext.get_merged_config('$user', '$name')");
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
