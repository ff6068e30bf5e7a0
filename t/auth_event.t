#!/usr/bin/perl

# Failed logins are told as one event a node and minute, with how many there
# were, whichever workers counted them and died.  The second minute is waited
# for if TAVUS_LONG is set.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(b64_encode);

my $t = Tavus::Test->new(sandbox => 0, workers => 2,
    http => {tavus_journal => '%%DIR%%/journal'},
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;')
    ->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

sub login ($address, $password) {
    return $t->get('/api/admin/events', {'X-Forwarded-For' => $address,
        Authorization => 'Basic ' . b64_encode("admin:$password", '')})->code;
}

sub events {
    return map { decode_json($_->[0]) } @{$t->db->selectall_arrayref(
        q{SELECT convert_from(body, 'UTF8') FROM tavus.events
           WHERE event_type = 'system.login_failed' AND kind = 1
             AND source = 'server' ORDER BY received_at})};
}

is login('10.0.0.1', $t->admin_password), 200, 'a good password';
is_deeply [events()], [], 'is no event';

is login('10.0.0.1', 'wrong'), 401;
wait_ok { events() == 1 } 'the first is told at once';
my ($first) = events();
is $first->{count}, 1;
like $first->{node}, qr/^[0-9a-f]/, 'of this node';

my %code;
$code{login("10.0.1.$_", "wrong $_")}++ for 1 .. 20;
$code{login('10.0.2.1', "wrong $_")}++ for 1 .. 15;
is $code{401} + $code{429}, 35;
cmp_ok $code{429}, '>', 0, 'some are refused as too many';

# what a worker counted is not its own
$t->allow_alerts(qr/exited on signal 9/);
my @before = $t->workers;
$t->kill_worker;
wait_ok { my @now = $t->workers; @now == 2 && "@now" ne "@before" }
    'another worker';
$code{login('10.0.3.1', "wrong $_")}++ for 1 .. 3;
$t->reload(drained => 1);
$code{login('10.0.4.1', "wrong $_")}++ for 1 .. 3;
is $code{401} + $code{429}, 41;

# a form comes after all that they would have caused
is $t->post('/api/contact', {name => 'A B', email => 'a@example.com',
    message => 'A long message.'})->code, 200;
is scalar(events()), 1, 'and no more within the minute';

SKIP: {
    skip 'a minute is long', 2 unless $ENV{TAVUS_LONG};
    wait_ok { events() == 2 } 'the rest is told in the next minute', 125;
    is +(events())[1]{count}, 41, 'all of it';
}

# nobody can say that it was so
is $t->post('/api/track', {events => [{name => 'system.login_failed',
    properties => {session_id => 's'}}]})->code, 400, 'not a browser';

done_testing;
