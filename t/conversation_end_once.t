#!/usr/bin/perl

# An end token ends once: however many workers and nodes are shown it, and
# however often, Tavus is asked once by each node, and one event tells of it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Mojo::JSON qw(encode_json);

my %http = (tavus_api_timeout => '2s');
my $t = Tavus::Test->new(workers => 4, http => \%http)->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $path = '/api/tavus/end-conversation';
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $fresh = sub { $t->create->json->%{qw(conversation_id end_token)} };
my $ends = sub { scalar grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') };
my $rows = sub ($id, $type = 'conversation.ended') { $db->selectrow_array(
    q{SELECT count(*) FROM tavus.events WHERE event_type = ?
       AND conversation_id = ?}, undef, $type, $id) };
my $flood = sub ($n, %c) {
    my $bytes = post_bytes($path, encode_json({%c}), Connection => 'close');
    return map { $t->socket->send($bytes) } 1 .. $n;
};

my %c = $fresh->();
$box->fault(kind => 'delay', ms => 700, method => 'POST', times => 1);
my %status = answers($flood->(60, %c));
is_deeply \%status, {200 => 1, 202 => 59}, 'while it is under way';
%status = answers($flood->(60, %c));
is_deeply \%status, {200 => 60}, 'and afterwards';
is $ends->(), 1, 'Tavus is asked once';
wait_ok { $rows->($c{conversation_id}) } 'on record';
$t->reload(drained => 1);
is $t->post($path, {%c})->code, 200, 'after a reload';
is $ends->(), 1, 'still';
is $rows->($c{conversation_id}), 1, 'one event';

# what nobody could record is nobody's to see to
subtest 'neither Tavus nor PostgreSQL' => sub {
    my %new = $fresh->();
    $box->forget;
    undef $db;
    $t->pg->stop;
    $box->fault(kind => 'status', status => 500, method => 'POST');
    is $t->post($path, {%new})->code, 502, 'failed';
    is $_, 202, 'not again at once' for map { $t->post($path, {%new})->code } 1 .. 5;
    is $ends->(), 1;
    $box->no_faults;
    wait_ok { $t->post($path, {%new})->code == 200 } 'later', 20;
    is $ends->(), 2;
    $t->pg->start;
    $db = $t->db;
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';
    done_testing;
};

subtest 'a worker dies with it' => sub {
    $t->configure(workers => 1)->reload(drained => 1);
    my %new;
    wait_ok { %new = eval { $fresh->() }; $new{end_token} } 'a conversation';
    $box->forget;
    $box->fault(kind => 'hang', times => 1, method => 'POST');
    my ($s) = $flood->(1, %new);
    wait_ok { $ends->() } 'Tavus is asked';
    $t->kill_worker;
    $s->close;
    wait_ok { $t->get('/healthz')->code == 200 } 'another worker';
    is $t->post($path, {%new})->code, 202, 'it may be done yet';
    done_testing;
};

# another node knows nothing, and then a restarted one
my $other = Tavus::Test->new(db => $t->pg, sandbox => $box, http => \%http)
    ->start;
wait_ok { $other->get('/healthz')->code == 200 } 'ready';
$box->forget;
is $_->code, 200 for map { $other->post($path, {%c}) } 1 .. 20;
is $ends->(), 1, 'another node asks once';
$t->stop;
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $_->code, 200 for map { $t->post($path, {%c}) } 1 .. 20;
is $ends->(), 2, 'and one that was restarted';
$t->create;
is $rows->($c{conversation_id}), 1, 'one event of all';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;

subtest 'tokens expire' => sub {
    my %new = $fresh->();
    my ($id, $token) = @new{qw(conversation_id end_token)};
    my (undef, $nonce, $expiry) = split /\./, $token;
    cmp_ok abs($expiry - time - 600 - 60 - 3600), '<', 60,
        'when the call must be over, and an hour later';
    is sign_end_token($t->webhook_secret, $id, $expiry, $nonce), $token, 'so';
    for my $at (time - 2, $expiry - 7300) {
        my $old = sign_end_token($t->webhook_secret, $id, $at, $nonce);
        is $t->post($path, {%new, end_token => $old})->json->{code},
            'invalid_end_token', 'too old';
        is $t->post('/api/track', {%new, end_token => $old,
            events => [{name => 'a', properties => {session_id => 's'}}]})->code,
            401, 'for track, too';
    }
    for my $bad ($token =~ s/\.$expiry\./'.' . ($expiry + 1) . '.'/er,
        $token =~ s/$nonce/'0' x 32/er, $token =~ s/\.$expiry\././r,
        $token =~ s/\.$expiry//r, $token =~ s/\.\K(?=$expiry)/-/r,
        $token =~ s/\.\K(?=$expiry)/0/r, $token =~ s/$nonce/uc $nonce/er . ' ',
        join('.', 'k1', $nonce, '9' x 30, 'a' x 64))
    {
        is $t->post($path, {%new, end_token => $bad})->json->{code},
            'invalid_end_token', 'nor another';
    }
    is $t->post($path, {%new})->code, 200, 'this one is good';
    done_testing;
};

done_testing;
