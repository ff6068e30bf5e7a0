#!/usr/bin/perl

# What a filter lets through to who listens is what the list has for it: random
# events and filters, judged by both, with words of all kinds.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Tail;
use Mojo::Util qw(encode url_escape);

my $t = Tavus::Test->new(sandbox => 0, workers => 1)->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $seed = $ENV{SEED} // int rand 1e9;
srand $seed;
note "SEED=$seed";
my $db = $t->db;

sub any { return $_[rand @_] }
my @words = ('hello', 'HELLO', 'Ärger', 'äRGER', 'ÄRGER', '100%', '1005', 'a_b', 'axb',
    'a\\\\b', 'K', "\x{212a}", 'k', "\x{23a}x", "\x{2c65}X", "\x{130}", 'i', 'ß', 'SS',
    'Σίσυφος', 'σίσυφοσ', '日本', "\x{1f600}", 'no', 'ı', 'I', "\\u00c4");
my @types = ('a.b', 'a.b.c', 'ab.c', 'A.B', ('admin.viewed', 'admin.changed') x 2, 'a*', 'Ä.b');
my @ids = (undef, 'c1', 'C1', 'c2', 'hello', 'cÄ', 'c%');
my @sources = qw(tavus browser server server stripe standard);

sub store {
    my (@rows) = @_;
    my %column;
    for my $r (@rows) { push $column{$_}->@*, $r->{$_} for keys %$r }
    my $n = @rows;
    my $letters = $db->selectrow_array(qq{SELECT tavus.record(
        (SELECT array_agg(overlay(gen_random_uuid()::text PLACING
            left(tavus.uuid_floor(now() - i * interval '1 s')::text, 13) || '-7'
            FROM 1)::uuid ORDER BY i DESC) FROM generate_series(1, $n) i),
        array_fill(now(), ARRAY[$n]), array_fill(NULL::bytea, ARRAY[$n]),
        ?::smallint[], ?::text[], ?::text[], ?::text[],
        array_fill(NULL::bytea, ARRAY[$n]), array_fill(NULL::text, ARRAY[$n]),
        (SELECT array_agg(convert_to(b, 'UTF8') ORDER BY o)
           FROM unnest(?::text[]) WITH ORDINALITY u (b, o)),
        array_fill(NULL::text, ARRAY[$n]))}, {},
        @column{qw(kind source type id body)});
    die $letters if $letters ne 's' x $n;
}

my (@tails, %seen);
while (@tails < 60) {
    my %filter = (
        rand() < 0.25 ? (type => any(qw(webhook error info conversion))) : (),
        rand() < 0.3 ? (event_type => any(@types, 'a.*', 'admin.*', 'a.b.*', '.*', '*')) : (),
        rand() < 0.2 ? (source => any(@sources)) : (),
        rand() < 0.2 ? (conversation_id => any(grep { defined } @ids)) : (),
        rand() < 0.7 ? (q => any(@words, '%', '_', '\\', '"')) : ());
    my $query = join '&', map { "$_=" . url_escape encode 'UTF-8', $filter{$_} }
        sort keys %filter;
    next if $seen{$query}++;
    push @tails, [$query, Tavus::Test::Tail->new($t, query => $query)];
}
wait_ok { @tails == grep { defined $_->[1]->read->last } @tails } 'all listen';

for (1 .. 10) {
    store(map { +{
        kind => int rand 4, type => any(@types), id => any(@ids),
        source => any(@sources),
        body => any(map { qq({"x":"$_"}) } @words,
            (map { any(@words) . any(@words) } 1 .. 10),
            any(@words) . 'x' x 70000 . any(@words)),
    } } 1 .. 40);
}
store({kind => 0, source => 'tavus', type => 'end.of.all', id => undef, body => '{}'});
my $all = Tavus::Test::Tail->new($t, query => 'event_type=end.*',
    last => $tails[0][1]->last);
ok $all->wait_for(1), 'all is stored';

my ($heard, @wrong) = (0);
for (@tails) {
    my ($query, $tail) = @$_;
    my (@list, $cursor);
    do {
        my $page = $t->admin("/api/admin/events?limit=200&$query"
            . ($cursor ? "&cursor=$cursor" : ''))->json;
        push @list, map { $_->{id} } $page->{events}->@*;
        $cursor = $page->{next_cursor};
    } while $cursor;
    my %looks = map { $_->[0] => 1 } $db->selectall_arrayref(
        q[SELECT id FROM tavus.events WHERE body LIKE '{"user"%'])->@*;
    @list = sort grep { !$looks{$_} } @list;
    wait_for { @list <= grep { !$looks{$_} } $tail->read->ids } 10;
    my @tail = sort grep { !$looks{$_} } $tail->ids;
    $heard += @tail;
    push @wrong, "$query: " . @tail . ' against ' . @list if "@tail" ne "@list";
}
is_deeply \@wrong, [], "$heard events, as in the list";
cmp_ok $heard, '>', 200, 'there were some';

# more than is looked through in a turn of the loop
$_->[1]->close for @tails;
my @large = map { Tavus::Test::Tail->new($t, query => $_) }
    'q=x', 'q=hell%C3%BC', 'source=tavus';
wait_ok { 3 == grep { defined $_->read->last } @large } 'three listen';
store(map { {kind => 0, source => 'tavus', type => 'a.large', id => undef,
    body => $_} } '{"a":"' . 'A' x (3 << 20) . 'X"}',
    qq({"a":") . 'a' x (1 << 20) . qq(HELL\x{dc}"}));
for ([0, 1, 'of 3 MiB'], [1, 1, 'of 1 MiB, its letters folded'], [2, 2, 'both']) {
    my ($i, $n, $what) = @$_;
    ok $large[$i]->wait_for($n), "a large one: $what";
    is scalar $large[$i]->events, $n, 'no more than that';
    $large[$i]->close;
}

done_testing;
