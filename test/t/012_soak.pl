# A hundred thousand fills in one session: what it uses of its memory stays the same.
# (Blocks double, and one can be due in between.)

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
load($node);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE fragments (kind text, owner bigint, name text, doc jsonb) PARTITION BY HASH (owner);
CREATE TABLE fragments_0 PARTITION OF fragments FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE fragments_1 PARTITION OF fragments FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON fragments (owner, name);
INSERT INTO fragments SELECT 'user', i, 'theme', jsonb_build_object('i', i) FROM generate_series(1, 1000) i;
-- A thousand keys a round that were not read before; now and then the sources
-- change, and with them all that a session remembers.
CREATE PROCEDURE fill(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN first .. last LOOP
    PERFORM count(cache_ext.get_merged_config((i * 1000 + k)::text, 'theme')) FROM generate_series(1, 1000) k;
    IF i % 10 = 0 THEN
      UPDATE cache_ext.scope_types SET default_rank = default_rank + 1;
    END IF;
    COMMIT;
  END LOOP;
END
$$;
SQL

# Fill in one session, and see by how much it has grown.
sub soak
{
	my ($what) = @_;
	my $fills = count($node, 'fills');
	my $session = $node->safe_psql('postgres', <<'SQL');
CALL fill(1, 20);
SELECT sum(used_bytes) AS bytes FROM pg_backend_memory_contexts \gset
SELECT sum(used_bytes) AS bytes FROM pg_backend_memory_contexts \gset
CALL fill(21, 120);
SELECT sum(used_bytes) - :bytes FROM pg_backend_memory_contexts;
SQL
	cmp_ok(count($node, 'fills') - $fills, '>=', 120_000, "$what: so many fills");
	cmp_ok($session, '<', 50_000, "$what: grown by less than half a byte a fill: $session");
	return;
}

soak('own tables');
$node->safe_psql('postgres', q{SELECT cache_ext.attach_fragments('fragments', 'kind', 'owner', 'name', 'doc')});
soak('attached');
$node->stop;

done_testing();
