# What cannot be read is an error for who asked, and nothing more; what comes and
# goes beside a read does not matter to it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'restart_after_crash = on', 'max_prepared_transactions = 5');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext; CREATE ROLE keeper LOGIN');    # for the counters

my $app = <<'SQL';
SET client_min_messages = error;
CREATE SCHEMA app AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE app.users (login text, tenant text);
CREATE TABLE app.policies (name text, kind text, priority int);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'north', 'theme', '{"d": 0}'), ('user', 'ann', 'theme', '{"u": 0}');
INSERT INTO app.users VALUES ('ann', 'north'), ('bob', 'north');
INSERT INTO app.policies VALUES ('theme', 'public', 1), ('theme', 'domain', 2), ('theme', 'user', 3);
CREATE INDEX ON app.fragments (owner, name, kind);
CREATE INDEX ON app.users (login);
RESET ROLE;
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
SELECT cache_ext.attach_policies('app.policies', 'name', 'kind', 'priority');
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f JOIN app.policies p ON p.name = f.name AND p.kind = f.kind, jsonb_each(f.doc) e WHERE f.name = n
     AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u OR f.kind = 'domain' AND f.owner = (SELECT w.tenant FROM app.users w WHERE w.login = u))
$$;
SQL

# A source that cannot be read: filling ahead says so.
my @unreadable = (
	[ 'fragments dropped', 'DROP TABLE app.fragments', [ 'prewarm_names', 'prewarm_all' ] ],
	[ 'users dropped', 'DROP TABLE app.users', [ 'prewarm_users', 'prewarm_all' ] ],
	[ 'all dropped', 'DROP TABLE app.users, app.fragments, app.policies', [ 'prewarm_users', 'prewarm_names', 'prewarm_all' ] ],
	[ 'the name\'s column dropped', 'ALTER TABLE app.fragments DROP name CASCADE', [ 'prewarm_names', 'prewarm_all' ] ],
	[ 'the document\'s column dropped', 'ALTER TABLE app.fragments DROP doc CASCADE', [ 'prewarm', 'prewarm_all' ] ],
	[ 'the user\'s column dropped', 'ALTER TABLE app.users DROP login CASCADE', [ 'prewarm_users', 'prewarm_all' ] ],
	[ 'the domain\'s column dropped', 'ALTER TABLE app.users DROP tenant CASCADE', [ 'prewarm', 'prewarm_all' ] ],
	[ 'policies dropped', 'DROP TABLE app.policies', [ 'prewarm', 'prewarm_all' ] ],
	[
		'fragments under forced row-level security', 'ALTER TABLE app.fragments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		[ 'prewarm_names', 'prewarm', 'prewarm_all' ]
	],
	[
		'users under forced row-level security', 'ALTER TABLE app.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		[ 'prewarm_users', 'prewarm', 'prewarm_all' ]
	],
	[ 'fragments forbidden', 'REVOKE SELECT ON app.fragments FROM keeper', [ 'prewarm_names', 'prewarm', 'prewarm_all' ] ],
	[ 'users forbidden', 'REVOKE SELECT ON app.users FROM keeper', [ 'prewarm_users', 'prewarm', 'prewarm_all' ] ]);
my %calls = (
	prewarm_names => 'SELECT cache_ext.prewarm_names()',
	prewarm_users => "SELECT cache_ext.prewarm_users(NULL, 10), cache_ext.prewarm_users('ann', 10)",
	prewarm => "SELECT cache_ext.prewarm('{ann,bob}', '{theme}')",
	prewarm_all => 'CALL cache_ext.prewarm_all()');

