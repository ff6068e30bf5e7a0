#!/usr/bin/perl

# memcheck

# What the site tells of its visitors: stored before the answer, as the
# browser's word and nobody else's.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($db, $path) = ($t->db, '/api/track');

sub event { return {name => shift, properties => {session_id => 's1', @_}} }

sub accepted {
    my ($res, $n, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [$res->code, $res->json], [202, {accepted => $n}], $name
        or diag $res->to_string;
}

sub rows {
    return $db->selectall_arrayref(q{SELECT event_type, source, kind,
        conversation_id, convert_from(body, 'UTF8') AS body,
        extract(epoch FROM now() - received_at) AS age
        FROM tavus.events WHERE event_type = ? ORDER BY id},
        {Slice => {}}, shift)->@*;
}

my $res = $t->post($path, {events => [event('view_item_list',
    vertical => 'legal', utm_source => 'ad', list => [1, 2.5, undef, {a => 'é'}])]});
accepted($res, 1, 'one');
like $res->headers->content_type, qr{^application/json};
is $res->headers->cache_control, 'no-store';
my @rows = rows('view_item_list');
is scalar @rows, 1, 'is there when the answer is';
is_deeply decode_json(Mojo::Util::encode('UTF-8', $rows[0]{body})),
    {session_id => 's1', vertical => 'legal', utm_source => 'ad',
        list => [1, 2.5, undef, {a => 'é'}]}, 'the properties';
is_deeply [@{$rows[0]}{qw(source kind conversation_id)}],
    ['browser', 2, undef], 'the browser\'s word';
cmp_ok abs $rows[0]{age}, '<', 60, 'at the time of its receipt';

accepted($t->post($path, '{"events":[{"name":"exact","properties":'
    . '{"session_id":"s1","n":[9007199254740991,4503599627370499,'
    . '0.30000000000000004]}}]}'), 1, 'numbers');
like +(rows('exact'))[0]{body},
    qr/\[9007199254740991,4503599627370499,0\.30000000000000004\]/,
    'to the last digit';

subtest 'conversions' => sub {
    my @names = qw(generate_lead begin_checkout purchase);
    accepted($t->post($path, {events => [map { event($_) } @names]}), 3,
        'several');
    is_deeply [map { $_->{kind} } rows($_)], [3], $_ for @names;
    done_testing;
};

subtest 'twenty, and no more' => sub {
    accepted($t->post($path, {events => [map { event('many', n => $_) } 1 .. 20]}),
        20, 'twenty');
    is scalar(rows('many')), 20;
    my $over = $t->post($path, {events => [map { event('many', n => $_) }
        1 .. 21]});
    is_deeply [$over->code, $over->json->@{qw(code field)}],
        [400, 'invalid_field', 'events'], 'twenty-one';
    is scalar(rows('many')), 20, 'none of them is stored';
    done_testing;
};

subtest 'as pages send it when they close' => sub {
    for my $type ('text/plain;charset=UTF-8', 'application/json', undef) {
        accepted($t->post($path, encode_json({events => [event('beacon')]}),
            {$type ? ('Content-Type' => $type) : ()}), 1, $type // 'no type');
    }
    is scalar(rows('beacon')), 3, 'what looks alike is not the same';
    done_testing;
};

# an event_id counts within its session
subtest 'sent again' => sub {
    my $send = sub ($id, $session, %more) {
        return $t->post($path, {events => [{name => 'again', event_id => $id,
            properties => {session_id => $session, %more}}]});
    };
    accepted($send->('e1', 's1'), 1, 'once') for 1 .. 3;
    is scalar(rows('again')), 1, 'is stored once';
    accepted($send->('e1', 's2'), 1, 'of another session');
    accepted($send->('e2', 's1'), 1, 'another');
    is scalar(rows('again')), 3;
    accepted($t->post($path, {events => [({name => 'twice', event_id => 'e3',
        properties => {session_id => 's1'}}) x 2]}), 2, 'twice in one');
    is scalar(rows('twice')), 1;

    accepted($send->('e1', 's1', other => 1), 1, 'another with the same id');
    is scalar(rows('again')), 3;
    is_deeply $db->selectcol_arrayref(q{SELECT reason FROM tavus.quarantine
        WHERE event_type = 'again'}), ['conflict'], 'is set aside';
    done_testing;
};

# what the server and Tavus call theirs
subtest 'conversations stay as they are' => sub {
    is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
    my $is = sub { $db->selectall_arrayref('SELECT * FROM tavus.conversations') };
    my $before = $is->();
    for my $name (qw(system.shutdown conversation.created conversation.ended
        application.transcription_ready contact.submitted conversation.other))
    {
        $res = $t->post($path, {events => [event($name,
            conversation_id => 'c1')]});
        is_deeply [$res->code, $res->json->@{qw(code field index)}],
            [400, 'invalid_event', 'name', 0], $name;
    }
    accepted($t->post($path, {events => [event('x', conversation_id => 'c1')]}),
        1, 'a property of that name proves nothing');
    is_deeply [map { $_->{conversation_id} } rows('x')], [undef];
    is_deeply $is->(), $before;
    done_testing;
};

done_testing;
