#!/usr/bin/perl

# Passwords cannot be tried at will: ten wrong ones of an address, then no
# hash is computed for it any more.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);
use Mojo::Util qw(b64_encode);
use POSIX qw(_SC_CLK_TCK sysconf);

# a hash that takes some 50 ms of a processor
my $SLOW = '$6$rounds=100000$saltstring$';

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;');
my $file = $t->secret('users', join '', map {
    "$_:" . crypt("$_ pass", $SLOW) . "\n" } qw(ann bob));
$t->{locations} = {
    '= /.problem' => 'internal; tavus_problem;',
    '= /a' => "error_page 401 429 /.problem; tavus_admin_users $file; "
        . 'empty_gif;',
    '= /metrics' => 'tavus_metrics;',
};
$t->start;
my ($worker) = $t->workers;

sub login {
    my ($address, $user, $password) = @_;
    return $t->get('/a', {'X-Forwarded-For' => $address,
        Authorization => 'Basic ' . b64_encode("$user:$password", '')});
}

# seconds of a processor that the worker has had
sub worker_cpu {
    my @stat = split ' ', slurp("/proc/$worker/stat") =~ s/.*\) //sr;
    return ($stat[11] + $stat[12]) / sysconf(_SC_CLK_TCK);
}

is login('10.0.0.1', 'ann', 'ann pass')->code, 200, 'a good password';

for (1 .. 10) {
    is login('10.0.0.1', $_ % 2 ? 'ann' : 'nobody', "wrong $_")->code, 401,
        "wrong, $_";
}

my $res = login('10.0.0.1', 'ann', 'wrong 11');
my $retry = $res->headers->header('Retry-After');
is $res->code, 429, 'the eleventh';
ok $retry >= 1 && $retry <= 6, "one every six seconds: $retry";
is $res->json->{code}, 'rate_limited';
is $res->json->{retry_after}, $retry;
is $res->headers->header('WWW-Authenticate'), undef;
wait_ok { $t->grep_log(qr/\[info\].*too many failed logins, client: 10\.0\.0\.1,/) }
    'the log says so';

my $before = worker_cpu();
my %codes;
$codes{login('10.0.0.1', 'ann', "more $_")->code}++ for 1 .. 100;
my $hashes = $codes{401} // 0;
cmp_ok $codes{429}, '>', 90, 'so it stays';
# a token may have come back meanwhile
cmp_ok worker_cpu() - $before, '<', 1 + $hashes * 0.5,
    'and costs nothing: a hundred hashes would take five seconds';

is login('10.0.0.1', 'ann', 'ann pass')->code, 200,
    'who has been let in before is not hit by it';
is login('10.0.0.2', 'ann', 'ann pass')->code, 200, 'nor other addresses';
is login('10.0.0.2', 'ann', 'wrong')->code, 401;
is login('10.0.0.2', 'bob', 'bob pass')->code, 200, 'who may log in';
is login('::ffff:10.0.0.1', 'ann', 'as IPv6')->code, 429, 'the same address'
    if !$hashes;

# right passwords cost nothing in the end
for (1 .. 15) {
    is login('10.0.0.3', 'bob', 'bob pass')->code, 200;
}
my ($rejected) = $t->get('/metrics')->body
    =~ /zone="tavus_admin_logins",result="rejected"\} (\d+)/;
cmp_ok $rejected, '>=', 91, 'counted';

# of an IPv6 network, the /64
$codes{login("2001:db8::$_", 'ann', "six $_")->code}++ for 1 .. 9;
is login('2001:db8::a', 'ann', 'six a')->code, 401;
is login('2001:db8:0:1::', 'ann', 'other')->code, 401, 'another network';
my @last = map { login("2001:db8::$_", 'ann', "last $_")->code } 1 .. 4;
is pop @last, 429, 'is one';

done_testing;
