#!/usr/bin/perl

# alone

# Hashes that take half a second each, many at once: nothing else waits.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(pause);
use IO::Select;
use Mojo::Util qw(b64_encode);
use POSIX qw(_exit);
use Time::HiRes qw(time);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;');

# what takes this machine so long
my $rounds = 100_000;
my $took = time;
die 'no crypt' unless crypt 'x', "\$6\$rounds=$rounds\$x\$";
$took = time - $took;
$rounds = int $rounds / $took / 2;

my $file = $t->secret('users',
    'admin:' . crypt('pass', "\$6\$rounds=$rounds\$x\$") . "\n");
$t->file('static.txt', "static\n");
$t->{locations} = {
    '/' => 'root %%HTML%%;',
    '/a' => "tavus_admin_users $file; root %%HTML%%; "
        . 'try_files /static.txt =404;',
};
$t->start;

sub ask {
    my ($n, $password) = @_;
    my $s = $t->socket;
    $s->send("GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.$n\r\n"
        . 'Authorization: Basic ' . b64_encode("admin:$password", '')
        . "\r\n\r\n");
    return $s;
}

# the time that the slowest of the static files took, at 100 Hz
sub probe {
    my ($until) = @_;
    my ($worst, $n, $s) = (0, 0, $t->socket);
    until ($until->()) {
        my $start = time;
        $s->send("GET /static.txt HTTP/1.1\r\nHost: x\r\n\r\n");
        my $res = $s->response or last;
        last if $res->{status} != 200;
        my $time = time - $start;
        $worst = $time if $time > $worst;
        $n++;
        pause(0.01);
    }
    return ($worst, $n);
}

my $start = time;
my @asked = map { ask($_, "wrong $_") } 1 .. 6;
push @asked, ask(7, 'pass'), ask(8, 'pass');

# the answers come to a child, as this process is busy asking
pipe my $in, my $out or die "pipe: $!";
my $pid = fork // die "fork: $!";
if (!$pid) {
    syswrite $out, join(' ', map {
        my $res = $_->response(100);
        $res ? $res->{status} : '-' } @asked) . "\n";
    _exit(0);
}
close $out;
my ($worst, $n) = probe(sub { IO::Select->new($in)->can_read(0) });
my $codes = <$in> // '';
waitpid $pid, 0;
my $seconds = time - $start;

cmp_ok $seconds, '>', 0.5, sprintf 'eight logins took %.1f s', $seconds;
is $codes, "401 401 401 401 401 401 200 200\n";
cmp_ok $n, '>', 10, "$n static files meanwhile";
cmp_ok $worst, '<', 0.5, sprintf 'none of which waited more than %.0f ms',
    $worst * 1000;

# More than eight hashes at once are put off; the same credentials share one.
@asked = map { ask(20 + $_, "other $_") } 1 .. 12;
my %codes;
$codes{$_->response(100)->{status}}++ for @asked;
is $codes{401} + $codes{503}, 12;
cmp_ok $codes{401}, '>=', 8, 'eight at once';

$start = time;
@asked = map { ask(50, 'all the same') } 1 .. 30;
%codes = ();
$codes{$_->response(100)->{status}}++ for @asked;
is_deeply \%codes, {401 => 30}, 'thirty that say the same';
cmp_ok time - $start, '<', $seconds * 2 + 5, 'are one hash';

# who goes away meanwhile does no harm, and comes back
@asked = map { ask(60 + $_, 'pass again') } 1 .. 4;
$_->abort for @asked[0, 1];
$_->close for @asked[2, 3];
wait_ok { $t->get('/static.txt')->code == 200 } 'four went away';
is ask(70, 'pass')->response(30)->{status}, 200, 'the next one logs in';

done_testing;
