#!/usr/bin/perl

# worker_shutdown_timeout ends what would hold an old worker for longer.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(main => 'worker_shutdown_timeout 500ms;',
    http => {tavus_api_timeout => '20s', tavus_store_timeout => '20s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

for my $kind (qw(hang TLS)) {
    $t->configure(http => {tavus_api_url => 'https://127.0.0.1:'
        . silent_port()})->reload(drained => 1) if $kind eq 'TLS';
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';

    my ($old) = $t->workers;
    my $files = open_files($old);
    $t->sandbox->fault(kind => 'hang', path => '/v2/');
    my @creates = map { $t->socket->send(
        post_bytes('/api/tavus/create-conversation', '{}')) } 1 .. 10;
    wait_ok { open_files($old) >= $files + 20 } "$kind: creates wait";
    $t->reload;
    wait_ok { !grep { $_ == $old } $t->all_workers } 'the old worker goes', 5;
    is $t->get('/')->code, 200;
    wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.create_failed'})
        == ($kind eq 'hang' ? 10 : 20) } 'that they failed is on record';
}

done_testing;