for my $case (@unreadable)
{
	my ($what, $sql, $failing) = @$case;

	part(
		$node,
		"filling ahead: $what" => sub {
			my $db = database($node);
			$node->safe_psql($db, $app);
			my $open = session($node, $db);
			unlike(ask($open, 'CALL cache_ext.prewarm_all()'), qr/ERROR/, 'before');
			$node->safe_psql($db, $sql);
			foreach my $call (sort keys %calls)
			{
				foreach my $session ($open, undef)
				{
					my $answer = defined $session ? ask($session, $calls{$call}) : run_sql($node, $db, $calls{$call});
					unlike($answer, qr/XX000|server closed|gone/, "$call: no crash");
					like($answer, qr/^ERROR:  (?!XX)\w{5}: /m, "$call: an error") if grep { $_ eq $call } @$failing;
					# A crash is one finding, not as many as there are statements after it.
					answers($node);
				}
			}
			is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.prewarm_progress'), '0', 'none goes on');
			leave($open);
		});
}

# Users of whom no read can be asked are passed over, whatever the batch.
my $long = 'x' x 600;
my @odd = (
	[ 'blanks', 'char(8)', q{'', 'ann', 'bob'} ],
	[ 'an empty text', 'text', q{'', 'ann', 'bob'} ],
	[ 'null', 'text', q{NULL, 'ann', 'bob'} ],
	[ 'too long', 'text', "'$long', 'aaa$long', 'ann', 'bob'" ],
	[ 'all of them', 'text', "NULL, '', '$long', 'ann', 'b$long', 'bob'" ]);
for my $case (@odd)
{
	my ($what, $type, $ids) = @$case;

	for my $batch (1, 2, 1000)
	{
		part(
			$node,
			"filling ahead past a user id that is $what, $batch at a time" => sub {
				my $db = database($node);
				$node->safe_psql($db, $app);
				$node->safe_psql(
					$db,
					"SET client_min_messages = error; DELETE FROM app.users; ALTER TABLE app.users ALTER login TYPE $type; INSERT INTO app.users SELECT u, 'north' FROM unnest(ARRAY[$ids]::text[]) u"
				);
				is(run_sql($node, $db, "CALL cache_ext.prewarm_all($batch)"), '', 'done');
				is( run_sql(
						$node, $db,
						"SELECT string_agg(e.id, ',' ORDER BY e.id) FROM cache_ext.entries e WHERE e.kind = 'jsonb' AND e.valid AND e.config_name = 'theme' AND length(e.id) BETWEEN 1 AND 10"
					),
					'ann,bob',
					'those that can be asked for');
				is( hits_of(
						$node,
						sub {
							run_sql($node, $db, join(';', map { "SELECT cache_ext.get_merged_config('$_', 'theme')" } 'ann', 'bob'));
						}),
					2,
					'and are hits');
				judge($node, $db, 'afterwards', [ 'ann', 'bob' ], 'theme', 'app.merge');
				is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.prewarm_progress'), '0', 'it is over');
			});
	}
}

# Code of the owner's, where it is run, that reads and alters what is being read.
my $code = <<'SQL';
SET ROLE keeper;
CREATE FUNCTION app.meddle() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  depth int := coalesce(nullif(current_setting('app.depth', true), ''), '0')::int;
  attempt text;
BEGIN
  IF depth >= 2 THEN
    RETURN;
  END IF;
  PERFORM set_config('app.depth', (depth + 1)::text, false);
  FOREACH attempt IN ARRAY ARRAY['SELECT cache_ext.get_merged_config(''bob'', ''theme'')', 'ALTER TABLE app.users SET (fillfactor = 90)', 'SELECT cache_ext.get_merged_config(''carol'', ''theme'')',
      'ALTER TABLE app.fragments SET (fillfactor = 90)', 'ALTER TABLE app.policies ADD more int, DROP more', 'SELECT cache_ext.get_merged_config(''ann'', ''theme'')', 'ALTER TABLE app.policies RENAME TO policies',
      'UPDATE app.users SET tenant = tenant', 'SELECT cache_ext.get_merged_config(''dave'', ''theme'')', 'SELECT cache_ext.prewarm_names()', 'DISCARD PLANS', 'CREATE INDEX ON app.policies (name)'] LOOP
    BEGIN
      EXECUTE attempt;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
  PERFORM set_config('app.depth', depth::text, false);
