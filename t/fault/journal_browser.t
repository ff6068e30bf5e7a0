#!/usr/bin/perl

# A flood of browsers' events takes a quarter of the journal at most: webhooks
# still find room in it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal max_size=16m'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$t->pg->stop;

my $track = sub ($n) {
    return $t->post('/api/track', {events => [map { {name => "e$_",
        properties => {session_id => 's', n => $n, x => 'x' x 15000}} }
        1 .. 4]})->code;
};

is $track->(0), 202, 'events of browsers go to the journal too';
my ($n, $code) = (0);
do { $code = $track->(++$n) } while $code == 202 && $n < 200;
is $code, 503, 'until their share is spent';
cmp_ok $n, '>', 50, 'which is some 4 MB';
cmp_ok $n, '<', 80;

is $t->webhook(tavus_event('application.transcription_ready', "c$_",
    {text => 'x' x 60_000}))->code, 200, 'a webhook' for 1 .. 20;

$t->pg->start;
wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 30;
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'tavus'}), 20;
cmp_ok $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'browser'}), '>=', 4 * $n;
is $track->(999), 202, 'room again';

done_testing;
