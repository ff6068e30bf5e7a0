#!/usr/bin/perl

# memcheck

# A ticket is good for whom it was given to, with the wish that it was given
# for, and for nothing else: what is forged, cut, changed, somebody else's or too
# old is refused before anything is asked of database or Tavus.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Tavus::Test::Pg;
use Mojo::Util qw(b64_decode b64_encode);

my $key = 'another-secret-of-the-tests-0123456789';

my $t = line_test(db => Tavus::Test::Pg->new(
        config => ['track_functions=all']),
    http => {tavus_vertical => ['general { persona_id p01; }',
        'legal { persona_id p02; visitor_memory on; document_tags kb-l; }']});
my $box = $t->sandbox;
my $next = 100;

talks($t, 1);
my $ticket = wait_in_line($t, 2);
my ($payload, $id, $mac) = split /\./, $ticket;

sub decode { return b64_decode($_[0] =~ tr{-_}{+/}r) }
sub encode { return b64_encode($_[0], '') =~ tr{+/}{-_}r =~ s/=+\z//r }

# Nothing but a refusal: neither a look nor a question.
sub refused {
    my ($name, $status, $code, @ask) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = ask($t, @ask);
    is $res->code, $status, $name or diag $res->body;
    is $res->json->{code}, $code;
    unlike $res->body, qr/\Q$payload\E/, 'and says nothing of it';
}

# the last question of before is counted when its session is idle
$t->db->do('SELECT pg_stat_clear_snapshot()');
wait_for { ask($t, 2, $ticket)->json->{position} } 10;
my $asked = sub { looks($t)->{line_ticket} // 0 };
my $before = $asked->();
$box->forget;

refused('another address', 403, 'foreign_ticket', 3, $ticket);
refused('the network of somebody else', 403, 'foreign_ticket', 2 + 256, $ticket);
refused('no ticket', 401, 'invalid_ticket', 2, '');
refused('another word', 401, 'invalid_ticket', 2, 'abc');
refused('a dot', 401, 'invalid_ticket', 2, '.');
refused('cut', 401, 'invalid_ticket', 2, substr($ticket, 0, -1));
refused('without a proof', 401, 'invalid_ticket', 2, $payload);
refused('longer', 401, 'invalid_ticket', 2, "${ticket}0");
refused('another proof', 401, 'invalid_ticket', 2,
    $ticket =~ s/(.)\z/$1 eq '0' ? '1' : '0'/er);
refused('a key that is not there', 401, 'invalid_ticket', 2,
    "$payload.k9.$mac");
refused('another wish', 401, 'invalid_ticket', 2, join '.',
    encode(decode($payload) =~ s/\{.*\}\z/{"vertical":"legal"}/sr), $id, $mac);
refused('a wish of one byte more', 401, 'invalid_ticket', 2,
    join '.', encode(decode($payload) . ' '), $id, $mac);
refused('another number in the line', 401, 'invalid_ticket', 2, join '.',
    encode(substr(decode($payload), 0, 1) . "\0" x 16
        . substr decode($payload), 17), $id, $mac);
for my $at (0, 1, 17, 25, 26, 42) {
    my $changed = decode($payload);
    substr($changed, $at, 1) ^.= "\1";
    refused("changed at $at", 401, 'invalid_ticket', 2,
        join '.', encode($changed), $id, $mac);
}

# what the same key has signed for something else

my ($cookie) = wait_in_line_with_cookie();
refused("an end token's proof", 401, 'invalid_ticket', 2,
    "$payload.k1." . ('a' x 64));

for my $body ({}, {ticket => 1}, {ticket => undef}, {ticket => [$ticket]},
    {ticket => $ticket, more => 1}, {Ticket => $ticket})
{
    my $res = $t->post('/api/tavus/queue', $body, {'X-Real-IP' => address(2)});
    is $res->code, 400, 'not what a body is';
    is $res->json->{code}, 'invalid_field';
}
is $t->post('/api/tavus/queue', '{"ticket":"a","ticket":"b"}', {'Content-Type' =>
    'application/json'})->json->{code}, 'invalid_json', 'twice';
is $t->post('/api/tavus/queue', {ticket => 'x' x 9000})->code, 413, 'too long';
is $t->post('/api/tavus/queue', '{}')->code, 415, 'as what a form sends';
is $t->get('/api/tavus/queue')->code, 405;
is $t->post('/api/tavus/queue', {ticket => $ticket}, {Origin =>
    'https://evil.example', 'X-Real-IP' => address(2)})->code, 403,
    'from a foreign page';

is $asked->(), $before, 'nobody was asked';
is scalar $box->calls('/v2/'), 0, 'Tavus neither';
unlike $t->error_log, qr/\Q$payload\E/, 'the log has no ticket';
unlike $t->access_log, qr/\Q$payload\E/;
like $t->error_log, qr/ticket not verified: foreign/, 'but says why';
like $t->error_log, qr/ticket not verified: mismatch/;
like $t->error_log, qr/token of a key "k9" that is not configured here/;

# ---- a visitor who is known
sub wait_in_line_with_cookie {
    my $res = come($t, $next++, vertical => 'legal');
    is $res->code, 202, 'a visitor with a memory waits' or diag $res->body;
    my ($set) = $res->headers->header('Set-Cookie') =~ /^([^;]+)/;
    like $set, qr/^tavus_visitor=/, 'and is known from then on';
    $t->ua->cookie_jar->empty;
    return ($set, $res->json->{ticket}, $next - 1);
}

# Wants to talk from an address, with a cookie that is there already.
sub comes_back {
    my ($n, $cookie) = @_;
    return $t->post('/api/tavus/create-conversation', {vertical => 'legal'},
        {'X-Real-IP' => address($n), Cookie => $cookie});
}

my ($mine, $first, $n) = wait_in_line_with_cookie();
is ask($t, $n, $first, Cookie => $mine)->code, 202, 'with the new cookie';
is ask($t, $n, $first)->code, 202, 'and if a browser has refused it';
my $own = comes_back($n, $mine)->json->{ticket};
is ask($t, $n, $own, Cookie => $mine)->code, 202,
    'with the cookie that came when the ticket was given';
refused('without it', 403, 'foreign_ticket', $n, $own);
refused("with somebody else's", 403, 'foreign_ticket', $n, $own,
    Cookie => $cookie);
is come($t, $n)->code, 503, 'another visitor of that address has no place';
my $again = comes_back($n, $mine);
is $again->code, 202, 'the same one has theirs';
is ask($t, $n, $again->json->{ticket}, Cookie => $mine)->json->{position},
    ask($t, $n, $own, Cookie => $mine)->json->{position},
    'which is one, by either ticket';

# ---- keys
$t->configure(http => {tavus_webhook_secret => [
    'file:' . $t->secret('k2', $key) . ' id=k2',
    'file:' . $t->secret('webhook', $t->webhook_secret) . ' id=k1']})
    ->reload(drained => 1);
my $res = ask($t, 2, $ticket);
is $res->code, 202, 'after a change of keys it is good';
like $res->json->{ticket} // '', qr/\.k2\.[0-9a-f]{64}\z/,
    'and replaced, as its key may go';
my $fresh = $res->json->{ticket};
$t->configure(http => {tavus_webhook_secret =>
    'file:' . $t->secret('k2', $key) . ' id=k2'})->reload(drained => 1);
refused('when its key is gone', 401, 'invalid_ticket', 2, $ticket);
$res = ask($t, 2, $fresh);
is $res->code, 202, 'the new one is good';
ok !exists $res->json->{ticket}, 'and goes on';

done_testing;
