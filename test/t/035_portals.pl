# A client that fetches a writing query's rows in parts, by the protocol, and reads
# in between: what psql and DECLARE CURSOR cannot do.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->start;
load($node);
my $exact = is_exact();
$exact =~ s/\s+/ /g;
# Writes one row at a time, and says whether what it reads then is exact.
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION probe() RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN RETURN ($exact); END \$\$;
CREATE FUNCTION write(i int) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
  UPDATE cache_ext.config_fragments SET config = jsonb_build_object('u', i) WHERE scope_id = 'alice';
  RETURN probe();
END
\$\$;
SQL

my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "socket: $!";
$socket->autoflush(1);

sub put
{
	my ($type, $body) = @_;
	print {$socket} $type . pack('N', 4 + length($body)) . $body;
	return;
}

# Everything up to a message of one of the types: values of rows, and the last type.
sub get
{
	my ($until) = @_;
	my @values;
	while (1)
	{
		my ($head, $body) = ('', '');
		die 'the server is gone' if read($socket, $head, 5) != 5;
		my ($type, $length) = unpack('aN', $head);
		read($socket, $body, $length - 4) if $length > 4;
		if ($type eq 'D')
		{
			my ($n, $size) = unpack('nN', $body);
			push @values, substr($body, 6, $size);
		}
		die "error: $body" if $type eq 'E';
		return join(' ', @values, $type) if index($until, $type) >= 0;
	}
}

sub query
{
	put('Q', "$_[0]\0");
	return get('Z');
}

# Run a statement in a portal of this name, without ending what is under way.
sub run
{
	my ($portal, $statement, $rows) = @_;
	put('P', "\0$statement\0" . pack('n', 0));
	put('B', "$portal\0\0" . pack('nnn', 0, 0, 0));
	return fetch($portal, $rows);
}

sub fetch
{
	my ($portal, $rows) = @_;
	put('E', "$portal\0" . pack('N', $rows));
	put('H', '');
	return get('sC');
}

print {$socket} pack('NN', 8 + length("user\0" . getpwuid($<) . "\0database\0postgres\0\0"), 196608) . "user\0" . getpwuid($<) . "\0database\0postgres\0\0";
get('Z');

my %portals = (
	'a query' => q{UPDATE cache_ext.config_fragments SET config = config || '{"x": 1}' WHERE config_name = 'theme' RETURNING probe()},
	'a CTE' => q{WITH w AS (UPDATE cache_ext.config_fragments SET config = config || '{"y": 1}' WHERE config_name = 'theme' RETURNING 1) SELECT probe() FROM w},
	'a function' => 'SELECT write(i) FROM generate_series(1, 4) i');
foreach my $what (sort keys %portals)
{
	foreach my $end (qw(ROLLBACK COMMIT))
	{
		read_config($node, 'alice', 'theme');
		query('BEGIN');
		is(run('p', $portals{$what}, 1), 't s', "$what: the first row");
		is(run('', 'SELECT probe()', 0), 't C', 'a read in between');
		is(run('q', 'SELECT write(10) FROM generate_series(1, 2)', 1), 't s', 'another portal that writes');
		is(fetch('p', 1), 't s', 'the second row');
		is(run('', $exact, 0), 't C', 'a read in between');
		put('C', "Pp\0");
		is(run('', $exact, 0), 't C', 'a read after it was closed');
		is($node->safe_psql('postgres', $exact), 't', 'and by another session');
		put('S', '');
		get('Z');
		query($end);
		is($node->safe_psql('postgres', $exact), 't', "after $end");
		is(query($exact), 't Z', 'here too');
		is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_ext.verify()'), '0', 'nothing wrong is cached');
	}
}

# A portal that fails between its parts, caught by a savepoint.
query('BEGIN');
query('SAVEPOINT s');
is(run('p', q{SELECT write(i) AND 1 / (3 - i) > -1 FROM generate_series(1, 4) i}, 2), 't t s', 'two rows');
put('E', "p\0" . pack('N', 1));
put('S', '');
eval { get('Z') };
like($@, qr/division by zero/, 'an error');
get('Z');
query('ROLLBACK TO s');
is(query($exact), 't Z', 'rolled back');
query('COMMIT');
is($node->safe_psql('postgres', $exact), 't', 'and by another session');
close $socket;
$node->stop;

done_testing();
