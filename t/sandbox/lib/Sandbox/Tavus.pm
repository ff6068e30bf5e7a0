package Sandbox::Tavus;

# Tavus API v2: conversations.
#
# https://docs.tavus.io/api-reference/conversations/create-conversation

use Mojo::Base -base, -signatures;

use Mojo::JSON qw(decode_json);
use Time::HiRes qw(time);

use Sandbox::Callback;
use Sandbox::Canvas;
use Sandbox::Conversation;
use Sandbox::Create;
use Sandbox::Rooms;
use Sandbox::Script;

has sandbox       => undef, weak => 1;
has conversations => sub { {} };
has serial        => 0;
has canvas        => sub ($self) { Sandbox::Canvas->new(tavus => $self) };
has rooms         => sub ($self) { Sandbox::Rooms->new(tavus => $self) };

sub mount ($self, $r) {
    my $sandbox = $self->sandbox;
    $self->canvas->mount($r);

    my $api = $r->under('/v2' => sub ($c) {
        return 1 if ($c->req->headers->header('x-api-key') // '')
            eq $sandbox->api_key;
        $sandbox->answer($c, 401, {message => 'Invalid access token'});
        return undef;
    });

    my %cb = (
        create => $api->post('/conversations'),
        list   => $api->get('/conversations'),
        read   => $api->get('/conversations/:id'),
        finish => $api->post('/conversations/:id/end'),
        remove => $api->delete('/conversations/:id'),
        persona => $api->get('/personas/:id'),
        replica => $api->get('/replicas/:id'),
    );
    for my $method (keys %cb) {
        $cb{$method}->to(cb => sub ($c) {
            $sandbox->answer($c, $self->spelled($self->$method($c)));
        });
    }
    $api->get('/conversations/:id/canvas/interactions')->to(cb => sub ($c) {
        $sandbox->answer($c, $self->spelled($self->canvas->list($c)));
    });
}

# An error is under either name.
sub spelled ($self, $status, $json) {
    my $name = $self->sandbox->config_now->{errors};
    return $status, $json if $status < 400 || $name eq 'either';
    return $status, {$name => $json->{error} // $json->{message}};
}

# What was sent as JSON, or undef.
sub body ($self, $c) {
    return undef unless ($c->req->headers->content_type // '')
        =~ m{^application/json\b}i;
    return eval { decode_json($c->req->body) };
}

sub create ($self, $c) {
    my $now = $self->sandbox->config_now;
    my $in = $self->body($c);
    my $why = Sandbox::Create::refuse($in);
    return 400, {error => $why} if defined $why;

    return 402, {message => 'The user is out of conversational credits'}
        unless $now->{credits} || $in->{test_mode};

    my $active = grep { $_->{status} eq 'active' }
        values $self->conversations->%*;
    return 400,
        {message => 'User has reached maximum concurrent conversations'}
        if defined $now->{max_concurrent}
            && $active >= $now->{max_concurrent} && !$in->{test_mode};

    $self->serial($self->serial + 1);
    my $id = sprintf 'c%08x%06x', time & 0xffffffff,
        ($self->serial << 8 | int rand 256) & 0xffffff;
    my $conv = $self->conversations->{$id}
        = Sandbox::Conversation->begin($self->sandbox, $id, $in);

    return 200, {
        conversation_id   => $id,
        conversation_name => $conv->{name},
        conversation_url  => $conv->{url},
        status            => $conv->{status},
        callback_url      => $in->{callback_url} // '',
        created_at        => $conv->{created},
        $conv->{private} ? (meeting_token => $conv->{token}) : (),
    };
}

sub find ($self, $c) { return $self->conversations->{$c->param('id')} }

# Any that can be one is there, but those of missing_ids.
sub known ($self, $c, $head) {
    my $id = $c->param('id');
    return $id =~ /^$head\w+\z/
        && !grep { $_ eq $id } $self->sandbox->config_now->{missing_ids}->@*;
}

sub persona ($self, $c) {
    if (my @refused = unknown_query($c)) { return @refused }
    return 400, {error => 'Invalid persona_id'} unless $self->known($c, 'p');
    return 200, {data => [{persona_id => $c->param('id'),
        persona_name => 'Sandbox', system_prompt => '',
        default_replica_id => $self->sandbox->config_now->{default_replica},
        document_ids => ['d0123456789ab'], document_tags => ['kb-global'],
        layers => {},
        created_at => '2026-01-01T00:00:00Z',
        updated_at => '2026-01-01T00:00:00Z'}]};
}

sub replica ($self, $c) {
    if (my @refused = unknown_query($c, 'verbose')) { return @refused }
    return 400, {error => 'Invalid replica_id'} unless $self->known($c, 'r');
    return 200, {replica_id => $c->param('id'), replica_name => 'Sandbox',
        thumbnail_video_url => '', training_progress => '100/100',
        status => 'completed', created_at => '2026-01-01T00:00:00Z',
        updated_at => '2026-01-01T00:00:00Z', error_message => undef,
        model_name => 'phoenix-4'};
}

my @BAD_ID = (400, {error => 'Invalid conversation_id'});

# true, false, or undef for what is neither
sub flag ($c, $name) {
    my $text = $c->req->query_params->param($name) // 'false';
    return $text =~ /^(?:true|false)\z/ ? $text eq 'true' : undef;
}

sub unknown_query ($c, @known) {
    my %known = map { $_ => 1 } @known;
    my ($name) = grep { !$known{$_} } $c->req->query_params->names->@*;
    return defined $name ? (400, {error => "Unknown parameter: $name"}) : ();
}

sub read ($self, $c) {
    if (my @refused = unknown_query($c, 'verbose')) { return @refused }
    my $conv = $self->find($c) or return @BAD_ID;
    my $verbose = flag($c, 'verbose')
        // return 400, {error => 'verbose must be true or false'};
    return 200, {$conv->describe->%*, $verbose ? $conv->verbose->%* : ()};
}

sub list ($self, $c) {
    if (my @refused = unknown_query($c, qw(limit page status))) {
        return @refused;
    }
    my $q = $c->req->query_params;
    my ($limit, $page, $status)
        = ($q->param('limit') // 10, $q->param('page') // 1,
           $q->param('status'));

    return 400, {error => 'limit and page must be positive integers'}
        if grep { !/^[1-9]\d{0,5}\z/ } $limit, $page;
    return 400, {error => 'status must be active or ended'}
        if defined $status && $status !~ /^(?:active|ended)\z/;

    my @all = sort { $b->{created} cmp $a->{created} || $b->{id} cmp $a->{id} }
        grep { !defined $status || $_->{status} eq $status }
        values $self->conversations->%*;
    my $from = ($page - 1) * $limit;
    my @page = $from < @all ? splice @{[@all]}, $from, $limit : ();

    return 200, {data => [map { $_->describe } @page],
        total_count => scalar @all};
}

# What a second end answers is not documented: the less friendly of the two
# that are thinkable.
sub finish ($self, $c) {
    my $conv = $self->find($c) or return @BAD_ID;
    return 400, {error => 'The request has no body'} if length $c->req->body;
    return 400, {error => 'Conversation has already ended'}
        if $conv->{status} eq 'ended';

    $conv->end('end_conversation_endpoint_hit');
    return 200, {};
}

sub remove ($self, $c) {
    my $conv = $self->find($c) or return @BAD_ID;
    return 400, {error => 'hard must be true or false'}
        unless defined flag($c, 'hard');

    $conv->forget;
    delete $self->conversations->{$conv->{id}};
    return 204, undef;
}

sub reset ($self) {
    $_->forget for values $self->conversations->%*;
    $self->conversations({});
    $self->canvas->windows({});
}

# ---- for tests -------------------------------------------------------------

# For POST /_callback: (url, body) or (undef, why not).
sub callback ($self, $in) {
    return undef, 'not an object' unless ref $in eq 'HASH';
    return $in->{url}, $in->{body} if defined $in->{url};

    my $conv = $self->conversations->{$in->{conversation_id} // ''}
        or return undef, 'unknown conversation_id';
    my $url = $conv->{in}{callback_url}
        // return undef, 'the conversation has no callback_url';

    if (defined(my $kind = $in->{bare})) {
        return $url, Sandbox::Callback::bare($conv, $kind)
            // return undef, "unknown: $kind";
    }
    my $type = $in->{event_type} // return undef, 'no event_type';
    return $url, Sandbox::Callback::envelope($conv, $type, $in->{properties}
        // Sandbox::Callback::properties($conv, $type),
        $in->{timestamp} // $conv->now);
}

# For POST /_play and /_events: the conversation, or (undef, why not).
sub named ($self, $in, @known) {
    return undef, 'not an object' unless ref $in eq 'HASH';
    my %known = map { $_ => 1 } 'conversation_id', @known;
    my ($bad) = grep { !$known{$_} } sort keys %$in;
    return undef, "unknown: $bad" if defined $bad;
    return $self->conversations->{$in->{conversation_id} // ''}
        // (undef, 'unknown conversation_id');
}

sub play ($self, $c) {
    my $in = $c->req->json;
    my ($conv, $why) = $self->named($in, qw(story reason));
    my $story = ($in // {})->{story} // 'full';
    $why //= "unknown story: $story"
        unless grep { $_ eq $story } Sandbox::Script::stories();
    return $c->render(status => 400, json => {error => $why}) if defined $why;

    my $tx = $c->render_later->tx;
    $conv->play($story, $in->{reason} // 'participant_left_timeout reached')
        ->then(sub {
            $c->render(json => {events => $conv->{events}});
            undef $tx;
        });
}

# What the verbose GET has from now on; null: the truth.
sub show ($self, $c) {
    my ($conv, $why) = $self->named($c->req->json, qw(events status));
    return $c->render(status => 400, json => {error => $why}) if defined $why;

    my $in = $c->req->json;
    $conv->{shown} = $in->{events} && {events => $in->{events}};
    $conv->{status} = $in->{status} if defined $in->{status};
    $c->render(json => {});
}

1;
