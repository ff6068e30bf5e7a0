#!/usr/bin/perl

# Conversations are ended by an admin while workers are killed, sessions too, and
# Tavus or PostgreSQL stands still: no end is said, in an answer or on record,
# that Tavus has not made; who asked is on the trail before Tavus is.

use lib 't/lib';
use Tavus::Test;
use Mojo::Promise;

my $t = Tavus::Test->new(workers => 2, http => {tavus_api_timeout => '2s',
    tavus_journal => '%%DIR%%/journal'})->start;
$t->allow_alerts(qr/exited on signal 9/);
my ($db, $box) = ($t->db, $t->sandbox);
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json',
    Connection => 'close');

sub end_p {
    my ($id) = @_;
    return $t->ua->post_p($t->url("/api/admin/conversations/$id/end"), {%json}, '');
}
sub over { return grep { $_->{conversation_id} eq $_[0] } $box->conversations('ended') }
sub count {
    my ($type, @more) = @_;
    return $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE source = 'server' AND event_type = ?}
        . (@more ? q{ AND convert_from(body, 'UTF8')::jsonb ->> 'outcome' = ?} : ''),
        undef, $type, @more);
}

# ---- Tavus stands still
wait_ok { $t->admin('/api/admin/conversations')->code == 200 } 'ready';
my $id = $t->create->json->{conversation_id};
$box->freeze;
my $res;
end_p($id)->then(sub ($tx) { $res = $tx->res })->wait;
is_deeply [$res->code, $res->json->@{qw(code outcome)}],
    [502, 'outcome_unknown', 'unknown'], 'nobody knows' or diag $res->to_string;
is $t->admin("/api/admin/conversations/$id")->json->{status}, 'active', 'so it is not said to be over';
is count('admin.conversation_ended', 'unknown'), 1, 'the trail says so';
$box->thaw;
wait_ok { $t->admin("/api/admin/conversations/$id")->json->{status} eq 'ended' } 'it is seen to';

# ---- workers and sessions die
my (%answered, $kills);
my @all;
for my $round (1 .. 8) {
    my @ids = map { $t->create->json->{conversation_id} } 1 .. 4;
    push @all, @ids;
    my @asked = map { my $c = $_; end_p($c)->then(sub ($tx) {
        $answered{$c} = $tx->res->code == 200 }) } @ids;
    my $timer = Mojo::IOLoop->timer(0.003 * $round => sub {
        $kills++;
        $round % 3 ? $t->kill_worker('KILL')
            : $db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE usename = 'tavus_app'});
    });
    Mojo::Promise->all_settled(@asked)->wait;
    Mojo::IOLoop->remove($timer);
    wait_ok { my $r = $t->create; $r->code == 200 && push @all, $r->json->{conversation_id} }
        "round $round";
}
cmp_ok scalar(grep { $_ } values %answered), '>', 0, 'some were ended';
cmp_ok $kills // 0, '>', 0, 'some died';
is_deeply [grep { $answered{$_} && !over($_) } @all], [], 'each that was said to have ended has';
wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'what the dead had is on record';
my %asked = map { $_ => 1 } $db->selectcol_arrayref(q{
    SELECT convert_from(body, 'UTF8')::jsonb #>> '{object,conversation_id}' FROM tavus.events
     WHERE event_type = 'admin.conversation_end_asked'})->@*;
my @sent = map { $_->{path} =~ m{([^/]+)/end\z} ? $1 : () } $box->calls('/v2/conversations/');
is_deeply [grep { !$asked{$_} } @sent], [], 'Tavus was asked for none that is not on the trail';
cmp_ok count('admin.conversation_ended'), '<=', count('admin.conversation_end_asked') , 'no outcome of what nobody asked';
is_deeply [grep { !over($_) } $db->selectcol_arrayref(
    'SELECT id FROM tavus.conversations WHERE ended AND id = ANY (?)', undef, \@all)->@*], [],
    'none is on record as over that goes on at Tavus';

# ---- PostgreSQL stands still between the two: the journal has what came of it
$id = $t->create->json->{conversation_id};
$box->fault(path => "/v2/conversations/$id/end", kind => 'delay', ms => 1500, times => 1);
undef $res;
my $promise = end_p($id)->then(sub ($tx) { $res = $tx->res });
my $timer = Mojo::IOLoop->recurring(0.05 => sub ($loop) {
    return unless grep { $_->{path} =~ m{\Q$id\E/end\z} } $box->calls('/v2/conversations/');
    state $frozen = $t->pg->freeze || 1;
});
$promise->wait;
Mojo::IOLoop->remove($timer);
is $res->code, 200, 'ended, and in the journal' or diag $res->to_string;
$t->pg->thaw;
wait_ok { $db->selectrow_array('SELECT ended FROM tavus.conversations WHERE id = ?', undef, $id) }
    'and in the database';

done_testing;
