#!/usr/bin/perl

# A reload while creates, webhooks and queries wait: the old worker brings all
# of them to their end, the new one works meanwhile.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(http => {tavus_store_timeout => '8s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 200, 'with a kept connection';

# from several rounds of them at most two workers are left
for my $turn (1 .. 2) {
    my ($old) = $t->workers;
    $t->sandbox->forget;
    $t->sandbox->fault(kind => 'delay', ms => 1500, times => 10,
        path => '/v2/conversations');
    my @creates = map { $t->socket->send(
        post_bytes('/api/tavus/create-conversation', '{}')) } 1 .. 10;
    wait_ok { $t->sandbox->calls('/v2/conversations') == 10 } 'Tavus thinks';

    my $lock = $t->pg->connect(AutoCommit => 0);
    $lock->do('LOCK TABLE tavus.events IN ACCESS EXCLUSIVE MODE');
    my @webhooks = map { $t->socket->send(webhook_bytes($t,
        tavus_event('system.replica_joined', "c$turn-$_"))) } 1 .. 10;
    my $asked = time;
    my $query = $t->socket->send("GET /api/admin/events HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: " . $t->admin_headers->{Authorization} . "\r\n\r\n");
    wait_ok { $t->pg->connect->selectrow_array(
        q{SELECT count(*) FROM pg_locks WHERE NOT granted}) >= 2 }
        'PostgreSQL waits';

    $t->reload;
    is $t->get('/')->code, 200, 'the new worker';
    ok grep({ $_ == $old } $t->all_workers), 'the old one stays';
    $lock->rollback;
    # a query has 3 s; where the reload took them it is answered all the same
    my $status = time - $asked > 2.5 ? qr/^(?:200|503)\z/ : qr/^200\z/;

    is_deeply {answers(@webhooks)}, {200 => 10}, 'webhooks';
    like join(' ', answers($query)) =~ s/ 1\z//r, $status, 'a query';
    is_deeply {answers(@creates)}, {200 => 10}, 'creates';
    wait_ok { !grep { $_ == $old } $t->all_workers } 'the old one goes', 3;
    is $t->create->code, 200;
}
is scalar $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.created'}), 23;
is $t->error_log =~ /open socket/, '', 'no socket left';

done_testing;
