#!/usr/bin/perl

# Workers are killed, and sessions, while leads are changed and documents, too:
# no change is without its trail, no trail of one without its change, and what
# Tavus was asked for is on record as asked for.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;

my $t = Tavus::Test->new(workers => 2, http => {
    tavus_journal => '%%DIR%%/journal'})->start;
$t->allow_alerts(qr/exited on signal 9/);
my ($db, $box) = ($t->db, $t->sandbox);
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json',
    Connection => 'close');
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'What does it cost?'})->code, 200;
my $lead;
wait_ok { $lead = $t->admin('/api/admin/leads')->json->{leads}[0] } 'a lead';

my ($answered, $kills) = (0, 0);
for my $round (1 .. 12) {
    my @asked = map {
        my $odd = $_ % 2;
        ($t->ua->patch_p($t->url("/api/admin/leads/$lead->{id}"), {%json},
            encode_json({handled => $odd ? \1 : \0})),
        $odd ? $t->ua->post_p($t->url('/api/admin/documents'), {%json},
            encode_json({document_url => "https://a.example/$round-$_"})) : ())
    } 1 .. 6;
    my $timer = Mojo::IOLoop->timer(0.003 * $round => sub {
        $kills++;
        $round % 3 ? $t->kill_worker('KILL')
            : $db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE usename = 'tavus_app'});
    });
    Mojo::Promise->all_settled(@asked)->then(sub {
        $answered += grep { $_->{status} eq 'fulfilled'
            && $_->{value}[0]->res->code =~ /^20/ } @_;
    })->wait;
    Mojo::IOLoop->remove($timer);
    wait_ok { $t->admin('/api/admin/alerts')->code == 200 } "round $round", 30;
}
cmp_ok $answered, '>', 0, 'some were made';
cmp_ok $kills, '>', 0, 'some died';

sub count {
    return $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE source = 'server' AND event_type = ?}, undef, shift);
}
is $db->selectrow_array(q{SELECT count(*) FILTER (WHERE event_type = 'lead.handled')
    - count(*) FILTER (WHERE event_type = 'admin.lead_handled') FROM tavus.events}), 0,
    'each change has its trail, and each trail its change';
cmp_ok count('lead.handled'), '>', 0, 'there were some';

my $sent = grep { $_->{method} eq 'POST' } $box->calls('/v2/documents');
wait_ok { count('admin.document_asked') >= $sent }
    'what Tavus was asked for is on record', 30;
cmp_ok count('admin.document_answered'), '<=', count('admin.document_asked'),
    'no outcome of what nobody asked';
cmp_ok $sent, '>', 0, 'it was asked';

done_testing;
