# Whoever owns a table that is attached is not trusted: nothing that can be put into
# a table makes a superuser's session, which reads configurations, run its code or
# keep a setting.

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
my $major = $node->pg_version =~ /^(\d+)/ ? $1 : 0;

# What mallory has: a schema of her own, and what it takes to attach tables.
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE DATABASE prey');
$node->safe_psql('prey', <<'SQL');
CREATE EXTENSION cache_ext;
GRANT USAGE ON SCHEMA cache_ext TO mallory;
GRANT EXECUTE ON FUNCTION cache_ext.attach_fragments(regclass, name, name, name, name, text), cache_ext.attach_policies(regclass, name, name, name, name),
  cache_ext.attach_users(regclass, name, name, regclass, name, name), cache_ext.detach(regclass) TO mallory;
CREATE SCHEMA mallory AUTHORIZATION mallory;
SQL

# Her code.  The server's log tells that it ran, whatever was rolled back afterwards.
# A function that says that it is immutable may call one that is not.
my $code = <<'SQL';
CREATE TABLE mallory.log (who name, session name);
CREATE FUNCTION mallory.evil() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  attempt text;
BEGIN
  RAISE LOG 'mallory ran as % in a session of %', current_user, session_user;
  FOREACH attempt IN ARRAY ARRAY['INSERT INTO mallory.log SELECT current_user, session_user', 'ALTER ROLE mallory SUPERUSER',
      'SELECT pg_catalog.set_config(''search_path'', ''mallory'', false)', 'SELECT pg_catalog.set_config(''cache_ext.enabled'', ''off'', false)',
      'SELECT pg_catalog.set_config(''cache_ext.user_id'', ''mallory'', false)', 'SELECT pg_catalog.set_config(''session_replication_role'', ''replica'', false)',
      'SELECT pg_catalog.set_config(''role'', ''mallory'', false)', 'CREATE TEMP TABLE left_behind ()'] LOOP
    BEGIN
      EXECUTE attempt;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
