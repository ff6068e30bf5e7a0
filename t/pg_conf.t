#!/usr/bin/perl

# What a connection string must not say is refused, with its place and without
# a secret.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0);

my %refused = (
    'host=/tmp password=tops3cret' => qr/"password" is not allowed/,
    'host=/tmp passfile=/x' => qr/"passfile" is not allowed/,
    'service=x' => qr/"service" is not allowed/,
    'host=/tmp connect_timeout=1' => qr/"connect_timeout" is not allowed/,
    'host=/tmp client_encoding=LATIN1' => qr/"client_encoding" is not allowed/,
    'host=127.0.0.1 sslmode=prefer' => qr/sslmode "prefer" is not supported/,
    'host=127.0.0.1 sslmode=allow' => qr/sslmode "allow" is not supported/,
    'host=127.0.0.1 target_session_attrs=standby' =>
        qr/target_session_attrs "standby" is not supported/,
    'host=127.0.0.1 target_session_attrs=prefer-standby' =>
        qr/target_session_attrs "prefer-standby" is not supported/,
    'dbname=tavus' => qr/no "host" in the connection string/,
    'host=/tmp port=0' => qr/invalid port "0"/,
    'host=/tmp port=65536' => qr/invalid port "65536"/,
    'host=/a,/b,/c port=1,2' => qr/3 hosts, 0 addresses and 2 ports/,
    'host=/a, port=1,2' => qr/empty host/,
    'host=x hostaddr=y' => qr/invalid hostaddr "y"/,
    'host=/tmp nonsense=1' => qr/invalid connection string: .*nonsense/,
    'host' => qr/invalid connection string/,
    'postgres://u:tops3cret@[::1/x' => qr/invalid connection URI/,
    'postgres://u:tops3cret@/tmp' => qr/"password" is not allowed/,
);

for my $text (sort keys %refused) {
    my ($exit, $out) = $t->nginx_t(http => {tavus_database => qq{"$text"}});
    is $exit, 1, $text;
    like $out, $refused{$text};
    like $out, qr/ in \S+test\.conf:\d+/;
    unlike $out, qr/tops3cret/;
}

my $who = 'dbname=x user=y';
for my $text ("host=/tmp $who", "host=127.0.0.1,::1 port=1,2 $who",
    "hostaddr=127.0.0.1 $who", "host=db.example hostaddr=127.0.0.1 $who",
    'postgres://u@127.0.0.1:5433/x?target_session_attrs=primary',
    "host=/tmp $who options='-c work_mem=8MB' tcp_user_timeout=1000")
{
    my ($exit, $out) = $t->nginx_t(http => {tavus_database => qq{"$text"}});
    is $exit, 0, $text or diag $out;
}

done_testing;
