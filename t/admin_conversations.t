#!/usr/bin/perl

# /conversations: the list, its filters and its pages.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;

sub list {
    my ($query) = @_;
    my $res = $t->admin('/api/admin/conversations' . ($query ? "?$query" : ''));
    is $res->code, 200 or diag $res->to_string;
    return $res->json->{conversations}->@*;
}

sub ids { return join ' ', map { $_->{id} } list(@_) }

is_deeply $t->admin('/api/admin/conversations')->json,
    {conversations => [], next_cursor => undef}, 'none yet';

my @id;
for my $vertical (qw(legal healthcare legal general)) {
    push @id, $t->create(vertical => $vertical, session_id => "s-$vertical",
        utm_source => 'news')->json->{conversation_id};
}
is $t->webhook(tavus_event('system.replica_joined', 'c-foreign', {},
    timestamp => now_iso(-3600)))->code, 200, 'one that we did not create';
is $t->webhook(tavus_event('system.replica_joined', $id[0]))->code, 200;
is $t->webhook(tavus_event('system.shutdown', $id[0],
    {shutdown_reason => 'participant_left_timeout reached'}))->code, 200;

is ids(), join(' ', reverse('c-foreign', @id)), 'newest first';
is ids('status=ended'), $id[0];
is ids('status=active'), join ' ', reverse 'c-foreign', @id[1 .. 3];
is ids('vertical=legal'), "$id[2] $id[0]";
is ids('vertical=legal&status=active'), $id[2];
is ids('vertical=nothing'), '';
is ids('vertical=%25'), '', 'no pattern';
is ids('vertical=legal%27%20OR%201%3D1--'), '', 'no injection';
is ids('to=' . now_iso(-1800)), 'c-foreign';
is ids('from=' . now_iso(-1800)), join ' ', reverse @id;
is ids('status=&vertical=&from=&to=&limit=&cursor='),
    join(' ', reverse 'c-foreign', @id), 'empty is none';

my ($ended) = list('status=ended');
is_deeply [$ended->@{qw(status vertical personaId replicaId documentTags
        memoryStores session_id utm_source)}],
    ['ended', 'legal', 'p6c', 'r6c', ['kb-legal', 'kb-global'], [], 's-legal',
        'news'], 'as the original app names it';
is $ended->{url}, $t->sandbox->url . "/room/$id[0]";
like $ended->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, $_
    for qw(createdAt endedAt started_at);
is $ended->{shutdown_reason}, 'participant_left_timeout';
my ($active) = list('limit=1');
ok !exists $active->{$_}, "no $_ yet" for qw(endedAt shutdown_reason);

# ---- pages, while conversations come and change
sub walk {
    my ($query, $between) = @_;
    my ($cursor, @found);
    for (1 .. 50) {
        my $json = $t->admin("/api/admin/conversations?$query"
            . (defined $cursor ? "&cursor=$cursor" : ''))->json;
        push @found, map { $_->{id} } $json->{conversations}->@*;
        $cursor = $json->{next_cursor} // return @found;
        $between->() if $between;
    }
    return 'no end';
}
my @all = reverse 'c-foreign', @id;
is join(' ', walk("limit=$_")), "@all", "pages of $_" for 1, 2, 4, 5, 6;
is join(' ', walk('limit=1&vertical=legal')), "$id[2] $id[0]";
my %seen;
$seen{$_}++ for walk('limit=2', sub { $t->create });
is join(' ', map { $seen{$_} // 0 } @all), '1 1 1 1 1',
    'each once while others come';

# of the same moment
my $at = now_iso(-7200);
$t->webhook(tavus_event('system.same', "same-$_", {}, timestamp => $at))
    for 1 .. 9;
is join(' ', sort grep { /same/ } walk('limit=2')),
    join(' ', map { "same-$_" } 1 .. 9);

# an id may hold anything that a text can
my $odd = "a:b/c \"d\" %2F\x{e4}&x=1";
is $t->webhook(tavus_event('system.odd', $odd,
    {}, timestamp => now_iso(-9000)))->code, 200;
is $t->webhook(tavus_event('system.odd', 'last', {},
    timestamp => now_iso(-9900)))->code, 200;
my @tail = map { $_->{id} } list('to=' . now_iso(-8000));
is_deeply \@tail, [$odd, 'last'];
my $page = $t->admin('/api/admin/conversations?limit=1&to='
    . now_iso(-8000))->json;
use Mojo::Util qw(encode url_escape);
is $t->admin('/api/admin/conversations?cursor='
    . url_escape(encode('UTF-8', $page->{next_cursor})))->json
    ->{conversations}[0]{id}, 'last', 'its cursor, too';

# ---- what is no filter
sub refused {
    my ($query, $code, $parameter) = @_;
    my $res = $t->admin("/api/admin/conversations?$query");
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, $code, $parameter], substr $query, 0, 60
            or diag $res->to_string;
}
refused('status=open', 'invalid_parameter', 'status');
refused('status=Active', 'invalid_parameter', 'status');
refused('limit=0', 'invalid_parameter', 'limit');
refused('limit=201', 'invalid_parameter', 'limit');
refused('from=x', 'invalid_parameter', 'from');
refused('words=x', 'unknown_parameter', 'words');
refused('vertical=' . 'x' x 33, 'invalid_parameter', 'vertical');
refused("cursor=$_", 'invalid_parameter', 'cursor')
    for qw(x : 0 01a20477-35c2-7642-9f12-fff82a9e42e7 zz:c1 1:c1 %27
        01a20477-35c2-7642-9f12-fff82a9e42e:c1 %ff
        01A20477-35C2-7642-9F12-FFF82A9E42E7:c1), 'x' x 401;
unlike $t->error_log, qr/database refused/, 'none of it is an error of ours';

done_testing;
