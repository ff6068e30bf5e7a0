#!/usr/bin/perl

# alone
# What a forged webhook costs, in CPU time of the worker.
# Without a proof nobody's body is waited for, where it cannot be in the body;
# with a wrong one nothing is parsed.

use lib 't/lib';
use Tavus::Test;
use List::Util qw(min);

my $t = Tavus::Test->new(sandbox => 0, log_level => 'info');
my %key = map { $_ => $t->secret($_, $_ eq 'standard'
    ? 'whsec_' . 'MDEyMzQ1' x 4 : "the secret of $_ 0123") }
    qw(standard stripe);
my $large = 'client_max_body_size 8m;';
$t->{locations} = {
    map({ ("= /$_" => "$large tavus_webhook $_; "
        . "tavus_webhook_secret file:$key{$_} id=s;") } keys %key),
    map { ("= /$_" => "$large tavus_webhook tavus; tavus_webhook_verify $_;") }
        qw(token both signature),
};
$t->configure->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

sub early ($path, @headers) {
    my $s = $t->socket->send("POST $path HTTP/1.1\r\nHost: x\r\n"
        . "Content-Length: 8000000\r\n" . join('', map { "$_\r\n" } @headers)
        . "\r\n{");
    return ($s->response(2) // {})->{status} // 'waits';
}

is early("/$_"), 401, "$_: no proof, no body" for qw(stripe standard token both);
is early('/stripe', ('Stripe-Signature: t=1') x 2), 401, 'stripe: two';
is early('/standard', 'webhook-id: a', 'webhook-timestamp: 1'), 401,
    'standard: two of three';
is early('/api/tavus/webhook?token=k1.x.y'), 401, 'a wrong token';
is early('/signature'), 'waits', 'the body may hold one';
is early('/api/tavus/webhook'), 'waits', 'here, too';

# the same bytes but for what a parser has to do with them
my $n = 3_900_000;
my $zeros = '0' x 64;
my $now = time;
my ($pid) = $t->workers;

sub cpu {
    open my $fh, '<', "/proc/$pid/schedstat" or die $!;
    return (split ' ', readline $fh)[0] / 1e6;
}

# The least of some tries, in turns, as the machine may be slow for a while.
sub cost (@what) {
    my @least;
    for (1 .. 8) {
        for my $i (0 .. $#what) {
            my ($path, $body, %headers) = $what[$i]->@*;
            my $from = cpu();
            my $code = $t->post($path, $body, \%headers)->code;
            is $code, 401 if $code != 401;
            $least[$i] = min($least[$i] // 'inf', cpu() - $from);
        }
    }
    return @least;
}

my %proof = (
    'stripe'   => ['/stripe', 'Stripe-Signature' => "t=$now,v1=$zeros"],
    'standard' => ['/standard', 'webhook-id' => 'a',
        'webhook-timestamp' => $now, 'webhook-signature' => 'v1,'
        . 'A' x 43 . '='],
    'a header' => ['/api/tavus/webhook', 'X-Tavus-Signature' => $zeros],
    'nothing'  => ['/api/tavus/webhook'],
);

for my $name (sort keys %proof) {
    my ($path, %headers) = $proof{$name}->@*;
    my ($hard, $easy) = cost([$path, '{"a":[' . '1,' x $n . '1]}', %headers],
        [$path, '{"a":["' . 'x' x (2 * $n - 1) . '"]}', %headers]);
    cmp_ok $hard, '<', 2 * $easy + 2, "$name: nothing is parsed";
    diag sprintf '%s: %.1f and %.1f ms', $name, $hard, $easy;
}

# one in the body is looked for, and that is all
my ($member, $header) = cost(['/api/tavus/webhook', '{"a":[' . '1,' x $n
    . qq(1],"signature":"$zeros"})], ['/api/tavus/webhook', '{"a":[' . '1,' x $n . '1]}',
    'X-Tavus-Signature' => $zeros]);
diag sprintf 'a member: %.1f and %.1f ms', $member, $header;
cmp_ok $member, '<', 3 * $header + 2, 'a member is found without a parser';

done_testing;