END
$$;
CREATE FUNCTION mallory.same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.evil(); RETURN $1; END $$;
CREATE FUNCTION mallory.yes(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.evil(); RETURN true; END $$;
CREATE FUNCTION mallory.equal(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mallory.evil(); RETURN true; END $$;
CREATE FUNCTION mallory.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.evil(); RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
SQL

my $tables = <<'SQL';
CREATE TABLE mallory.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE mallory.users (login text, tenant text);
CREATE TABLE mallory.policies (name text, kind text, priority int);
CREATE TABLE mallory.domains (name text, id text);
SQL
my $rows = <<'SQL';
INSERT INTO mallory.fragments VALUES ('public', NULL, 'theme', '{"p": 1}'), ('domain', 'north', 'theme', '{"d": 1}'), ('user', 'u1', 'theme', '{"u": 1}');
INSERT INTO mallory.users VALUES ('u1', 'n'), ('u2', 'n');
INSERT INTO mallory.policies VALUES ('theme', 'public', 1), ('theme', 'domain', 2), ('theme', 'user', 3);
INSERT INTO mallory.domains VALUES ('n', 'north');
SQL
my @attach = (
	"SELECT cache_ext.attach_fragments('mallory.fragments', 'kind', 'owner', 'name', 'doc')",
	"SELECT cache_ext.attach_policies('mallory.policies', 'name', 'kind', 'priority')",
	"SELECT cache_ext.attach_users('mallory.users', 'login', 'tenant', 'mallory.domains')");
my @tables = qw(fragments users policies domains);
my %key = (fragments => 'name', users => 'login', policies => 'name', domains => 'name');

# What the check of a domain looks at.  From 18 on PostgreSQL itself fails, while it loads
# another domain over it, at a check that is constant and whose code has subtransactions.
my $checked = $node->pg_version < 18 ? "'x'" : 'VALUE';

# The same for each of the tables: %T is the table, %N its name, %K a key column.
sub each_table
{
	my ($sql) = @_;
	return join(";\n", map { (my $one = $sql) =~ s/%T/mallory.$_/g; $one =~ s/%K/$key{$_}/g; $one =~ s/%N/$_/g; $one } @tables) . ";\n";
}

my $box = <<'SQL';
CREATE TYPE mallory.box AS (v text);
CREATE FUNCTION mallory.box_text(mallory.box) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(($1).v)';
CREATE FUNCTION mallory.text_box(text) RETURNS mallory.box LANGUAGE sql IMMUTABLE AS 'SELECT ROW(mallory.same($1))::mallory.box';
CREATE FUNCTION mallory.box_jsonb(mallory.box) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(($1).v)::jsonb';
CREATE FUNCTION mallory.box_bigint(mallory.box) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(($1).v)::bigint';
CREATE CAST (mallory.box AS text) WITH FUNCTION mallory.box_text(mallory.box) AS IMPLICIT;
CREATE CAST (text AS mallory.box) WITH FUNCTION mallory.text_box(text) AS IMPLICIT;
CREATE CAST (mallory.box AS jsonb) WITH FUNCTION mallory.box_jsonb(mallory.box) AS IMPLICIT;
CREATE CAST (mallory.box AS bigint) WITH FUNCTION mallory.box_bigint(mallory.box) AS IMPLICIT;
CREATE FUNCTION mallory.box_equal(mallory.box, mallory.box) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT mallory.equal(($1).v, ($2).v)';
CREATE OPERATOR mallory.= (FUNCTION = mallory.box_equal, LEFTARG = mallory.box, RIGHTARG = mallory.box);
SQL
my $enum = <<'SQL';
CREATE TYPE mallory.word AS ENUM ('public', 'domain', 'user', 'u1', 'u2', 'n', 'north', 'theme', '1', '2', '3', '{"p": 1}', '{"d": 1}', '{"u": 1}');
CREATE FUNCTION mallory.word_text(mallory.word) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(enum_out($1)::text)';
CREATE FUNCTION mallory.text_word(text) RETURNS mallory.word LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM mallory.evil(); RETURN enum_in($1::cstring, ''mallory.word''::regtype); END';
CREATE FUNCTION mallory.word_jsonb(mallory.word) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(enum_out($1)::text)::jsonb';
CREATE FUNCTION mallory.word_bigint(mallory.word) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT mallory.same(enum_out($1)::text)::bigint';
CREATE CAST (mallory.word AS text) WITH FUNCTION mallory.word_text(mallory.word) AS IMPLICIT;
CREATE CAST (mallory.word AS jsonb) WITH FUNCTION mallory.word_jsonb(mallory.word) AS IMPLICIT;
CREATE CAST (mallory.word AS bigint) WITH FUNCTION mallory.word_bigint(mallory.word) AS IMPLICIT;
CREATE FUNCTION mallory.word_equal(mallory.word, mallory.word) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT mallory.equal(enum_out($1)::text, enum_out($2)::text)';
CREATE OPERATOR mallory.= (FUNCTION = mallory.word_equal, LEFTARG = mallory.word, RIGHTARG = mallory.word);
SQL
# Not while the columns are converted.
my $text_word = "CREATE CAST (text AS mallory.word) WITH FUNCTION mallory.text_word(text) AS IMPLICIT;\n";
my $operators = <<'SQL';
CREATE OPERATOR mallory.= (FUNCTION = mallory.equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR mallory.> (FUNCTION = mallory.equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR mallory.< (FUNCTION = mallory.equal, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION mallory.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT mallory.same($1)';
CREATE FUNCTION mallory.cardinality(text[]) RETURNS int LANGUAGE sql AS 'SELECT length(mallory.same(''x''))';
CREATE FUNCTION mallory.count(text) RETURNS bigint LANGUAGE sql AS 'SELECT length(mallory.same(''x''))::bigint';
SQL

sub retype
{
	my ($type, $columns, $how) = @_;
	return
	  join(";\n", map { my ($table, $column) = split /\./; "ALTER TABLE mallory.$table ALTER $column TYPE $type USING " . sprintf($how, $column) } @$columns)
	  . ";\n";
}
my @keys = qw(fragments.kind fragments.owner fragments.name users.login users.tenant policies.name policies.kind domains.name domains.id);

# before: instead of the tables, or beside them; after: when they are attached;
# session: what the superuser's session sets; armed: what does run her code when a
# superuser does it.
my @ways = (
	{
		way => 'a policy, forced on the owner',
		after => each_table('ALTER TABLE %T ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON %T USING (mallory.yes(%K))'),
		armed => 'SET ROLE mallory; SELECT count(*) FROM mallory.fragments'
	},
	{ way => 'a policy', after => each_table('ALTER TABLE %T ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON %T USING (mallory.yes(%K))') },
	{
		way => 'casts of an enum that is a key', after => $enum . retype('mallory.word', \@keys, '%s::mallory.word') . $text_word,
		armed => 'SELECT kind::text FROM mallory.fragments'
	},
	{
		way => 'casts of a composite that is a key', expected => '', after => $box . retype('mallory.box', \@keys, 'ROW(%s)::mallory.box'),
		armed => 'SELECT kind::text FROM mallory.fragments'
	},
	{
		way => 'a cast of the document', after => $box . retype('mallory.box', ['fragments.doc'], 'ROW(%s)::mallory.box'),
		armed => 'SELECT doc::jsonb FROM mallory.fragments'
	},
	{
		way => 'a cast of the document, an enum', after => $enum . retype('mallory.word', ['fragments.doc'], '%s::text::mallory.word') . $text_word,
		armed => 'SELECT doc::jsonb FROM mallory.fragments'
	},
	{
		way => 'a cast of the rank', after => $box . retype('mallory.box', ['policies.priority'], 'ROW(%s)::mallory.box'),
		armed => 'SELECT priority::bigint FROM mallory.policies'
	},
	{
		way => 'a cast of the rank, an enum', after => $enum . retype('mallory.word', ['policies.priority'], '%s::text::mallory.word'),
		armed => 'SELECT priority::bigint FROM mallory.policies'
	},
	{
		way => 'casts of the elements of an array', before =>
		  "$tables $rows DROP TABLE mallory.policies; CREATE TABLE mallory.policies (name text, chain text[]); INSERT INTO mallory.policies VALUES ('theme', '{public,domain,user}')",
		attach => [ @attach[ 0, 2 ], "SELECT cache_ext.attach_policies('mallory.policies', 'name', scope_sources => 'chain')" ],
		after => $enum . 'ALTER TABLE mallory.policies ALTER chain TYPE mallory.word[] USING chain::mallory.word[];' . $text_word,
		armed => 'SELECT chain[1]::text FROM mallory.policies'
	},
	{
		way => 'casts of the elements of an array, composites', expected => '', before =>
		  "$tables $rows DROP TABLE mallory.policies; CREATE TABLE mallory.policies (name text, chain text[]); INSERT INTO mallory.policies VALUES ('theme', '{public,domain,user}')",
		attach => [ @attach[ 0, 2 ], "SELECT cache_ext.attach_policies('mallory.policies', 'name', scope_sources => 'chain')" ],
		after =>
		  "$box CREATE FUNCTION mallory.boxes(text[]) RETURNS mallory.box[] LANGUAGE sql AS 'SELECT array_agg(ROW(x)::mallory.box) FROM unnest(\$1) x'; ALTER TABLE mallory.policies ALTER chain TYPE mallory.box[] USING mallory.boxes(chain)",
		armed => 'SELECT chain[1]::text FROM mallory.policies'
	},
	{ way => 'operators in a search_path', after => $operators, session => 'SET search_path = mallory, pg_catalog', armed => "SELECT 'a'::text = 'b'::text" },
	{
		way => 'operators of her type in a search_path', after => $enum . retype('mallory.word', \@keys, '%s::mallory.word') . $text_word . $operators,
		session => 'SET search_path = mallory, pg_catalog', armed => 'SELECT kind = kind FROM mallory.fragments'
	},
	{
		way => 'an index on an expression of a constant', after => each_table("CREATE INDEX ON %T (%K, mallory.same('x'))"),
		armed => "SELECT * FROM mallory.fragments WHERE name = 'x'"
	},
	{
		way => 'an index on an expression of a column', after => each_table('CREATE INDEX ON %T (mallory.same(%K))'),
		armed => "SELECT * FROM mallory.fragments WHERE mallory.same('x') = 'x'"
	},
	{
		way => 'a partial index', after => each_table("CREATE INDEX ON %T (%K) WHERE mallory.yes('x')"),
		armed => "SELECT * FROM mallory.fragments WHERE name = 'x'"
	},
	{
		way => 'an index that is all there is',
		after => each_table("DELETE FROM %T; CREATE UNIQUE INDEX ON %T (%K, mallory.same('x')) WHERE mallory.yes('x')"),
		armed => "SELECT * FROM mallory.fragments WHERE name = 'x'", expected => ''
	},
	{
		way => 'statistics on an expression', after => each_table("CREATE STATISTICS mallory.stat_%N ON (mallory.same('x')), %K FROM %T"),
		armed => "SELECT * FROM mallory.fragments WHERE name = 'x'"
	},
	{
		way => 'a check constraint', after => each_table("ALTER TABLE %T ADD CHECK (mallory.yes('x'))"), session => 'SET constraint_exclusion = on',
		armed => "SELECT * FROM mallory.fragments WHERE name = 'x'"
	},
	{ way => 'a partition key that is an expression', before => <<'SQL' . $rows, armed => "SELECT * FROM mallory.fragments WHERE name = 'x'" },
CREATE TABLE mallory.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST ((kind || mallory.same('')));
CREATE TABLE mallory.fragments_public PARTITION OF mallory.fragments FOR VALUES IN ('public');
CREATE TABLE mallory.fragments_rest PARTITION OF mallory.fragments DEFAULT;
CREATE TABLE mallory.users (login text, tenant text) PARTITION BY HASH (mallory.same(login));
CREATE TABLE mallory.users_all PARTITION OF mallory.users FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE mallory.policies (name text, kind text, priority int) PARTITION BY RANGE ((name || mallory.same('')));
CREATE TABLE mallory.policies_all PARTITION OF mallory.policies FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE mallory.domains (name text, id text);
SQL
	{
		way => 'a partition of a partition', before =>
		  <<'SQL' . $rows, after => "ALTER TABLE mallory.fragments_all ADD CHECK (mallory.yes('x')); CREATE INDEX ON mallory.fragments_all (mallory.same('x')) WHERE mallory.yes('x')", armed => "SELECT * FROM mallory.fragments WHERE name = 'theme'" },
CREATE TABLE mallory.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST (name);
CREATE TABLE mallory.fragments_theme PARTITION OF mallory.fragments FOR VALUES IN ('theme') PARTITION BY LIST (mallory.same(kind));
CREATE TABLE mallory.fragments_all PARTITION OF mallory.fragments_theme DEFAULT;
CREATE TABLE mallory.users (login text, tenant text);
CREATE TABLE mallory.policies (name text, kind text, priority int);
CREATE TABLE mallory.domains (name text, id text);
SQL
	{
		way => 'a domain on keys, document and rank',
		after =>
		  "CREATE DOMAIN mallory.name AS text CHECK (mallory.yes(VALUE)); CREATE DOMAIN mallory.doc AS jsonb CHECK (mallory.yes(VALUE::text)); CREATE DOMAIN mallory.rank AS int CHECK (mallory.yes(VALUE::text));"
		  . retype('mallory.name', \@keys, '%s')
		  . retype('mallory.doc', ['fragments.doc'], '%s')
		  . retype('mallory.rank', ['policies.priority'], '%s'), armed => "SELECT 'x'::mallory.name"
	},
	{
		way => 'a domain over a domain, not null',
		after =>
		  "CREATE DOMAIN mallory.inner AS varchar(40) CHECK (mallory.yes($checked)); CREATE DOMAIN mallory.name AS mallory.inner DEFAULT mallory.same('x') CHECK (mallory.yes(VALUE));"
		  . retype('mallory.name', \@keys, '%s'), armed => "SELECT 'x'::mallory.name"
	},
	{
		way => 'a domain over an array', before =>
		  "$tables $rows DROP TABLE mallory.policies; CREATE DOMAIN mallory.chain AS text[] CHECK (mallory.yes(VALUE[1])); CREATE TABLE mallory.policies (name text, chain text[]); INSERT INTO mallory.policies VALUES ('theme', '{public,domain,user}')",
		attach => [ @attach[ 0, 2 ], "SELECT cache_ext.attach_policies('mallory.policies', 'name', scope_sources => 'chain')" ],
		after => 'ALTER TABLE mallory.policies ALTER chain TYPE mallory.chain', armed => "SELECT '{x}'::mallory.chain"
	},
	{
		way => 'generated columns', before =>
		  <<'SQL' . $rows =~ s/fragments VALUES/fragments (real, owner, name, doc) VALUES/r, armed => "BEGIN; UPDATE mallory.fragments SET real = real; ROLLBACK" },
CREATE TABLE mallory.fragments (real text, owner text, name text, doc jsonb, kind text GENERATED ALWAYS AS (mallory.same(real)) STORED);
CREATE TABLE mallory.users (login text, tenant text);
CREATE TABLE mallory.policies (name text, kind text, priority int);
CREATE TABLE mallory.domains (name text, id text);
SQL
	(   $major >= 18
		? {
			way => 'virtual generated columns',
			after => "ALTER TABLE mallory.fragments DROP kind; ALTER TABLE mallory.fragments ADD kind text GENERATED ALWAYS AS (name || name) VIRTUAL"
		  }
		: ()),
	{
		way => 'views under the names of the tables',
		after => each_table(
			'ALTER TABLE %T RENAME TO hidden_%N; CREATE VIEW %T AS SELECT h.*, mallory.same(h.%K) AS more FROM mallory.hidden_%N h WHERE mallory.yes(h.%K)'),
		armed => 'SELECT * FROM mallory.fragments'
	},
	{
		way => 'views in a schema that has the name of hers', grant => 'CREATE',
		after => "ALTER SCHEMA mallory RENAME TO hidden; CREATE SCHEMA mallory; $code "
		  . each_table('CREATE VIEW %T AS SELECT h.*, mallory.same(h.%K) AS more FROM hidden.%N h WHERE mallory.yes(h.%K)'),
		armed => 'SELECT * FROM mallory.fragments'
	},
	(   $major < 16
		? {
			way => 'a table that a rule has made a view',
			after =>
			  "DROP TRIGGER cache_ext_row ON mallory.fragments; DROP TRIGGER cache_ext_statement ON mallory.fragments; DELETE FROM mallory.fragments; VACUUM mallory.fragments; "
			  . "CREATE RULE \"_RETURN\" AS ON SELECT TO mallory.fragments DO INSTEAD SELECT mallory.same(kind) AS kind, owner, name, doc FROM (VALUES ('public', NULL::text, 'theme', '{}'::jsonb)) v (kind, owner, name, doc)",
			armed => 'SELECT * FROM mallory.fragments', expected => ''
		  }
		: ()),
	{
		way => 'rules on writes',
		after => each_table('CREATE RULE r AS ON UPDATE TO %T DO ALSO SELECT mallory.evil(); CREATE RULE s AS ON INSERT TO %T DO ALSO SELECT mallory.evil()'),
		armed => 'BEGIN; UPDATE mallory.fragments SET name = name; ROLLBACK'
	},
	{
		way => 'triggers that set settings',
		after => each_table(
			'CREATE TRIGGER aaa BEFORE INSERT OR UPDATE OR DELETE ON %T FOR EACH ROW EXECUTE FUNCTION mallory.fire(); CREATE TRIGGER zzz AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %T FOR EACH STATEMENT EXECUTE FUNCTION mallory.fire(); ALTER TABLE %T ENABLE ALWAYS TRIGGER aaa'
		),
		armed => 'BEGIN; UPDATE mallory.fragments SET name = name; ROLLBACK'
	},
	{
		way => 'a trigger of ours made hers',
		after => each_table('CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON %T FOR EACH ROW EXECUTE FUNCTION mallory.fire()'),
		armed => 'BEGIN; UPDATE mallory.fragments SET name = name; ROLLBACK'
	},
	{
		way => 'column defaults', after => each_table("ALTER TABLE %T ALTER %K SET DEFAULT mallory.same('x'), ADD more text DEFAULT mallory.same('y')"),
		armed => 'BEGIN; INSERT INTO mallory.fragments DEFAULT VALUES; ROLLBACK'
	},
	{
		way => 'names that are SQL',
		before =>
		  <<'SQL' . $rows . <<'SQL', attach => [ @attach[ 1, 2 ], q{SELECT cache_ext.attach_fragments('mallory."f; SELECT mallory.evil(); --"', $$k" || mallory.same('x') || "$$, 'owner''); SELECT mallory.evil(); --', 'name', 'doc', '''|| mallory.same(''x'') ||''')} ], expected => '{"d": 1, "u": 1}' },
CREATE TABLE mallory.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE mallory.users (login text, tenant text);
CREATE TABLE mallory.policies (name text, kind text, priority int);
CREATE TABLE mallory.domains (name text, id text);
SQL
ALTER TABLE mallory.fragments RENAME kind TO "k"" || mallory.same('x') || """;
ALTER TABLE mallory.fragments RENAME owner TO "owner'); SELECT mallory.evil(); --";
ALTER TABLE mallory.fragments RENAME TO "f; SELECT mallory.evil(); --";
SQL
);

# What a superuser does, each in a session of its own, upon nothing that is cached.
my $read = "SELECT cache_ext.get_merged_config('u1', 'theme')";
my @reads = (
	$read, "SELECT cache_ext.get_merged_config_json('u1', 'theme')", "SELECT * FROM cache_ext.get_merged_configs('u1', '{theme,other}')",
	"SELECT cache_ext.get_merged_configs_json('u1', '{theme,other}')",
	"SELECT cache_ext.get_public_config('theme')", "SELECT cache_ext.get_config_value('u1', 'theme', 'p')",
	"SET cache_ext.user_id = 'u1'; SELECT cache_ext.get_my_config('theme'); RESET cache_ext.user_id",
	"SELECT * FROM cache_ext.explain_config('u1', 'theme')", "SELECT cache_ext.read_state('u1', 'theme')", "SELECT cache_ext.compute_config('u1', 'theme')",
	"$read; SELECT * FROM cache_ext.verify()",
	"SELECT cache_ext.prewarm('{u1,u2}', '{theme}')", 'SELECT cache_ext.prewarm_names()', "SELECT cache_ext.prewarm_users(NULL, 10)",
	"SELECT cache_ext.prewarm_users('u1', 10)", 'CALL cache_ext.prewarm_all()', 'CALL cache_ext.prewarm_all(1, true)',
	'TABLE cache_ext.sources', 'TABLE cache_ext.health', 'TABLE cache_ext.entries', 'TABLE cache_ext.slices',
	"SELECT * FROM cache_ext.entries_of('u1', 'theme')", "SELECT cache_ext.invalidate_scope('user', 'u1')",
	'SET cache_ext.enabled = off; ' . $read . '; RESET cache_ext.enabled',
	"SET plan_cache_mode = force_generic_plan; $read; RESET plan_cache_mode");
my @others = (
	(map { "SELECT cache_ext.detach('mallory.$_')" } qw(users policies fragments)), @attach, @attach,
	(map { "SELECT cache_ext.detach('mallory.$_')" } qw(users policies fragments)));
my $settings =
  "SELECT pg_catalog.concat_ws('=', s.name, s.setting) FROM pg_catalog.pg_settings s UNION ALL SELECT pg_catalog.concat_ws('=', 'user', pg_catalog.concat_ws(',', current_user, session_user)) UNION ALL SELECT pg_catalog.concat_ws('=', 'temporary', pg_catalog.concat_ws(',', c.relname)) FROM pg_catalog.pg_class c WHERE c.relname LIKE 'left%' UNION ALL SELECT pg_catalog.concat_ws('=', r.rolname, 'superuser') FROM pg_catalog.pg_roles r WHERE r.rolsuper";

# Was mallory a superuser?  She is none from here on.
sub depose
{
	my $was = $node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'");
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER') if $was ne 'f';
	return $was;
}

# One of these things: what it said, whose code it ran, what it left behind.
sub provoke
{
	my ($db, $session, $sql) = @_;
	my $offset = -s $node->logfile;
	my $out = run_sql(
		$node, $db,
		"SELECT cache_ext.invalidate_all();\n$session;\n\\echo --before\n$settings;\n\\echo --do\n$sql;\n\\echo --after\n$settings;\n\\echo --end");
	my ($before, $said, $after) = $out =~ /--before\n(.*)--do\n(.*)--after\n(.*)--end/s;
	my %was = map { $_ => 1 } grep { $_ ne 'mallory=superuser' } split(/\n/, $before // '');
	my @left = grep { !$was{$_} } split(/\n/, $after // '');
	my %ran = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /mallory ran as (\w+) in a session/g;
	my $errors = $out =~ /--end\n?(.*)/s ? $1 : $out;
	chomp($said //= '');

	depose() if grep { $_ eq 'mallory=superuser' } @left;
	return ($said, $errors, join(',', sort keys %ran), join(' ', @left));
}

my $me = $node->safe_psql('postgres', 'SELECT current_user');
my $ways = 0;
for my $case (@ways)
{
	part(
		$node,
		$case->{way} => sub {
			my $db = 'way_' . ++$ways;
			my @mallory = ('-U', 'mallory');
			my $session = "LOAD 'plpgsql'; " . ($case->{session} // 'SELECT');

			$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE prey");
			$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $db TO mallory") if $case->{grant};
			is(run_sql($node, $db, "$code " . ($case->{before} // "$tables $rows"), @mallory), '', 'mallory prepares');
			foreach my $attach (@{ $case->{attach} // \@attach })
			{
				like(run_sql($node, $db, $attach, @mallory), qr/^$|ERROR:  (42809|42804|0A000):/, 'mallory attaches, or is refused');
			}
			is(depose(), 'f', 'which makes her nothing else');
			# Read before, so that there is something that could be remembered.
			my (@ran, @left, @odd);
			my $judge = sub {
				my ($sql, $said, $errors, $ran, $left) = @_;
				push @ran, "$sql: as $ran" if $ran ne '';
				push @left, "$sql: $left" if $left ne '';
				push @odd, "$sql: $errors" if $errors =~ /XX000|server closed|gone/;
			};
			$judge->("before the trap: $read", provoke($db, $session, $read));
			is(run_sql($node, $db, $case->{after} // '', @mallory), '', 'mallory sets the trap');
			if (defined $case->{armed})
			{
				my (undef, undef, $ran) = provoke($db, $session, $case->{armed});
				isnt($ran, '', 'which works');
			}

			my $expected = $case->{expected} // '{"d": 1, "p": 1, "u": 1}';
			my $attached = run_sql($node, $db, 'SELECT count(*) FROM cache_ext.attached');
			foreach my $sql (@reads)
			{
				my ($said, $errors, @more) = provoke($db, $session, $sql);
				$judge->($sql, $said, $errors, @more);
				push @odd, "$sql: $said" if $sql eq $read && $attached eq '4' && $errors eq '' && $said ne $expected;
			}
			is(join("\n", @ran), '', 'no code of hers runs in reads');
			is(join("\n", @left), '', 'reads leave nothing behind');
			is(join("\n", @odd), '', 'reads are right, or fail');

			# Here it may run, as herself, and leaves nothing behind either.
			(@ran, @left, @odd) = ();
			foreach my $sql (@others)
			{
				my ($said, $errors, $ran, $left) = provoke($db, $session, $sql);
				$judge->($sql, $said, $errors, $ran =~ /\b\Q$me\E\b/ ? $ran : '', $left);
			}
			# By herself, too: attaching does some of its work as the extension's owner.
			my $offset = -s $node->logfile;
			run_sql($node, $db, $_, @mallory) for @attach, @attach;
			push @ran, "mallory attaches: as $_" for grep { $_ ne 'mallory' } slurp_file($node->logfile, $offset) =~ /mallory ran as (\w+) in a session/g;
			is(depose(), 'f', 'mallory is what she was');
			is(join("\n", @ran), '', 'nor as somebody else when tables are attached and detached');
			is(join("\n", @left), '', 'which leaves nothing behind');
			is(join("\n", @odd), '', 'and works, or fails');
			$node->safe_psql('postgres', "DROP DATABASE $db");
		});
}

$node->stop;
done_testing();
