package Tavus::Test::Endpoints;

# Every endpoint with what a location says of it, and the requests that show
# whether all of that counts.
#
#   my $e = Tavus::Test::Endpoints->new($t);    before $t->start
#   $e->names                       conversation end tavus standard stripe …
#   $e->directives('stripe')        for a location
#   $e->suffix('admin')             what a request adds to the location's name
#   $e->ready                       once, after $t->start
#   $e->probes('stripe')            [name, answer], the answer in plain words
#   $e->method('stripe', $probe)    GET or POST
#   $e->ask('stripe', $path, $probe, \%headers)     the answer there

use v5.36;
use Carp qw(croak);
use Mojo::JSON qw(encode_json);

use Tavus::Test::Sign;

my %SECRET = (
    tavus => 'own-secret-of-the-location-0123456789',
    standard => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    stripe => 'whsec_stripe_of_the_location_0123456789',
);
my $EVIL = {Origin => 'https://evil.example'};

sub new ($class, $t) {
    my $self = bless {t => $t, n => 0}, $class;
    my %file = map { $_ => 'file:' . $t->secret("own-$_", $SECRET{$_}) }
        keys %SECRET;

    # each without a value that nginx or the module would give by itself
    my $hook = 'client_max_body_size 8m;';
    $self->{directives} = {
        conversation => 'tavus_conversation; tavus_callback /hooks/own;',
        end => 'tavus_conversation_end; tavus_callback /hooks/own;',
        tavus => "tavus_webhook tavus; tavus_webhook_verify both; $hook "
            . 'tavus_webhook_signature_header X-Own-Signature; '
            . "tavus_webhook_secret $file{tavus} id=own;",
        standard => "tavus_webhook standard; tavus_webhook_tolerance 60s; $hook "
            . "tavus_webhook_secret $file{standard} id=std;",
        stripe => "tavus_webhook stripe; tavus_webhook_tolerance 60s; $hook "
            . "tavus_webhook_secret $file{stripe} id=str;",
        track => 'tavus_track; tavus_callback /hooks/own;',
        contact => 'tavus_contact;',
        checkout => 'tavus_checkout; tavus_checkout_success /own;',
        admin => 'tavus_admin; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
        health => 'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
        metrics => 'tavus_metrics; '
            . 'tavus_admin_users %%SECRETS%%/admin.htpasswd;',
        problem => 'tavus_problem;',
    };
    $self->{probes} = $self->make_probes;

    $t->configure(
        http => {tavus_limit_zone => [
            '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
            'all zone=site:64k rate=1000r/s capacity=10000',
            '$http_x_bucket zone=few:1m rate=1r/h capacity=1',
        ],
            tavus_stripe_key => 'file:' . $t->secret('stripe.key',
                'sk_test_sandbox0123456789abcdef'),
            tavus_stripe_api_url => '%%SANDBOX%%',
            tavus_plan => 'starter { price price_starter; }'},
        locations => {'= /hooks/own' => $self->{directives}{tavus}},
    );
    return $self;
}

sub names ($self) {
    return qw(conversation end tavus standard stripe track contact checkout
        admin health metrics problem);
}

sub directives ($self, $name) {
    return "$self->{directives}{$name} tavus_limit zone=few;";
}

sub suffix ($self, $name) { return $name eq 'admin' ? '/events' : '' }

# A conversation to end and to tell of.
sub ready ($self) {
    my $res = $self->{t}->post('/plain/conversation', {vertical => 'legal'},
        {'X-Bucket' => 'ready'});
    croak 'no conversation: ' . $res->to_string if $res->code != 200;
    $self->{conversation} = {map { $_ => $res->json->{$_} }
        qw(conversation_id end_token)};
    return $self;
}

