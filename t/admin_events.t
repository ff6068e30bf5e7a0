#!/usr/bin/perl

# memcheck

# /events: its filters, and what is no filter.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(encode url_escape);

my $t = Tavus::Test->new->start;

sub get {
    my (%q) = @_;
    return $t->admin('/api/admin/events' . (%q ? '?' . join '&',
        map { "$_=" . url_escape(encode('UTF-8', $q{$_}),
            '^A-Za-z0-9._~-') } sort keys %q : ''));
}

# the names of the events found, in order
sub names {
    my $res = get(@_);
    is $res->code, 200 or diag $res->to_string;
    return join ' ', map { $_->{data}{properties}{name} // $_->{event_type} }
        $res->json->{events}->@*;
}

# ---- what there is
my $hour = 3600;
my @there = (
    # name, type, conversation, seconds ago, more
    [one => 'system.replica_joined', 'c1', 5 * $hour],
    [two => 'system.shutdown', 'c1', 4 * $hour],
    [three => 'application.transcription_ready', 'c2', 3 * $hour,
        text => 'one 100% sure_thing \\ "quoted" \'single\''],
    [four => 'system.shutdown', 'c%', 2 * $hour, text => '100 sureXthing'],
    [five => "it's.odd", 'c_', $hour, text => 'GRÜSSE aus Köln'],
);
for (@there) {
    my ($name, $type, $conversation, $ago, %more) = @$_;
    is $t->webhook(tavus_event($type, $conversation, {name => $name, %more},
        timestamp => now_iso(-$ago)))->code, 200;
}
my $all = 'five four three two one';
is names(), $all, 'newest first, by their own time';

# ---- the form
my $res = get(limit => 1);
is $res->headers->content_type, 'application/json';
is $res->headers->cache_control, 'no-store';
is_deeply [sort keys $res->json->%*], [qw(events next_cursor)];
my $event = $res->json->{events}[0];
is_deeply [sort keys %$event], [qw(conversationId data event_type id
    received_at source timestamp type)];
like $event->{id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/;
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;
like $event->{$_}, $time for qw(timestamp received_at);
is $event->{timestamp}, substr($event->{data}{timestamp}, 0, 23) . 'Z',
    'the sender\'s time';
is_deeply [$event->@{qw(type source conversationId event_type)}],
    ['webhook', 'tavus', 'c_', "it's.odd"];
is $event->{data}{properties}{text}, 'GRÜSSE aus Köln', 'UTF-8';

# ---- filters
is names(event_type => 'system.shutdown'), 'four two';
is names(event_type => 'system'), '', 'whole types';
is names(event_type => "it's.odd"), 'five';
is names(conversation_id => 'c1'), 'two one';
is names(conversation_id => 'c%'), 'four', 'no pattern';
is names(conversation_id => 'c_'), 'five';
is names(source => 'tavus'), $all;
is names(source => 'server'), '';
is names(type => 'webhook'), $all;
is names(type => 'error'), '';
is names(conversation_id => 'c1', event_type => 'system.shutdown',
    source => 'tavus', type => 'webhook', limit => 200), 'two', 'all at once';
is names(event_type => '', q => '', source => '', from => '', cursor => '',
    limit => ''), $all, 'empty is none';

is names(from => now_iso(-3.5 * $hour)), 'five four three';
is names(to => now_iso(-3.5 * $hour)), 'two one';
is names(from => now_iso(-4.5 * $hour), to => now_iso(-2.5 * $hour)),
    'three two';
is names(from => now_iso(), to => now_iso(-$hour)), '', 'upside down';
is names(from => '1970-01-01T00:00:00Z', to => '9999-12-31T23:59:59Z'), $all;
is names(from => '0001-01-01T00:00:00Z'), $all;
is names(to => '1970-01-01T00:00:00Z'), '';
my $at = $event->{timestamp};
is names(from => $at), 'five', 'from includes it';
is names(to => $at), 'four three two one', 'to does not';
is names(from => $at =~ s/Z\z/+00:00/r), 'five', 'zones';
is names(from => $at =~ s/T/ /r =~ s/Z\z//r), 'five', 'none is UTC';

# ---- q stands anywhere, in type, conversation and body, and means itself
is names(q => 'system.shut'), 'four two';
is names(q => 'SYSTEM.SHUT'), 'four two', 'of either case';
is names(q => 'c1'), 'two one';
# not '100' alone, which a time may have
is names(q => '100 sure'), 'four';
is names(q => '100% sure'), 'three';
is names(q => '100%'), 'three', 'a percent sign';
is names(q => 'sure_thing'), 'three', 'an underscore';
is names(q => '%'), 'four three';
is names(q => 'it\'s'), 'five', 'a quote';
is names(q => '\\"quoted'), 'three', 'as the bytes are';
is names(q => '\\\\ '), 'three';
is names(q => 'Köln'), 'five';
is names(q => 'köLN'), 'five';
is names(q => 'grüsse'), 'five';
is names(q => 'zzz'), '';
is names(q => $_), '', "injection: $_" for
    q{'; DROP TABLE tavus.events; --}, q{' OR '1'='1}, q{$1}, q{%s}, q{%1$I},
    q{E'\\x'}, q{$$}, q{\\'}, q{%' OR true --}, q{);--}, '{}', 'NULL';
for my $field (qw(event_type source conversation_id)) {
    is names($field => $_), '', "$field: $_" for
        q{' OR '1'='1}, q{%}, q{$4}, q{'::text}, 'null', "\x{1F600}",
        q{tavus'; SELECT pg_sleep(9)--};
}
is names(), $all, 'all is there';

# ---- other kinds
$t->sandbox->fault(kind => 'status', status => 401, times => 1);
is $t->create->code, 503;
is $t->create->code, 200;
wait_ok { names(type => 'error') eq 'conversation.create_failed' } 'an error';
is names(type => 'info'), 'conversation.created '
    . 'conversation.requested conversation.requested';
is names(type => 'info', source => 'tavus'), '';
is names(type => 'conversion'), '';
is names(source => 'server', type => 'error'), 'conversation.create_failed';
my $failed = get(type => 'error')->json->{events}[0];
is $failed->{type}, 'error';
is $failed->{data}{reason}, 'invalid_api_key', 'the owner learns which';
ok !exists $failed->{conversationId};

# ---- limits
is scalar(get(limit => $_)->json->{events}->@*), $_ < 9 ? $_ : 9, "limit $_"
    for 1, 2, 9, 200;

# ---- what is no filter
sub refused {
    my ($query, $code, $parameter) = @_;
    my $res = $t->admin("/api/admin/events?$query");
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, $code, $parameter], substr $query, 0, 60
            or diag $res->to_string;
}
refused("limit=$_", 'invalid_parameter', 'limit')
    for qw(0 201 -1 01 1.5 x 1e2 99999999999999999999 %2B5 0x10), '10%20';
refused("type=$_", 'invalid_parameter', 'type') for qw(Webhook x webhook%20 0);
refused("from=$_", 'invalid_parameter', 'from')
    for qw(x yesterday 2026 2026-01-01 2026-13-01T00:00:00Z
        2026-02-30T00:00:00Z 2026-01-01T25:00:00Z now infinity 1767225600);
refused("to=2026-01-01T00:00:00Z'", 'invalid_parameter', 'to');
refused("cursor=$_", 'invalid_parameter', 'cursor')
    for qw(x 1 01a20477-35c2-7642-9f12-fff82a9e42e), 'g' x 36, "'" x 36,
        '01a2047735c276429f12fff82a9e42e70000';
refused('cursor=' . 'a' x 40, 'invalid_parameter', 'cursor');
refused('q=' . 'x' x 201, 'invalid_parameter', 'q');
refused('event_type=' . 'x' x 201, 'invalid_parameter', 'event_type');
refused('q=a&q=b', 'invalid_parameter', 'q');
refused('q=&q=b', 'invalid_parameter', 'q');
refused('foo=1', 'unknown_parameter', 'foo');
refused('conversationid=c1', 'unknown_parameter', 'conversationid');
refused('=1', 'unknown_parameter', '');
refused('Limit=1', 'unknown_parameter', undef);
refused('%3Cscript%3E=1', 'unknown_parameter', undef);
refused('<b>=1', 'unknown_parameter', undef);
refused('a' x 100 . '=1', 'unknown_parameter', undef);
refused("q=$_", 'invalid_parameter', 'q')
    for qw(% %2 %zz %00 %ff %c0%80 %ed%a0%80 a%0), '%f4%90%80%80', 'a%00b';
refused("event_type=%ff", 'invalid_parameter', 'event_type');

is names(q => "a\x{7f}"), '', 'other bytes are just bytes';
is $t->admin('/api/admin/events?&&limit=1&')->code, 200, 'spare ampersands';
is $t->admin('/api/admin/events?')->code, 200;
is $t->admin('/api/admin/events?q=a+b%2Bc')->code, 200;
is $t->admin('/api/admin/events?q=' . '%41' x 200)->code, 200,
    'as long as it may be';

done_testing;
