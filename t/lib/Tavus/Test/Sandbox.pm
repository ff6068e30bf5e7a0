package Tavus::Test::Sandbox;

# The sandbox of t/sandbox as a process of its own.
#
#   my $s = Tavus::Test::Sandbox->new;
#   $s->url, $s->api_key
#   $s->fault(kind => 'hang', path => '/v2/conversations', times => 1);
#   $s->no_faults; $s->calls('/v2/'); $s->forget; $s->callbacks;
#   $s->config(max_concurrent => 0);    see the top of t/sandbox/sandbox.pl
#   $s->callback(conversation_id => …, event_type => …, properties => {…});
#   $s->play(conversation_id => …, story => 'all')      the events of its life
#   $s->events(conversation_id => …, events => […])     for the verbose GET
#   $s->document(document_id => …, status => 'error', …)    what it is now
#   $s->sink                        a callback_url that takes all
#   $s->posthog_url, $s->ga4_url, $s->hook_url('crm')   the destinations
#   $s->posthog_key, $s->ga4_secret, $s->ga4_measurement_id    what they know
#   $s->hook('crm')                 makes one; its secret, whsec_…
#   $s->sendgrid_key, $s->mails     what SendGrid has taken
#   $s->stripe_key, $s->stripe_secret       API's and webhooks'
#   $s->stripe('pay', session => $id)       what happens; the ids of its events
#   $s->stripe_sessions, $s->stripe_events  all, the oldest first
#   $s->received('posthog')         or ga4, hooks, stripe, sendgrid: {received,
#                                   unique, duplicates, refused, events,
#                                   invalid}
#   $s->received('posthog', ids => 1)->{ids}    how often each was sent
#   $s->posthog_events, $s->ga4_events, $s->hook_messages('crm')
#   $s->conversations('active')     as Tavus lists them
#   $s->callback_url                the last create's, with its token
#   $s->token                       the token alone
#   $s->stop; $s->start; $s->freeze; $s->thaw; $s->reset
#   Tavus::Test::Sandbox->new(ca => $file, base => 'https://…')    callbacks may go
#                                   to https; what it calls itself in addresses

use v5.36;
use Carp qw(croak);
use MIME::Base64 qw(encode_base64);
use Mojo::URL;
use Mojo::UserAgent;

use Tavus::Test::Process qw($ROOT alive free_port new_dir release slurp spawn
    stop_process suspend wait_for);

sub new ($class, %opt) {
    my $self = bless {
        api_key => 'sandbox-key-0123456789abcdef',
        port    => free_port(),
        dir     => new_dir(),
        ua      => Mojo::UserAgent->new(inactivity_timeout => 30,
            max_connections => 0),  # of a thousand requests each
        owner   => $$,
        %opt,
    }, $class;
    return $self->start;
}

sub url ($self)     { return "http://127.0.0.1:$self->{port}" }
sub port ($self)    { return $self->{port} }
sub api_key ($self) { return $self->{api_key} }
sub pid ($self)     { return $self->{pid} }
sub log ($self)     { return slurp("$self->{dir}/log") }

sub start ($self) {
    $self->{pid} = spawn([$^X, "$ROOT/t/sandbox/sandbox.pl",
        '--listen', $self->url, '--api-key', $self->{api_key},
        $self->{base} ? ('--base', $self->{base}) : ()],
        out => "$self->{dir}/log",
        $self->{ca} ? (env => {MOJO_CA_FILE => $self->{ca}}) : ());
    wait_for {
        die "the sandbox ended:\n" . $self->log unless alive($self->{pid});
        my $tx = $self->{ua}->get($self->url . '/_health');
        !$tx->error;
    } 20 or croak "the sandbox does not answer:\n" . $self->log;
    return $self;
}

sub stop ($self) {
    my $pid = delete $self->{pid} or return $self;
    kill CONT => $pid;
    stop_process($pid, TERM => 5);
    return $self;
}

sub freeze ($self) { suspend($self->{pid}); return $self }
sub thaw ($self)   { kill CONT => $self->{pid}; return $self }

sub _call ($self, $method, $path, @body) {
    my $tx = $self->{ua}->build_tx($method => $self->url . $path, @body);
    my $res = $self->{ua}->start($tx)->result;
    croak "sandbox $method $path: " . $res->code . ' ' . $res->body
        unless $res->is_success;
    return $res->json;
}

