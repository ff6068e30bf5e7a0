#!/usr/bin/perl

# memcheck

# What a visitor says of being counted goes with each event, and the last word
# is kept in the same commit.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $db = $t->db;

sub track {
    my ($consent, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->post('/api/track', {
        events => [map { {name => $_->[0], properties => {session_id => 's1',
            ($_->[1] // {})->%*}} } @events],
        $consent ? (consent => $consent) : ()});
    is $res->code, 202 or diag $res->to_string;
    return;
}

sub said {
    return [map { join ' ', $_->[0], decode_json($_->[1])->{consent} // '-' }
        $db->selectall_arrayref(q{SELECT event_type, convert_from(body, 'UTF8')
            FROM tavus.events ORDER BY event_type, id})->@*];
}

sub kept {
    return {map { @$_ } $db->selectall_arrayref(q{SELECT subject,
        CASE WHEN granted THEN 'granted' ELSE 'denied' END
        FROM tavus.consents})->@*};
}

track(undef, ['a_view']);
track('denied', ['b_view'], ['c_view']);
track('granted', ['d_view', {x => 'x' x 16300}]);
is_deeply said(), ['a_view -', 'b_view denied', 'c_view denied',
    'd_view granted'], 'the word of the request is with each of its events';
is_deeply kept(), {}, 'and is no decision';

track('granted', ['e_view'], ['consent', {user_id => 'u1'}]);
is_deeply kept(), {'session s1' => 'granted', 'user u1' => 'granted'},
    'a decision is kept by session and user';
track('denied', ['consent']);
is_deeply kept(), {'session s1' => 'denied', 'user u1' => 'granted'},
    'the next one counts';
is_deeply [grep { /^consent/ } said()->@*], ['consent granted', 'consent denied'],
    'both are on record';

my $lock = $t->pg->connect;
$lock->begin_work;
$lock->do('LOCK TABLE tavus.consents IN ACCESS EXCLUSIVE MODE');
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'who decides nothing does not touch what is kept';
$lock->rollback;

done_testing;
