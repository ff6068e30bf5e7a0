#!/usr/bin/perl

# /quarantine: authentic events that could not be stored as they are, latest
# first, in pages, each with the reason.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->admin('/api/admin/quarantine')->code == 200 } 'ready';
is_deeply $t->admin('/api/admin/quarantine')->json,
    {events => [], next_cursor => undef}, 'empty';

is $t->webhook($_)->code, 200 for '{"a":', '{"event_type":"x","a":"\u0000"}',
    '"\ud800"';

my $page = $t->admin('/api/admin/quarantine?limit=2')->json;
is scalar($page->{events}->@*), 2, 'a page';
like $page->{next_cursor}, qr/^\d+$/;
my $rest = $t->admin('/api/admin/quarantine?limit=2&cursor='
    . $page->{next_cursor})->json;
is scalar($rest->{events}->@*), 1, 'the rest';
is $rest->{next_cursor}, undef;
ok length $_->{quarantine}{reason}, 'a reason'
    for $page->{events}->@*, $rest->{events}->@*;

my $id = $rest->{events}[0]{id};
my $one = $t->admin("/api/admin/events/$id")->json;
is $one->{quarantine}{reason}, $rest->{events}[0]{quarantine}{reason},
    'one of them whole';

# readers of JSON go only so deep
my $deep = '{"event_type":"x","a":' . '[' x 5000 . ']' x 5000 . '}';
is $t->webhook($deep)->code, 200;
is $t->admin('/api/admin/quarantine?limit=1')->json->{events}[0]{data}, $deep,
    'a deeply nested one is shown as a string';

for my $bad ('cursor=x', 'cursor=0', 'cursor=99999999999999999999', 'limit=0',
    'limit=201')
{
    my $res = $t->admin("/api/admin/quarantine?$bad");
    is $res->code, 400, $bad;
    is $res->json->{code}, 'invalid_parameter';
}
is $t->get('/api/admin/quarantine')->code, 401;

done_testing;
