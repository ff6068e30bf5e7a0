#!/usr/bin/perl

# Filters that no index answers, over much: each page is answered soon and
# says how far it came, and following next_cursor comes to the end.
#
# TAVUS_SEARCH_EVENTS: how many small events there are (30,000).

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json true);
use Mojo::Util qw(encode url_escape);

my $EVENTS = $ENV{TAVUS_SEARCH_EVENTS} // 30_000;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'ready';

my $auth = 'Authorization: ' . $t->admin_headers->{Authorization};
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;

sub path {
    my ($what, %q) = @_;
    return "/api/admin/$what?" . join '&', map { "$_="
        . url_escape(encode('UTF-8', $q{$_}), '^A-Za-z0-9._~-') } sort keys %q;
}

# All pages of a search; what each must have is looked at here.
sub walk {
    my ($what, %q) = @_;
    my (@found, $pages, $early, $cursor, $to, @wrong);
    for (1 .. 10_000) {
        my $res = $t->admin(path($what, %q,
            defined $cursor ? (cursor => $cursor) : ()));
        $pages++;
        if ($res->code != 200) {
            push @wrong, "page $pages: " . $res->code . ' ' . $res->body;
            last;
        }
        my $json = $res->json;
        push @found, $json->{$what}->@*;
        if (exists $json->{searched_to}) {
            $early++;
            push @wrong, "no way on from $json->{searched_to}"
                unless defined $json->{next_cursor};
            push @wrong, "$json->{searched_to} is not earlier than $to"
                if defined $to && $json->{searched_to} gt $to;
            $to = $json->{searched_to};
            push @wrong, "no time: $to" if $to !~ $time;
        }
        push @wrong, "stands still at $cursor"
            if defined $cursor && ($json->{next_cursor} // '') ge $cursor;
        $cursor = $json->{next_cursor};
        last if @wrong || !defined $cursor;
    }
    is_deeply \@wrong, [], "$what to the end: "
        . join ' ', map { "$_=" . substr $q{$_}, 0, 20 } sort keys %q;
    return (\@found, $early // 0, $pages);
}

# ---- many small ones
my $needle = tavus_event('application.transcription_ready', 'needle',
    {text => 'a 100% sure_thing \\ of the Müllers'},
    timestamp => now_iso(-24 * 3600));
is $t->webhook($needle)->code, 200, 'the oldest one';
$t->db->do(q{INSERT INTO tavus.events (id, received_at, kind, source, event_type,
        conversation_id, body)
    SELECT tavus.uuid_floor(now() - n * interval '1 ms'), now(), 0, 'tavus',
           'system.replica_joined', 'c' || n % 97,
           convert_to(format('{"n":%s,"text":"%s"}', n, repeat('x', 300)), 'UTF8')
      FROM generate_series(1, ?) n}, {}, $EVENTS);

my ($found, $early, $pages) = walk('events', q => 'nobody said this');
is_deeply $found, [], 'nothing';
cmp_ok $pages, '<=', 20 + $EVENTS / 400, 'in no more pages than that takes';

for my $q ('100% sure', 'SURE_thing', 'ing \\\\ of', 'müLLers',
    'application.transcription', 'needle')
{
    ($found) = walk('events', q => $q, to => now_iso(-20));
    is join(' ', map { $_->{conversationId} } @$found), 'needle', "found: $q";
}
for my $q ('%sure', 's%e_thing', '\\ of', '_', '%') {
    ($found) = walk('events', q => $q, event_type => 'application.transcription_ready',
        from => now_iso(-25 * 3600), to => now_iso(-23 * 3600));
    is scalar(@$found), ($q =~ /^[_%]\z|^\\ of/ ? 1 : 0), "means itself: $q";
}
($found) = walk('events', type => 'webhook', event_type => 'system.shutdown');
is_deeply $found, [], 'no index answers the type of an event';

# ---- large ones, and text that is nearly found everywhere
$t->db->do('TRUNCATE tavus.events');
is $t->webhook($needle)->code, 200;
$t->db->do(q{INSERT INTO tavus.events (id, received_at, kind, source, event_type,
        conversation_id, body)
    SELECT tavus.uuid_floor(now() - n * interval '1 minute'), now(), 0, 'tavus',
           'application.transcription_ready', 'c' || n,
           convert_to('{"text":"' || repeat('x', CASE n WHEN 100 THEN 8388000
                                                 ELSE 300000 END) || '"}', 'UTF8')
      FROM generate_series(1, 200) n});

my @other = map { $t->socket->send('GET ' . path(@$_)
    . " HTTP/1.1\r\nHost: x\r\n$auth\r\n\r\n") }
    ['events', q => 'xxxxxxy'], ['events', q => 'xxxxxxz'],
    ['conversations', limit => 1];
my @answer = map { $_->response(20) // {body => '{}', status => 0} } @other;
is_deeply [map { $_->{status} } @answer], [200, 200, 200],
    'two searches and somebody else';
ok defined decode_json($_->{body})->{next_cursor}, 'with a way on'
    for @answer[0, 1];
like decode_json($_->{body})->{searched_to}, $time, 'and how far it came'
    for @answer[0, 1];

($found, $early) = walk('events', q => 'xxxxxxy');
is_deeply $found, [], 'nothing';
cmp_ok $early, '>', 1, 'over several pages';
($found) = walk('events', q => 'müllers');
is_deeply [map { $_->{conversationId} } @$found], ['needle'], 'the last one';
($found, $early) = walk('events', q => 'text":"xxx', limit => 200);
is scalar(@$found), 200, 'all of them';

# ---- a long timeline: a page has half a mebibyte of bodies, and says how to go on
$t->db->do('TRUNCATE tavus.events');
$t->db->do(q{INSERT INTO tavus.events (id, received_at, kind, source, event_type,
        conversation_id, body)
    SELECT tavus.uuid_floor(now() + n * interval '1 ms'), now(), 0, 'tavus',
           'system.x', 'needle', convert_to('{"text":"' || repeat('x',
               CASE n WHEN 90 THEN 66000 ELSE 65000 END) || '"}', 'UTF8')
      FROM generate_series(1, 100) n});
my ($after, @timeline) = '';
for (1 .. 20) {
    my $page = $t->admin("/api/admin/conversations/needle?after=$after")->json;
    cmp_ok scalar($page->{events}->@*), '<=', 9, 'bounded';
    push @timeline, $page->{events}->@*;
    $after = $page->{events_after} // last;
}
is scalar(@timeline), 100, 'a long timeline is there';
is length $timeline[0]{data}{text}, 65000, 'its bodies';
is_deeply $timeline[89]{data}, {truncated => true, bytes => 66011},
    'the size of one that is larger';

# ---- conversations, of which none has ended: more than there is time for
my $many = 0;
do {
    $t->db->do(q{INSERT INTO tavus.conversations (id, first_id)
        SELECT 'many-' || n, tavus.uuid_floor(now() - n * interval '1 s')
          FROM generate_series($1::int + 1, $1::int * 2 + 30000) n}, {}, $many);
    $many = $many * 2 + 30_000;
    ($found, $early) = walk('conversations', status => 'ended');
} until $early || $many > 1_000_000;
is_deeply [map { $_->{conversationId} // $_->{id} } @$found], ['needle'],
    'but the one with a transcript';
cmp_ok $early, '>', 0, 'and a page says how far it came';
($found) = walk('conversations', vertical => 'legal', status => 'active');
is_deeply $found, [];

# ---- large bodies in quarantine
$t->db->do(q{INSERT INTO tavus.quarantine (digest, id, received_at, source, body,
        reason)
    SELECT decode(md5(n::text), 'hex'), tavus.uuid_floor(now()), now(), 'tavus',
           convert_to('{"a":[' || repeat('1,', 1000000) || '1]}', 'UTF8'), 'x'
      FROM generate_series(1, 60) n});
my $res = $t->admin('/api/admin/quarantine');
is $res->code, 200, 'a page of it';
is_deeply $res->json->{events}[0]{data}, {truncated => true, bytes => 2000009},
    'shows the size';

unlike $t->error_log, qr/database refused|query timed out/, 'nothing was late';

done_testing;