END
$$;
CREATE FUNCTION app.same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM app.meddle(); RETURN $1; END $$;
CREATE FUNCTION app.yes(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM app.meddle(); RETURN true; END $$;
CREATE TYPE app.box AS (v text);
CREATE FUNCTION app.box_text(app.box) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT app.same(($1).v)';
CREATE FUNCTION app.box_jsonb(app.box) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT app.same(($1).v)::jsonb';
CREATE FUNCTION app.box_bigint(app.box) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT app.same(($1).v)::bigint';
CREATE CAST (app.box AS text) WITH FUNCTION app.box_text(app.box);
CREATE CAST (app.box AS jsonb) WITH FUNCTION app.box_jsonb(app.box);
CREATE CAST (app.box AS bigint) WITH FUNCTION app.box_bigint(app.box);
CREATE DOMAIN app.name AS text CHECK (app.yes(VALUE));
RESET ROLE;
GRANT USAGE ON SCHEMA cache_ext TO keeper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cache_ext TO keeper;
SQL
my @meddling = (
	[ 'a cast of the document', 'ALTER TABLE app.fragments ALTER doc TYPE app.box USING ROW(doc::text)::app.box' ],
	# Keys of another type are compared by the text of their output function, (public) and the like.
	[ 'a cast of the scope type', 'ALTER TABLE app.fragments ALTER kind TYPE app.box USING ROW(kind)::app.box', '', '' ],
	[ 'a cast of the policy\'s scope type', 'ALTER TABLE app.policies ALTER kind TYPE app.box USING ROW(kind)::app.box', '', '' ],
	[ 'a cast of the rank', 'ALTER TABLE app.policies ALTER priority TYPE app.box USING ROW(priority::text)::app.box' ],
	[ 'a cast of the domain', 'ALTER TABLE app.users ALTER tenant TYPE app.box USING ROW(tenant)::app.box', '{"p": 0, "u": 0}', '{"p": 0}' ],
	[
		'a policy, forced',
		join(
			'; ',
			map { "ALTER TABLE app.$_ ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON app.$_ USING (app.yes('x'))" }
			  qw(fragments users policies))
	],
	[ 'an index', join('; ', map { "CREATE INDEX ON app.$_ (app.same('x')) WHERE app.yes('x')" } qw(fragments users policies)) ],
	[
		'statistics',
		join(
			'; ',
			map { my ($t, $c) = split /\./; "CREATE STATISTICS app.s_$t ON (app.same('x')), $c FROM app.$t" } qw(fragments.name users.login policies.name))
	],
	[ 'a domain', 'ALTER TABLE app.fragments ALTER owner TYPE app.name, ALTER name TYPE app.name; ALTER TABLE app.users ALTER login TYPE app.name' ]);
for my $case (@meddling)
{
	my ($what, $sql, $ann, $bob) = @$case;

	part(
		$node,
		"the owner's code in a fill: $what" => sub {
			my $db = database($node);
			$node->safe_psql($db, $app . $code);
			run_sql($node, $db, "SET ROLE keeper; $sql");
			my ($open, $other) = map { session($node, $db) } 1 .. 2;
			my %whole = (ann => $ann // '{"d": 0, "p": 0, "u": 0}', bob => $bob // '{"d": 0, "p": 0}');
			# Cold each time; what each part of the code does shows at its own moment.
			foreach my $round (1 .. 3)
			{
				foreach my $user ('ann', 'bob')
				{
					foreach my $session ($open, $other, undef)
					{
						my $read = "SELECT cache_ext.get_merged_config('$user', 'theme')";
						my $answer = defined $session ? ask($session, $read) : run_sql($node, $db, $read);
						like($answer, qr/^(?:\Q$whole{$user}\E|ERROR:  (?!XX)\w{5}: .*)$/s, "round $round: $user");
					}
				}
				run_sql($node, $db, 'SELECT cache_ext.invalidate_all()');
			}
			unlike(
				run_sql(
					$node, $db,
					"SELECT * FROM cache_ext.explain_config('ann', 'theme'); CALL cache_ext.prewarm_all(); SELECT * FROM cache_ext.verify(); TABLE cache_ext.sources"
				),
				qr/XX000|server closed/,
				'functions and views');
			leave($open, $other);
		});
}

# Partitions come and go beside sessions that are cold.
part(
	$node,
	'partitions created and dropped beside cold sessions' => sub {
		my $db = database($node);
		my $offset = -s $node->logfile;
		$node->safe_psql($db, <<'SQL');
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST (name);
CREATE TABLE app.fragments_theme PARTITION OF app.fragments FOR VALUES IN ('theme');
CREATE TABLE app.users (login text, tenant text) PARTITION BY LIST (tenant);
CREATE TABLE app.users_north PARTITION OF app.users FOR VALUES IN ('north');
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'north', 'theme', '{"d": 0}');
INSERT INTO app.fragments SELECT 'user', 'u' || i, 'theme', jsonb_build_object('u', i) FROM generate_series(1, 50) i;
INSERT INTO app.users SELECT 'u' || i, 'north' FROM generate_series(1, 50) i;
CREATE INDEX ON app.fragments (owner, name, kind);
CREATE INDEX ON app.users (login);
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
CREATE TABLE app.done (what text);
-- Several at a time; detached before they are dropped, or not.
CREATE PROCEDURE app.churn(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    FOR k IN 1 .. 6 LOOP
      EXECUTE format('CREATE TABLE app.fragments_%1$s PARTITION OF app.fragments FOR VALUES IN (%1$L)', k);
      EXECUTE format('CREATE TABLE app.users_%1$s PARTITION OF app.users FOR VALUES IN (%1$L)', k);
      COMMIT;
    END LOOP;
    INSERT INTO app.fragments VALUES ('public', NULL, '1', '{}');
    COMMIT;
    FOR k IN 1 .. 6 LOOP
      IF k % 2 = 0 THEN
        EXECUTE format('ALTER TABLE app.fragments DETACH PARTITION app.fragments_%s', k);
        COMMIT;
      END IF;
      -- Not in one transaction: who locks both could wait for a reader that waits for him.
      EXECUTE format('DROP TABLE app.fragments_%s', k);
      COMMIT;
      EXECUTE format('DROP TABLE app.users_%s', k);
      COMMIT;
    END LOOP;
    EXIT WHEN EXISTS (SELECT FROM app.done);
  END LOOP;
END
$$;
CREATE FUNCTION app.assert_exact(u int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  cached jsonb := cache_ext.get_merged_config('u' || u, 'theme');
BEGIN
  IF cached IS DISTINCT FROM jsonb_build_object('p', 0, 'd', 0, 'u', u) THEN
    RAISE EXCEPTION 'WRONG: %', cached;
  END IF;
END
$$;
SQL
		my $dir = $node->basedir;
		append_to_file("$dir/cold.sql", "\\set u random(1, 50)\nSELECT app.assert_exact(:u);\nSELECT count(*) FROM cache_ext.sources;\n");
		my $churner = session($node, $db);
		$churner->query_until(qr/started/, "\\echo started\nCALL app.churn(100000);\n\\echo finished\n");
		my ($out, $err) = ('', '');
		# Connections that read once; a client that fails is one of six.
		foreach my $round (1 .. 10)
		{
			my ($o, $e) = ('', '');
			IPC::Run::run([ 'pgbench', '-n', '-C', '-c', '6', '-j', '2', '-t', '20', '-f', "$dir/cold.sql", $node->connstr($db) ], '>', \$o, '2>', \$e);
			$out .= $o;
			$err .= $e;
		}
		$node->safe_psql($db, "INSERT INTO app.done VALUES ('readers')");
		$churner->query_until(qr/finished/, '');
		my $done = 0;
		$done += $1 while $out =~ /number of transactions actually processed: (\d+)/g;
		is($done, 1200, 'as many connections as were asked for');
		is(join("\n", (grep { /error|ERROR|WRONG/ } split(/\n/, $err))[ 0 .. 0 ]) // '', '', 'and no error of theirs');
		is($churner->{stderr} =~ /(ERROR.*)/ ? $1 : '', '', 'nor of who creates and drops');
		my %messages = map { $_ => 1 }
		  slurp_file($node->logfile, $offset) =~ /ERROR:  (.*(?:cache lookup failed|catalog is missing|could not open relation|could not find tuple|WRONG).*)/g;
		s/\d+/n/g for my @messages = keys %messages;
		my %kinds = map { $_ => 1 } @messages;
		is(join("\n", sort keys %kinds), '', 'nothing of the kind in the log');
		leave($churner);
		my $open = session($node, $db);
		is(ask($open, 'SELECT count(app.assert_exact(i)) FROM generate_series(1, 50) i'), '50', 'afterwards') for 1 .. 2;
		leave($open);
	});

# By an owner who is no superuser, and who needs no privilege on our functions.
part(
	$node,
	'partitions added by the table\'s owner' => sub {
		my $db = database($node);
		$node->safe_psql($db, <<'SQL');
SET client_min_messages = error;
CREATE SCHEMA app AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST (kind);
CREATE TABLE app.fragments_public PARTITION OF app.fragments FOR VALUES IN ('public');
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}');
RESET ROLE;
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
CREATE TABLE app.more (LIKE app.fragments);
INSERT INTO app.more VALUES ('domain', 'acme', 'theme', '{"d": 0}');
ALTER TABLE app.more OWNER TO keeper;
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f, jsonb_each(f.doc) e WHERE f.name = n
     AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u OR f.kind = 'domain' AND f.owner = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u))
$$;
SQL
		my $open = session($node, $db);
		judge($node, $db, 'before', [ 'alice', 'bob' ], 'theme', 'app.merge', $open);
		is(run_sql($node, $db, "SET ROLE keeper; CREATE TABLE app.fragments_user PARTITION OF app.fragments FOR VALUES IN ('user')"), '', 'created');
		is(run_sql($node, $db, "SET ROLE keeper; ALTER TABLE app.fragments ATTACH PARTITION app.more FOR VALUES IN ('domain')"), '', 'attached');
		judge($node, $db, 'more partitions', [ 'alice', 'bob' ], 'theme', 'app.merge', $open);
		is( run_sql(
				$node, $db, q{SET ROLE keeper; INSERT INTO app.fragments VALUES ('user', 'alice', 'theme', '{"u": 1}'); UPDATE app.more SET doc = '{"d": 1}'}),
			'',
			'written');
		judge($node, $db, 'written', [ 'alice', 'bob' ], 'theme', 'app.merge', $open);
		leave($open);
	});

# A row trigger fails in the middle of reading what it has to know.  Nothing half
# read is taken for known afterwards.
part(
	$node,
	'a trigger that could not read' => sub {
		my $db = database($node);
		$node->safe_psql($db, $app);
		my ($writer, $locker) = map { session($node, $db) } 1 .. 2;
		my $write = sub { return ask($writer, "UPDATE app.fragments SET doc = '{\"u\": $_[0]}' WHERE kind = 'user'") };
		is($write->(1), '', 'written, with what it knows');
		is(ask($locker, q{BEGIN; ALTER TABLE app.users SET (fillfactor = 90); COMMIT; BEGIN; LOCK TABLE cache_ext.scope_types}), '', 'which is out of date');
		is(ask($writer, "SET lock_timeout = '10ms'"), '', 'an error is to come');
		like($write->(2), qr/55P03/, 'in the middle of reading') for 1 .. 2;
		is(ask($locker, 'COMMIT'), '', 'no longer in the way');
		judge($node, $db, 'before', [ 'ann', 'bob' ], 'theme', 'app.merge', $writer);
		is($write->(3), '', 'written');
		judge($node, $db, 'afterwards', [ 'ann', 'bob' ], 'theme', 'app.merge', $writer);
		leave($writer, $locker);
	});

$node->stop;
done_testing();
