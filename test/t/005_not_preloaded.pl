# Without shared_preload_libraries reads work, uncached, with one warning a session.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\ncache_ext.memory = '16MB'\ncache_ext.slots = 65536\nmax_prepared_transactions = 2\n");
$node->start;
load($node);
my ($ret, $out, $err) = $node->psql(
	'postgres', q{SELECT cache_ext.get_merged_config('alice', 'theme'); SELECT cache_ext.get_merged_config('alice', 'theme');
UPDATE cache_ext.config_fragments SET config = '{"p": 1}' WHERE scope_type = 'public'; SELECT cache_ext.get_merged_config('alice', 'theme') -> 'p';
SELECT cache_ext.get_merged_config_json('alice', 'theme') -> 'p', cache_ext.get_public_config('theme'), cache_ext.get_config_value('alice', 'theme', 'p');
SELECT count(*) FROM cache_ext.get_merged_configs('alice', '{theme,menu}'); SELECT cache_ext.invalidate_all();
SELECT value FROM cache_ext.stats WHERE name = 'read_through_not_preloaded'; SELECT count(*) FROM cache_ext.memory_usage;});
is($ret, 0, 'no error');
is($out, qq({"d": 0, "e": 0, "p": 0, "u": 0}\n{"d": 0, "e": 0, "p": 0, "u": 0}\n1\n1|{"p": 1}|1\n2\n\n8\n0), 'reads and views');
my @warnings = $err =~ /WARNING/g;
is(scalar(@warnings), 1, 'one warning');
like(
	$err,
	qr/WARNING:  configurations are computed at each read because cache_ext is not preloaded\nHINT:  Add cache_ext to shared_preload_libraries and restart the server\./,
	'which says what to do');
is( $node->safe_psql('postgres', 'SELECT problem, hint FROM cache_ext.health'),
	'not_preloaded|Add cache_ext to shared_preload_libraries and restart the server.', 'health says so');
is( $node->safe_psql(
		'postgres',
		"SET client_min_messages = error; SELECT (SELECT count(*) FROM cache_ext.entries), (SELECT count(*) FROM cache_ext.invalidations), (SELECT count(*) FROM cache_ext.prewarm_progress), cache_ext.stats_since() IS NULL, cache_ext.read_state('alice', 'theme'), (SELECT count(*) FROM cache_ext.explain_config('alice', 'theme')), (SELECT count(*) FROM cache_ext.verify())"
	),
	"0|0|0|t|reads through: there is no shared memory|4|0",
	'nothing to be seen, and no error');
$node->safe_psql(
	'postgres',
	'SET client_min_messages = error; TABLE cache_ext.slices; SELECT cache_ext.reset_stats(), cache_ext.invalidate_user($$x$$); CALL cache_ext.prewarm_all()');
# A write that is prepared now could be committed when there is a cache.
($ret, $out, $err) = $node->psql('postgres', q{BEGIN; DELETE FROM cache_ext.users; PREPARE TRANSACTION 'x'});
like($err, qr/cannot PREPARE a transaction that has changed a table that cache_ext reads/, 'no prepared transaction');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'\n");
$node->restart;
is($node->safe_psql('postgres', is_exact()), 't', 'preloaded: exact') for 1 .. 2;
is(count($node, 'hits'), 1, 'and cached');
is($node->safe_psql('postgres', 'SHOW cache_ext.memory'), '16MB', 'the setting counts');
$node->stop;

done_testing();
