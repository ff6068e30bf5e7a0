#!/usr/bin/perl

# memcheck

# A look at what is personal is on the trail before it is answered: who, from
# where, at what; what is looked for never is.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json true);

my $t = Tavus::Test->new(http => {tavus_deliver => [
    'webhook name=all { url http://127.0.0.1:9/x; secret file:%%SECRETS%%/all; events *; }']});
$t->secret(all => 'whsec_' . 'A' x 32);
$t->start;
my $db = $t->db;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';

my %seen;
sub trail {
    return map { my ($id, $at, $body) = @$_; decode_json $body }
        grep { !$seen{$_->[0]}++ } $db->selectall_arrayref(q{
            SELECT id, tavus.uuid_time(id), convert_from(body, 'UTF8')
              FROM tavus.events WHERE (source, event_type, kind)
                   = ('server', 'admin.viewed', 2) AND conversation_id IS NULL
             ORDER BY received_at, id})->@*;
}
sub look { my ($path, $code) = @_; is $t->admin("/api/admin/$path")->code, $code // 200, $path }

my %who = (user => 'admin', from => '127.0.0.1');
my $id = '018f0000-0000-7000-8000-000000000000';
for (
    ['leads', 200, 'leads'],
    ['leads?handled=true&limit=7', 200, 'leads', {handled => 'true'}],
    ['leads?email=ada%40example.com', 200, 'leads', {email => true}],
    ['orders?state=paid&email=a%40b.example&from=2026-11-01T10:11:12Z', 200,
        'orders', {state => 'paid', email => true, from => '2026-11-01'}],
    ['subscriptions?ours=true&to=2026-12-01T00:00:00Z', 200, 'subscriptions',
        {ours => 'true', to => '2026-12-01'}],
    ['quarantine', 200, 'quarantine'],
    ['events', 200, 'events'],
    ['events?q=ada&source=browser&type=error', 200, 'events',
        {q => true, source => 'browser', type => 'error'}],
    ['conversations?status=active', 200, 'conversations', {status => 'active'}],
    ['conversations/c1', 404, 'conversations/{id}', {id => 'c1'}],
    ["events/$id", 404, 'events/{id}', {id => $id}],
    ['quarantine/7', 404, 'quarantine/{id}', {id => '7'}],
    ['quarantine/8', 404, 'quarantine/{id}', {id => '8'}],
) {
    my ($path, $code, $route, $object) = @$_;
    look($path, $code);
    my %object = $object ? (object => $object) : ();
    is_deeply [trail()], [{%who, route => $route, %object}], 'is told';
    look($path, $code);
    is_deeply [trail()], [], 'once in a while';
}
unlike $db->selectrow_array(q{SELECT string_agg(convert_from(body, 'UTF8'), ' ')
    FROM tavus.events WHERE event_type = 'admin.viewed'}),
    qr/ada|b\.example|10:11/, 'nothing that is personal, no clock';

# a page after the first, another person: the same look
look("leads?cursor=$id");
look('leads?email=grace%40example.com');
look('quarantine?cursor=7');
look('conversations/c1?transcript_from=7', 404);
is_deeply [trail()], [], 'no other look';

# ---- not looks: refused, or of nothing personal
look('leads?handled=1', 400);
look('leads?q=1', 400);
look('events/x', 404);
look('events?q=ada&sort=1', 400);
look($_) for qw(alerts deliveries budget);
is $t->get('/api/admin/leads?handled=false')->code, 401, 'who is nobody';
is_deeply [trail()], [], 'nothing of it';

# ---- looks are listed where they are asked for
sub listed { return $t->admin("/api/admin/events$_[0]")->json->{events}->@* }
is_deeply [map { scalar grep { $_->{event_type} eq 'admin.viewed' } listed($_) }
    '', '?source=server', '?event_type=conversation.*'], [0, 0, 0], 'no look among what happened';
for ('?event_type=admin.viewed', '?event_type=admin.*&q=leads') {
    ok scalar listed($_), "a look in $_";
}
trail();

# ---- a HEAD is as good as a look
is $t->request(HEAD => '/api/admin/leads?handled=false', '',
    {$t->admin_headers->%*})->code, 200, 'HEAD';
is_deeply [map { $_->{object} } trail()], [{handled => 'false'}], 'is told';

# ---- an address as limits have it: of IPv6 the network
SKIP: {
    my $two = eval { Tavus::Test->new(db => $t->pg, sandbox => $t->sandbox,
        server => 'listen [::1]:%%PORT%%;')->start } or skip 'no IPv6', 1;
    my $res = $two->ua->get("http://[::1]:" . $two->port . '/api/admin/leads',
        {$two->admin_headers->%*})->result;
    is_deeply [map { $_->{from} } grep { $_->{from} ne '127.0.0.1' } trail()],
        ['::/64'], 'not of the host' or diag $res->to_string;
}

# ---- it goes to nobody who has not asked for it by name
is $t->post('/api/track', {events => [{name => 'page_view', properties => {session_id => 's1'}}]})
    ->code, 202;
wait_ok { $db->selectrow_array(q{SELECT c.pos > (SELECT max(pos) FROM tavus.log
        WHERE ids && ARRAY(SELECT id FROM tavus.events
        WHERE event_type = 'admin.viewed'))
    FROM tavus.cursors c WHERE name = 'deliver:all'}) } 'read on';
is_deeply $db->selectcol_arrayref(q{SELECT DISTINCT e.event_type
    FROM tavus.deliveries d JOIN tavus.events e ON e.id = d.event_id
    WHERE e.event_type LIKE 'admin.%'}), [], 'and nothing of the trail sent';

done_testing;
