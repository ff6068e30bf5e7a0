#!/usr/bin/perl

# tavus_database, as nginx -t reads it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

conf_test();
my $secret = secret('hunter2-hunter2');
sub db { return (http => {tavus_database => "\"$_[0]\""}) }
my $line = qr/^\s*tavus_database\b/;
sub no_db {
    my ($text, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    refused($text =~ s/[^ -~]/?/gr, $says, $line, db($text));
}

my $who = 'dbname=x user=y';
my $ca = '/etc/ssl/certs/ca-certificates.crt';
accepted($_, db($_)) for "host=/run/postgresql $who",
    'host=127.0.0.1 port=5433 dbname=tavus user=tavus_app',
    "host=127.0.0.1,::1 port=5432,5433 $who target_session_attrs=read-write",
    "host=/run/a,127.0.0.1 $who", "hostaddr=127.0.0.1 $who",
    "host=db1 hostaddr=127.0.0.1 $who sslmode=verify-full sslrootcert=$ca",
    'postgresql://tavus_app@127.0.0.1:5433/tavus', "host=localhost $who",
    "host=127.0.0.1 $who application_name='a b'",
    "host=::1 $who sslmode=disable", "host=127.0.0.1 $who sslmode=require",
    "host=/x $who options='-c work_mem=8MB -c my.role=1 -c other_role=x'",
    map { "host=127.0.0.1 $who sslmode=$_ sslrootcert=$ca" }
        qw(require verify-ca verify-full);

# what libpq would guess, or go without
no_db('host=/run/x dbname=tavus', qr/no "user" in the connection string/);
no_db("host=/run/x dbname=tavus user=''", qr/no "user"/);
no_db('postgresql://127.0.0.1/x', qr/no "user"/);
no_db('host=/run/x user=tavus_app', qr/no "dbname" in the connection string/);
no_db('postgresql://u@127.0.0.1', qr/no "dbname"/);
no_db("host=127.0.0.1 $who sslmode=$_",
    qr/sslmode "$_" needs "sslrootcert"/) for qw(verify-ca verify-full);
no_db("host=127.0.0.1 $who sslmode=require $_=/none/x",
    qr{$_ "/none/x" is not readable .*\(2: No such file})
    for qw(sslrootcert sslcert sslkey sslcrl sslcrldir);
accepted('files that nobody reads', db("host=/run/x $who sslcrl=/none/x"));

# what the module asks of its sessions is not asked for twice
no_db("host=/run/x $who options='$_->[0]'", qr/"options" .* has "$_->[1]", which/)
    for ['-c synchronous_commit=off', 'synchronous_commit'],
    ['-csynchronous_commit=off', 'synchronous_commit'],
    ['--statement-timeout=1', 'statement_timeout'],
    ['-c work_mem=8MB -c ROLE=x', 'role'], ['-c timezone=UTC', 'TimeZone'];

# a sender may not come again
like accepted('no journal', db("host=/run/x $who")),
    qr/\[warn\].*"tavus_webhook" without "tavus_journal": .* in \S+:\d+$/m,
    'a warning';
unlike accepted('a journal', http => {
    tavus_journal => '%%DIR%%/journal max_size=16m'}), qr/\[warn\]/, 'none';

accepted('no database, nothing that needs one', http => {
    tavus_database => undef, tavus_api_key => undef, tavus_vertical => undef},
    locations => {map { $_ => undef } '= /api/tavus/create-conversation',
        '= /api/tavus/end-conversation', '= /api/tavus/webhook',
        '= /api/track', '= /api/contact', '/api/admin/'});

# a password, however it is put, and never repeated
no_db("host=/run/x password=$secret", qr/"?password"? .*tavus_database_password/);
no_db("host=/run/x password='$secret' dbname=x", qr/tavus_database_password/);
no_db("postgresql://u:$secret\@127.0.0.1/x", qr/tavus_database_password/);
no_db("postgres://u:$secret\@127.0.0.1/x?sslmode=require",
    qr/tavus_database_password/);
no_db("postgresql://127.0.0.1/x?password=$secret", qr/tavus_database_password/);
no_db('host=/run/x passfile=/root/.pgpass', qr/passfile/);
no_db("host=/run/x sslpassword=$secret", qr/sslpassword/);
# where libpq complains first
no_db($_, qr/invalid connection (?:string|URI)/) for
    "postgresql://u:$secret\@[::1/x", "postgresql://u:$secret%zz\@127.0.0.1/x",
    "host=/run/x password=$secret nonsense", "host=/run/x password='$secret",
    "password = $secret x y", "postgresql://u:$secret\@127.0.0.1/x?nonsense=1",
    "host=/run/x password $secret";

no_db("host=127.0.0.1 sslmode=$_", qr/sslmode/)
    for qw(prefer allow), '', 'Require', 'x';
no_db('host=/run/x service=x', qr/service/);
no_db('host=/run/x replication=true', qr/replication/);
no_db('host=/run/x client_encoding=LATIN1', qr/client_encoding/);
no_db('host=/run/x connect_timeout=1', qr/connect_timeout/);

no_db($_, qr/connection (?:string|URI)/) for 'nonsense', 'host', 'host=/run/x x=1',
    'host=/run/x =1', "host='/run/x", 'mysql://127.0.0.1/x';
no_db($_, qr/host/) for '', 'dbname=tavus', 'host=', 'host=,',
    'host=127.0.0.1,', 'hostaddr=x', 'hostaddr=db.example';
no_db("host=127.0.0.1 port=$_", qr/port/)
    for 0, 65536, 'x', -1, '1,2', 54322222;
no_db('host=a,b hostaddr=127.0.0.1', qr/hosts/);

# names are not known yet, or need a resolver
my $none = 'no-such-host.invalid';
no_db("host=$none $who", qr/host not found in "$none" of "tavus_database"/);
no_db("host=127.0.0.1,$none $who", qr/host not found in "$none"/);
accepted('a resolver will do', http => {resolver => '127.0.0.1:5353',
    tavus_database => "\"host=$none $who\""});
refused('a resolver of a server is not the workers\'', qr/host not found/,
    $line, db("host=$none $who"), server => 'resolver 127.0.0.1:5353;');

refused('twice', qr/"tavus_database" directive is duplicate/, $line,
    http => {tavus_database => [map { qq("host=/run/$_ $who") } qw(x y)]});
refused('of no server', qr/"tavus_database" directive is not allowed here/,
    $line, server => 'tavus_database "host=/run/x";');
refused("tavus_store_timeout $_", qr/tavus_store_timeout/,
    qr/tavus_store_timeout/, http => {tavus_store_timeout => $_})
    for qw(0 99ms 11m x -1 1d);
accepted("tavus_store_timeout $_", http => {tavus_store_timeout => $_})
    for qw(100ms 1s 10m);

done_testing;
