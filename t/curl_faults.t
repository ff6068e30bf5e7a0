#!/usr/bin/perl

# memcheck

# What Tavus may do to a create, and what the visitor gets.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(http => {tavus_api_timeout => '1s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $path = '/v2/conversations';

my @faults = (
    ['hang',        {kind => 'hang'}, 502],
    ['slow',        {kind => 'slow', ms => 200}, 502],
    ['huge',        {kind => 'huge'}, 502],
    ['cut',         {kind => 'cut'}, 502],
    ['cut at once', {kind => 'cut', bytes => 0}, 502],
    ['reset',       {kind => 'reset'}, 502],
    ['garbage',     {kind => 'garbage'}, 502],
    ['no HTTP',     {kind => 'garbage', raw => 1}, 502],
    ['status',       {kind => 'status', status => 500}, 502],
    ['delay',       {kind => 'delay', ms => 200}, 200],
);

# who looks for what is unknown asks with GET
sub asked { return scalar grep { $_->{method} eq 'POST' } $t->sandbox->calls($path) }

for (@faults) {
    my ($name, $fault, $code) = @$_;
    my $before = asked();
    $t->sandbox->fault(%$fault, path => $path, times => 1);
    my $res = $t->create;
    is $res->code, $code, $name;
    is asked() - $before, 1, 'asked once';
    $t->sandbox->no_faults;
    next if $code == 200;

    wait_ok { ($t->db->selectrow_array(q{
        SELECT convert_from(body, 'UTF8')::json ->> 'outcome' FROM tavus.events
         WHERE event_type = 'conversation.create_failed'}) // '') eq 'unknown' }
        'on record: who knows what became of it';
    $t->db->do(q{DELETE FROM tavus.events});
}

# a huge answer is not kept; memcheck's own memory counts, too
my ($worker) = $t->workers;
my $most = $ENV{TAVUS_CHECKED} ? 400 : 100;
cmp_ok rss($worker), '<', $most * 1024 * 1024, 'in little memory';
like $t->error_log, qr/failed: its answer is too large/, 'and the log says so';

$t->configure(http => {tavus_api_url => 'http://127.0.0.1:' . refused_port()})
    ->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 502, 'refused';
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE convert_from(body, 'UTF8')::json ->> 'outcome' = 'failed'}) }
    'nothing was sent, and that is known';

done_testing;
