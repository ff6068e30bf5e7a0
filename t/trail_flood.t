#!/usr/bin/perl

# A panel that asks each moment, by two workers of two nodes, writes one event
# for each thing that it looks at, in five minutes.

use lib 't/lib';
use Tavus::Test;

my $one = Tavus::Test->new(workers => 2)->start;
my $two = Tavus::Test->new(db => $one->pg, sandbox => $one->sandbox,
    workers => 2)->start;
my $db = $one->db;
wait_ok { $_->admin('/api/admin/alerts')->code == 200 } 'ready' for $one, $two;

my @paths = map { "/api/admin/$_" } 'leads', 'leads?handled=false',
    'orders', 'conversations/c1';
my $begun = $db->selectrow_array('SELECT floor(extract(epoch FROM now()) / 300)');
my %codes;
for my $n (1 .. 40) {
    for my $node ($one, $two) {
        for my $path (@paths) {
            my $res = $node->ua->get($node->url($path),
                {$node->admin_headers->%*, Connection => 'close'})->result;
            $codes{$res->code}++;
        }
    }
}
is_deeply \%codes, {200 => 240, 404 => 80}, 'all are answered';
my $spans = 1 + $db->selectrow_array(
    'SELECT floor(extract(epoch FROM now()) / 300) - ?', undef, $begun);

my $rows = $db->selectrow_array(
    q{SELECT count(*) FROM tavus.events WHERE event_type = 'admin.viewed'});
cmp_ok $rows, '>=', @paths, 'each is told';
cmp_ok $rows, '<=', @paths * $spans, 'once';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'and those who told it, too, said the same';

# ---- what one enumerates is all there
my @ids = map { sprintf '018f0000-0000-7000-8000-%012d', $_ } 1 .. 30;
$one->admin("/api/admin/events/$_") for @ids;
is $db->selectrow_array(q{SELECT count(DISTINCT convert_from(body, 'UTF8')::json
    #>> '{object,id}') FROM tavus.events WHERE event_type = 'admin.viewed'
    AND convert_from(body, 'UTF8') LIKE '%018f0000-0000-7000-8000%'}), 30,
    'one by one';

done_testing;