# GET where nothing is sent; then an answer is "status code", and what else
# the probe looks at.
sub make_probes ($self) {
    my $n = sub { $self->{t}->port . '-' . ++$self->{n} };
    my $event = sub { tavus_event('system.replica_joined', 'c-' . $n->()) };
    my $own = $SECRET{tavus};
    my $admin = $self->{t}->admin_headers;
    my $token = sub { 'token=' . sign_token($own, id => 'own') };
    my $track = {events => [{name => 'a', properties => {session_id => 's'}}]};
    my $contact = {name => 'Ann Example', email => 'ann@example.com',
        message => 'I would like to know more.'};
    my $foreign = ['403 origin_not_allowed', headers => $EVIL];
    my $limited = ['429 rate_limited', twice => 1];
    my $key = sub ($res) { ($res->json->{end_token} // '-') =~ s/\..*//r };

    # [what is answered, what is sent]
    return {
        conversation => [
            good => ['200 own', json => {vertical => 'legal'}, see => $key],
            foreign => [@$foreign, json => {}],
            method => ['405 method_not_allowed'],
            limited => [@$limited, json => {vertical => 'none'}],
        ],
        end => [
            good => ['200 ended', json => sub { $self->{conversation} },
                see => sub ($res) { $res->json->{status} }],
            'no token' => ['401 invalid_end_token', json => sub {
                +{$self->{conversation}->%*, end_token => 'own.00'} }],
            foreign => [@$foreign, json => {}],
            method => ['405 method_not_allowed'],
            limited => [@$limited, json => {}],
        ],
        tavus => [
            good => ['200 received', bytes => $event, query => $token,
                sign => sub ($b) { own_header($own, $b) },
                see => \&received],
            'token alone' => ['401 missing_signature', bytes => $event,
                query => $token],
            'usual header' => ['401 missing_signature', bytes => $event,
                query => $token, sign => sub ($b) { sign_header($own, $b) }],
            'wrong token' => ['401 invalid_signature', bytes => $event,
                query => sub { 'token=' . sign_token('x' x 20, id => 'own') },
                sign => sub ($b) { own_header($own, $b) }],
            "the server's secret" => ['401 invalid_signature', bytes => $event,
                query => $token, sign => sub ($b) {
                    own_header($self->{t}->webhook_secret, $b) }],
            method => ['405 method_not_allowed'],
            limited => [@$limited, bytes => $event],
        ],
        standard => [
            good => ['200 received', bytes => $event, see => \&received,
                sign => sub ($b) {
                    sign_standard($SECRET{standard}, 'msg_' . $n->(), $b) }],
            late => ['401 expired_signature', bytes => $event,
                sign => sub ($b) { sign_standard($SECRET{standard},
                    'msg_' . $n->(), $b, time - 120) }],
            another => ['401 invalid_signature', bytes => $event,
                sign => sub ($b) { sign_standard('whsec_' . 'a' x 32,
                    'msg_' . $n->(), $b) }],
            unsigned => ['401 missing_signature', bytes => $event],
            method => ['405 method_not_allowed'],
            limited => [@$limited, bytes => $event],
        ],
        stripe => [
            good => ['200 received', see => \&received,
                bytes => sub { encode_json({id => 'evt_' . $n->(),
                    type => 'invoice.paid', created => time}) },
                sign => sub ($b) { sign_stripe($SECRET{stripe}, $b) }],
            late => ['401 expired_signature', bytes => $event,
                sign => sub ($b) {
                    sign_stripe($SECRET{stripe}, $b, time - 120) }],
            "the server's secret" => ['401 invalid_signature', bytes => $event,
                sign => sub ($b) {
                    sign_stripe($self->{t}->webhook_secret, $b) }],
            method => ['405 method_not_allowed'],
            limited => [@$limited, bytes => $event],
        ],
        track => [
            good => ['202 1', json => $track, see => \&accepted],
            relayed => ['202 1', see => \&accepted, json => sub {
                +{%$track, $self->{conversation}->%*} }],
            'no token' => ['401 invalid_end_token', json => sub { +{%$track,
                $self->{conversation}->%*, end_token => 'own.00'} }],
            foreign => [@$foreign, json => $track],
            method => ['405 method_not_allowed'],
            limited => [@$limited, json => $track],
        ],
        contact => [
            good => ['200 received', json => $contact, see => \&received],
            foreign => [@$foreign, json => $contact],
            'no json' => ['415 unsupported_media_type', bytes => sub { '{}' }],
            method => ['405 method_not_allowed'],
            limited => [@$limited, json => $contact],
        ],
        checkout => [
            good => ['200 own', json => {plan => 'starter'},
                see => sub ($res) { $self->success_url =~ m{/own\?} ? 'own'
                    : '-' }],
            status => ['200 open', query => sub { 'session_id=cs_x' },
                see => sub ($res) { $res->json->{status} }],
            'no session' => ['400 invalid_parameter'],
            foreign => [@$foreign, json => {plan => 'starter'}],
            'no json' => ['415 unsupported_media_type', bytes => sub { '{}' }],
            limited => [@$limited, json => {plan => 'none'}],
        ],
        admin => [
            good => ['200 events', headers => $admin,
                see => sub ($res) { (sort keys $res->json->%*)[0] }],
            stranger => ['401 unauthorized'],
            method => ['405 method_not_allowed', headers => $admin, json => {}],
            limited => [@$limited, headers => $admin],
        ],
        health => [
            good => ['200 status', see => \&members],
            full => ['200 database sandbox status store version worker', headers => $admin, query => sub { 'full' },
                see => \&members],
            stranger => ['401 unauthorized', query => sub { 'full' }],
            method => ['405 method_not_allowed', json => {}],
            limited => [@$limited],
        ],
        metrics => [
            good => ['200 build', headers => $admin, see => sub ($res) {
                $res->body =~ /tavus_build_info/ ? 'build' : '-' }],
            stranger => ['401 unauthorized'],
            method => ['405 method_not_allowed', headers => $admin, json => {}],
            limited => [@$limited, headers => $admin],
        ],
        problem => [good => ['404 not_found']],
    };
}

sub own_header ($secret, $bytes) {
    my (undef, $value) = sign_header($secret, $bytes);
    return ('X-Own-Signature' => $value);
}

# where the last checkout leads
sub success_url ($self) {
    my @calls = $self->{t}->sandbox->calls('/v1/checkout/sessions');
    return @calls ? $calls[-1]{form}{success_url} : '';
}

sub received ($res) { return $res->json->{received} ? 'received' : '-' }
sub accepted ($res) { return $res->json->{accepted} // '-' }
sub members ($res)  { return join ' ', sort keys $res->json->%* }

sub probes ($self, $name) {
    my @list = $self->{probes}{$name}->@*;
    return map { [$list[2 * $_], $list[2 * $_ + 1][0]] } 0 .. $#list / 2;
}

sub method ($self, $name, $probe) {
    my %all = $self->{probes}{$name}->@*;
    my (undef, %in) = $all{$probe}->@*;
    return $in{json} || $in{bytes} ? 'POST' : 'GET';
}

# (method, bytes, query, \%headers)
sub request ($self, $name, $probe) {
    my %all = $self->{probes}{$name}->@*;
    my (undef, %in) = $all{$probe}->@*;
    my $bytes = $in{bytes} ? $in{bytes}->() : $in{json} ? encode_json(
        ref $in{json} eq 'CODE' ? $in{json}->() : $in{json}) : undef;
    my %headers = (
        'X-Bucket' => $$ . '-' . ++$self->{n},
        $in{json} ? ('Content-Type' => 'application/json') : (),
        ($in{headers} // {})->%*, $in{sign} ? $in{sign}->($bytes) : ());
    return ($self->method($name, $probe), $bytes,
        $in{query} ? $in{query}->() : '', \%headers);
}

sub ask ($self, $name, $path, $probe, $more = {}) {
    my %all = $self->{probes}{$name}->@*;
    my (undef, %in) = $all{$probe}->@*;
    my ($method, $bytes, $query, $headers) = $self->request($name, $probe);
    my $res;

    for (0 .. ($in{twice} // 0)) {
        my $url = $path . $self->suffix($name) . ($query && "?$query");
        $res = eval { $self->{t}->request($method, $url, $bytes,
            {%$headers, %$more}) } or return "none: $@";
    }
    my $json = $res->json;
    return join ' ', $res->code, $res->code >= 400
        ? ref $json ? $json->{code} : 'not ours'
        : $in{see} && ($name eq 'metrics' || ref $json) ? $in{see}->($res)
        : 'not ours';
}

1;
