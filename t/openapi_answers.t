#!/usr/bin/perl

# What docs/openapi.yaml says that any request of an operation may meet, each
# meets: no login, another origin, another type of body, what is not known, a
# spent bucket, nothing there, no database.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;

use Tavus::Test::Checkout qw(checkout_conf);
use Tavus::Test::OpenApi;
use Tavus::Test::Sign qw(sign_header sign_stripe);

my $o = Tavus::Test::OpenApi->document;
my $errors = 'error_page 400 408 413 414 502 503 504 /.problem; ';
my $users = 'tavus_admin_users %%SECRETS%%/admin.htpasswd; ';

# a location of everything, with guards
sub locations ($guards) {
    return (
        '/api/admin/' => "$errors tavus_admin; $users $guards",
        '= /healthz' => "tavus_health; $users $guards",
        '= /metrics' => 'tavus_metrics;',
        map({ ("= /api/$_->[0]" => "$errors $guards $_->[1];") }
            ['tavus/create-conversation', 'tavus_conversation'],
            ['tavus/end-conversation', 'tavus_conversation_end'],
            ['tavus/queue', 'tavus_queue'], ['track', 'tavus_track'],
            ['contact', 'tavus_contact'],
            ['stripe/checkout', 'tavus_checkout']),
    );
}

my $t = checkout_conf->configure(
    http => {tavus_budget => 'active=9 line=9', tavus_store_timeout => '300ms',
        tavus_limit_zone => [
            '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
            'all zone=site:64k rate=1000r/s capacity=10000',
            'all zone=none:64k rate=1r/h capacity=1']},
    locations => {locations('tavus_cors_origin http://127.0.0.1:%%PORT%%;')},
)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# Every operation, with a request that could be meant so.
my @operations = map {
    my $of = $_;
    map { {method => $_, of => $of, op => $of->{of}{$_},
        id => $of->{of}{$_}{operationId}} } sort keys $of->{of}->%*
} grep { $_->{path} ne '/config.json' } $o->{paths}->@*;
cmp_ok scalar @operations, '>', 35, 'operations';

sub address ($p) {
    my %of = map { $_->{name} => $_ } map { $o->resolve($_) }
        $p->{of}{parameters}->@*, ($p->{op}{parameters} // [])->@*;
    my $path = $p->{of}{path} =~ s/\{(\w+)\}/sample($of{$1})/ger;
    my @must = map { "$_->{name}=" . sample($_) }
        grep { $_->{in} eq 'query' && $_->{required} }
        map { $of{$_} } sort keys %of;
    return $path . (@must ? '?' . join '&', @must : '');
}

sub sample ($parameter) {
    my $schema = $o->schema($parameter->{schema});
    return ($schema->{format} // '') eq 'uuid'
            ? '01a2047b-5f23-7759-8cc1-c0198e7146ee'
        : $schema->{enum} ? $schema->{enum}[0]
        : ($schema->{pattern} // '') =~ /^\^cs_/ ? 'cs_test_1'
        : ($schema->{pattern} // '') =~ /^\^\[0-9\]/ ? '1' : 'x1';
}

sub body ($p) {
    my $body = $o->resolve($p->{op}{requestBody}) // return undef;
    my $media = $body->{content}{'application/json'};
    return encode_json($media->{example} // {});
}

sub asked ($t, $p, %with) {
    my $address = address($p);
    $address .= ($address =~ /\?/ ? '&' : '?') . $with{query} if $with{query};
    my $body = $with{body} // body($p);
    my %headers = (
        'Content-Type' => 'application/json',
        $p->{of}{path} =~ m{^/api/admin/} ? $t->admin_headers->%* : (),
        $p->{id} eq 'receiveTavus'
            ? sign_header($t->webhook_secret, $body) : (),
        $p->{id} eq 'receiveStripe'
            ? sign_stripe($t->sandbox->stripe_secret, $body) : (),
        ($with{headers} // {})->%*,
    );
    delete $headers{$_} for ($with{without} // [])->@*;
    return $t->ua->build_tx($p->{method} => $t->url($address), \%headers,
        $body // ());
}

sub ask ($t, @args) { return $t->ua->start(asked($t, @args))->result }

sub named ($status) {
    return grep { $_->{op}{responses}{$status} } @operations;
}

sub meets ($t, $p, $status, %with) {
    my $res = ask($t, $p, %with);
    is $res->code, $status, "$p->{id}: $status" or diag $res->body;
}

# All at once, as each may wait for what does not come.
sub without_database ($t, @all) {
    my @exchanges = map { asked($t, $_) } @all;
    Mojo::Promise->all_settled(map { $t->ua->start_p($_) } @exchanges)->wait;
    for my $i (keys @all) {
        my $res = $exchanges[$i]->res;
        is $res->code, 503, "$all[$i]{id}: 503" or diag $res->body;
        isnt $res->json->{code}, 'service_unavailable', 'not of the login';
    }
}

# ---- who may not ask -------------------------------------------------------

for my $p (named(401)) {
    meets($t, $p, 401, without => ['Authorization'],
        query => $p->{id} eq 'getHealth' ? 'full' : '')
        if $p->{of}{path} =~ m{^/(?:api/admin/|healthz)};
}
meets($t, $_, 403, headers => {Origin => 'https://evil.example'})
    for named(403);

my ($stripe) = grep { $_->{id} eq 'receiveStripe' } @operations;
meets($t, $stripe, 200, body => '{"id":"evt_1","type":"x"}');
meets($t, $stripe, 401, without => ['Stripe-Signature']);

# ---- what may not be asked -------------------------------------------------

meets($t, $_, 415, headers => {'Content-Type' => 'text/plain'}) for named(415);

for my $p (named(400)) {
    # what is of no use where a body counts
    meets($t, $p, 400, body($p) ? (body => '[') : (query => 'nothing_known=1'));
}
for my $p (named(404)) {
    # before Tavus is asked for it
    meets($t, $p, 404);
}

# ---- not now ---------------------------------------------------------------

$t->configure(locations => {locations('tavus_limit zone=none;')})
    ->reload(drained => 1);
ask($t, $operations[0]);
meets($t, $_, 429) for named(429);
$t->configure(locations => {locations('')})->reload(drained => 1);

# a form may have been kept by a journal, which there is none of
$t->pg->stop;
wait_ok { $t->get('/healthz')->code == 503 } 'no database';
# no ticket and no token could be good
without_database($t, grep {
    $_->{of}{path} !~ m{^/api/admin/}
    && $_->{id} !~ /^(?:askForPlace|endOwnConversation|getHealth)\z/
} named(503));

my $none = Tavus::Test->new(sandbox => 0, db => 0,
    http => {tavus_api_key => undef, tavus_api_url => undef,
        tavus_vertical => undef,
        tavus_database => '"host=127.0.0.1 port=1 dbname=x user=y"'},
    locations => {map({ ("= /api/$_" => undef) }
        qw(tavus/create-conversation tavus/end-conversation)),
        '/api/admin/' => "$errors tavus_admin; $users"},
)->start;
is $none->admin('/api/admin/nothing')->code, 404, 'logged in';
without_database($none, grep { $_->{of}{path} =~ m{^/api/admin/} } named(503));

done_testing;
