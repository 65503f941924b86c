# Logical replication into the tables invalidates; what its worker reads goes through.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', [ allows_streaming => 'logical' ]);
$publisher->start;
load($publisher);
my $subscriber = new_node('subscriber', [ allows_streaming => 'logical' ]);
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
$publisher->safe_psql(
	'postgres',
	'ALTER TABLE cache_ext.config_fragments REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE cache_ext.config_definitions, cache_ext.config_policies, cache_ext.config_fragments, cache_ext.users'
);

# A trigger that sorts before the extension's, and reads, in the worker.
$subscriber->safe_psql('postgres', <<'SQL');
CREATE TABLE seen (exact boolean);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.seen SELECT cache_ext.get_merged_config('alice', 'theme') -> 'p' IS NOT DISTINCT FROM NEW.config -> 'p';
  RETURN NULL;
END
$$;
CREATE TRIGGER a_see AFTER UPDATE ON cache_ext.config_fragments FOR EACH ROW WHEN (NEW.scope_type = 'public') EXECUTE FUNCTION see();
ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER a_see;
SQL
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');
my $exact = is_exact();
is(read_config($subscriber, 'alice', 'theme'), '{"d": 0, "e": 0, "p": 0, "u": 0}', 'copied') for 1 .. 2;
for my $p (1 .. 5)
{
	$publisher->safe_psql('postgres', "UPDATE cache_ext.config_fragments SET config = jsonb_build_object('p', $p) WHERE scope_type = 'public'");
	$publisher->wait_for_catchup('s');
	is(read_config($subscriber, 'alice', 'theme'), qq({"d": 0, "e": 0, "p": $p, "u": 0}), "change $p is seen") for 1 .. 2;
	is($subscriber->safe_psql('postgres', $exact), 't', 'exactly');
}
cmp_ok(count($subscriber, 'hits'), '>=', 10, 'hits in between');
cmp_ok(count($subscriber, 'read_through_apply'), '>=', 5, 'the worker read through');
is($subscriber->safe_psql('postgres', "SELECT string_agg(DISTINCT exact::text, ',') FROM seen"), 'true', 'and saw its own writes');
$publisher->safe_psql('postgres', 'TRUNCATE cache_ext.config_fragments');
$publisher->wait_for_catchup('s');
is(read_config($subscriber, 'alice', 'theme'), '', 'a replicated TRUNCATE');
$subscriber->stop;
$publisher->stop;

done_testing();
