#!/usr/bin/perl

# memcheck

# Who listens to events hears of each as it is stored, as the list has it, and
# goes on where it was: by the header, by an argument, in another worker.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Tail;

my $t = Tavus::Test->new(sandbox => 0, workers => 2,
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
my $db = $t->db;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $metric = sub ($name) {
    ($t->get('/metrics')->body =~ /^tavus_\Q$name\E (\d+)$/m)[0] };
my $n = 0;
my $event = sub {
    $n++;
    return $t->webhook(tavus_event('system.replica_joined', "c$n"))->code;
};

is $event->(), 200, 'one before';
my $tail = Tavus::Test::Tail->new($t);
is $tail->status, 200, 'somebody listens';
is $tail->headers->{'content-type'}, 'text/event-stream';
like $tail->headers->{'cache-control'}, qr/no-store/;
is $tail->headers->{'x-accel-buffering'}, 'no';
ok $tail->wait_last, 'and knows where it is';
like $tail->retry, qr/^\d{3,4}$/, 'and when to come back';

is $event->(), 200, 'one more';
ok $tail->wait_for(1), 'is heard of';
my ($heard) = $tail->events;
is $heard->{data}{conversationId}, 'c2', 'alone';
is_deeply $heard->{data}, $t->admin('/api/admin/events')->json->{events}[0],
    'as the list has it';
like $heard->{id}, qr/^[0-9a-f-]{36}\.\d+\.\d+$/, 'with a place as its id';
is $metric->('tails'), 1, 'it is counted';

# a body of many lines, one that is too large
my $body = tavus_event('system.shutdown', 'lines');
is $t->webhook($body =~ s/,/,\n\r\n/gr)->code, 200;
is $t->webhook(tavus_event('application.transcription_ready', 'large',
    {transcript => [{role => 'user', content => 'x' x 70000}]}))->code, 200;
ok $tail->wait_for(3), 'lines';
is +($tail->events)[1]{data}{data}{conversation_id}, 'lines', 'are one';
ok +($tail->events)[2]{data}{data}{truncated}, 'a large body is cut';

# on, without a gap
my $at = ($tail->events)[0]{id};
$tail->close;
wait_ok { $metric->('tails') == 0 } 'nobody listens';
is $metric->('tails_closed_total{reason="client"}'), 1, 'for a reason';
is $event->(), 200, 'somebody is away';
for my $how ([last => $at], [argument => $at],
    [last => $at, argument => ($tail->events)[2]{id}])
{
    my $again = Tavus::Test::Tail->new($t, @$how);
    ok $again->wait_for(3), join ' ', map { substr $_, 0, 8 } @$how;
    is_deeply [map { $_->{data}{conversationId} } $again->events],
        [qw(lines large c3)], 'and missed nothing';
    push @{$t->{kept}}, $again;
}
is $event->(), 200, 'all';
for ($t->{kept}->@*) {
    ok $_->wait_for(4), 'hear the next';
    is +($_->events)[3]{data}{conversationId}, 'c4';
}

# what nobody told
for my $id ('1', 'x' x 500, "\xff", '018f0000-0000-7000-8000-000000000000.5.1',
    $at =~ s/\.(\d+)\./'.' . ($1 + 1000) . '.'/er)
{
    my $lost = Tavus::Test::Tail->new($t, last => $id);
    ok $lost->wait_for(1), 'an id that is not known';
    is +($lost->events)[0]{event}, 'reset', 'is said to be';
    like +($lost->events)[0]{id}, qr/\./, 'and where to go on';
    push @{$t->{kept}}, $lost;
}
is $event->(), 200;
ok $t->{kept}[3]->wait_for(2), 'and they do';

# looks are on the trail, and heard of by who asks for them
my $looks = Tavus::Test::Tail->new($t, query => 'event_type=admin.*&q=stream');
ok $looks->wait_last, 'who looks';
my $more = Tavus::Test::Tail->new($t, query => 'q=secret&source=tavus');
wait_ok { grep { ($_->{data}{data}{object}{source} // '') eq 'tavus' }
    $looks->read->events } 'is looked at';
my @told = map { $_->{data}{data} } $looks->events;
is_deeply $told[-1]{object}, {q => \1, source => 'tavus'},
    'what is looked for is not told';
is $told[-1]{route}, 'events/stream';
my $other = $t->{kept}[0];
is $event->(), 200, 'what comes after the looks';
wait_ok { grep { ($_->{data}{conversationId} // '') eq "c$n" } $other->read->events }
    'is heard of by others';
is grep({ ($_->{data}{event_type} // '') eq 'admin.viewed' } $other->events), 0,
    'the looks are not';

# refused
my $refused = sub ($name, $code, %opt) {
    my $r = $t->get('/api/admin/events/stream' . ($opt{query} // ''),
        {$t->admin_headers->%*, ($opt{headers} // {})->%*});
    is $r->code, $code, $name;
    return $r->json->{code} // '';
};
is $refused->('another site', 403, headers => {'Sec-Fetch-Site' => 'cross-site'}),
    'origin_not_allowed';
is $refused->('a link', 403, headers => {'Sec-Fetch-Site' => 'same-origin',
    'Sec-Fetch-Mode' => 'navigate'}), 'origin_not_allowed';
is $refused->('nobody', 401, headers => {Authorization => 'Basic eDp5'}),
    'unauthorized';
is $refused->($_, 400, query => "?$_=1"), 'unknown_parameter'
    for qw(from to limit cursor);
is $refused->('a type', 400, query => '?type=x'), 'invalid_parameter';
is $t->post('/api/admin/events/stream', {}, $t->admin_headers)->code, 405,
    'a POST';

done_testing;
