package Sandbox::Canvas;

# What visitors do on the cards that are shown to them.
#
# https://docs.tavus.io/api-reference/canvas-interactions/record-canvas-interaction

use Mojo::Base -base, -signatures;

use Mojo::JSON qw(to_json true);
use Time::HiRes qw(time);

use Sandbox::Check qw(one_of refusal text);

use constant {LIMIT => 120, WINDOW => 60};

has tavus   => undef, weak => 1;
has windows => sub { {} };

my $any = sub ($v) { undef };

my %FIELDS = (
    interaction_id    => text(1, 128),
    tool_call_id      => text(1, 128),
    component         => one_of(map { "canvas.$_" } qw(question input calendar
        scheduling_embed text image video chart alert)),
    component_version => one_of('v1'),
    type              => one_of(qw(submit skip dismiss clear error heartbeat)),
    value             => $any,
    metadata          => sub ($v) {
        ref $v eq 'HASH' ? undef : 'must be an object';
    },
);

# no matter what else was sent along
my @SAME = qw(tool_call_id component component_version type value);

# No key is asked for: browsers do this.
sub mount ($self, $r) {
    my $sandbox = $self->tavus->sandbox;
    $r->post('/v2/conversations/:id/canvas/interactions' => sub ($c) {
        $sandbox->answer($c, $self->record($c));
    });
}

sub limited ($self, $c) {
    my $key = join ' ', $c->tx->remote_address, $c->param('id');
    my $w = $self->windows->{$key};

    $w = $self->windows->{$key} = {from => time, n => 0}
        if !$w || time - $w->{from} >= WINDOW;
    return undef if ++$w->{n} <= LIMIT;
    return int(WINDOW - (time - $w->{from})) + 1;
}

sub record ($self, $c) {
    if (my $seconds = $self->limited($c)) {
        $c->res->headers->header('Retry-After' => $seconds);
        return 429, {error => 'Too many requests'};
    }

    my $in = $self->tavus->body($c);
    return 400, {error => 'Invalid request body'} unless ref $in eq 'HASH';
    my $why = refusal($in, \%FIELDS);
    return 400, {error => $why} if defined $why;
    for (sort keys %FIELDS) {
        return 400, {error => "$_ is required"}
            unless exists $in->{$_} || /^(?:value|metadata)\z/;
    }

    my $conv = $self->tavus->find($c)
        or return 400, {error => 'Invalid conversation_id'};
    return 400, {error => 'Conversation is not active'}
        if $conv->{status} ne 'active';

    my ($known) = grep { $_->{interaction_id} eq $in->{interaction_id} }
        $conv->{canvas}->@*;
    return 200, {success => true} if $known && same($known, $in);
    return 409, {error => 'interaction_id was used for something else'}
        if $known;

    $conv->tap($in);
    return 200, {success => true};
}

sub same ($one, $two) {
    return to_json([$one->@{@SAME}]) eq to_json([$two->@{@SAME}]);
}

sub list ($self, $c) {
    my $conv = $self->tavus->find($c)
        or return 400, {error => 'Invalid conversation_id'};
    return 200, {data => $conv->{canvas}};
}

1;