sub fault ($self, %fault) {
    return $self->_call(POST => '/_fault', json => \%fault);
}

sub no_faults ($self) { return $self->_call(DELETE => '/_fault') }

sub calls ($self, $path = undef) {
    my $query = defined $path ? "?path=$path" : '';
    return $self->_call(GET => "/_calls$query")->{calls}->@*;
}

sub forget ($self) {
    $self->_call(DELETE => '/_calls');
    $self->_call(DELETE => '/_callbacks');
    return $self;
}

sub reset ($self) {
    $self->_call(DELETE => '/_state');
    return $self;
}

sub callbacks ($self) {
    return $self->_call(GET => '/_callbacks')->{callbacks}->@*;
}

sub callback ($self, %in) {
    return $self->_call(POST => '/_callback', json => \%in);
}

sub play ($self, %in) {
    return $self->_call(POST => '/_play', json => \%in)->{events}->@*;
}

sub events ($self, %in) {
    return $self->_call(POST => '/_events', json => \%in);
}

sub document ($self, %in) {
    return $self->_call(POST => '/_document', json => \%in);
}

sub sink ($self) { return $self->url . '/_sink' }

sub config ($self, %in) {
    return $self->_call(POST => '/_config', json => \%in);
}

sub posthog_url ($self) { return $self->url . '/posthog' }
sub ga4_url ($self)     { return $self->url . '/ga4' }

sub hook_url ($self, $name) { return $self->url . "/hooks/$name" }

# What lib/Sandbox.pm begins with.
sub posthog_key ($self)        { return 'phc_sandbox_0123456789abcdef' }
sub ga4_secret ($self)         { return 'sandbox-ga4-secret' }
sub ga4_measurement_id ($self) { return 'G-SANDBOX1' }

# Another one, or another secret; after reset() only the sample's crm is known.
sub hook ($self, $name, $bytes = "secret of hook $name, 32 bytes..") {
    my $secret = 'whsec_' . encode_base64($bytes, '');
    my $known = $self->config->{hooks};
    $self->config(hooks => {%$known, $name => $secret});
    return $secret;
}

sub sendgrid_key ($self) { return 'SG.sandbox.0123456789abcdef' }

sub stripe_key ($self)    { return 'sk_test_sandbox0123456789abcdef' }
sub stripe_secret ($self) { return 'whsec_sandbox0123456789abcdef' }

sub stripe ($self, $do, %in) {
    return $self->_call(POST => '/_stripe', json => {do => $do, %in})
        ->{events}->@*;
}

sub stripe_events ($self)   { return $self->received('stripe')->{events}->@* }
sub stripe_sessions ($self) { return $self->received('stripe')->{sessions}->@* }

sub mails ($self) { return $self->received('sendgrid')->{events}->@* }

sub received ($self, $name, %opt) {
    return $self->_call(GET => "/_$name" . ($opt{ids} ? '?ids=1' : ''));
}

sub posthog_events ($self) { return $self->received('posthog')->{events}->@* }
sub ga4_events ($self)     { return $self->received('ga4')->{events}->@* }

sub hook_messages ($self, $name) {
    return grep { $_->{hook} eq $name }
        $self->received('hooks')->{events}->@*;
}

# What GET /v2/conversations lists, as the module would see it; all pages.
sub conversations ($self, $status) {
    my @all;
    for (my $page = 1; ; $page++) {
        my $some = $self->{ua}->get($self->url
            . "/v2/conversations?limit=100&status=$status&page=$page",
            {'x-api-key' => $self->api_key, 'X-No-Faults' => 1})->result->json->{data};
        push @all, @$some;
        return @all if @$some < 100;
    }
}

# The callback_url of the last create, or of the conversation of that name.
sub callback_url ($self, $name = undef) {
    my ($call) = reverse grep {
        $_->{method} eq 'POST' && ref $_->{body} eq 'HASH'
            && defined $_->{body}{callback_url}
            && (!defined $name || $_->{body}{conversation_name} eq $name)
    } $self->calls('/v2/conversations');
    return $call && $call->{body}{callback_url};
}

sub token ($self, $name = undef) {
    my $url = $self->callback_url($name) // return undef;
    return Mojo::URL->new($url)->query->param('token');
}

sub DESTROY ($self) {
    release($self, sub { $self->stop });
    return;
}

1;
