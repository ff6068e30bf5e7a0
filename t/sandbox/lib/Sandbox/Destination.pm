package Sandbox::Destination;

# What a destination of events has got: each once, with how often it came, and
# what was refused.  Of more than it keeps only the numbers stay.

use Mojo::Base -base, -signatures;

use Time::HiRes qw(time);

use constant MOST => 10_000;

has sandbox => undef, weak => 1;
has state   => \&fresh;

sub fresh (@) {
    return {received => 0, refused => 0, times => {}, ids => {}, of => {},
        events => [], invalid => []};
}

sub reset ($self) { $self->state(fresh()) }

sub now ($self) { return $self->sandbox->config_now }

# Once more what has that key, or a new one: its entry.  The id is the sender's
# own; that two of one id may have two keys is what tests look for.
sub keep ($self, $key, $id, $entry) {
    my $s = $self->state;

    $s->{received}++;
    $s->{ids}{$id}++;
    if ($s->{times}{$key}++) {
        my $known = $s->{of}{$key} // return undef;
        $known->{times}++;
        $known->{last_at} = time;
        return $known;
    }

    $entry = {%$entry, received_at => time, last_at => time, times => 1};
    push $s->{events}->@*, [$key, $entry];
    delete $s->{of}{shift($s->{events}->@*)->[0]}
        if $s->{events}->@* > MOST;
    return $s->{of}{$key} = $entry;
}

sub refuse ($self, $reason, %more) {
    my $s = $self->state;

    $s->{refused}++;
    push $s->{invalid}->@*, {%more, reason => $reason, received_at => time};
    shift $s->{invalid}->@* if $s->{invalid}->@* > MOST;
    return;
}

sub events ($self) { return map { $_->[1] } $self->state->{events}->@* }

# For GET /_posthog, /_ga4 and /_hooks.
sub report ($self, $ids = undef) {
    my $s = $self->state;
    my $unique = keys $s->{times}->%*;

    return {
        received   => $s->{received},
        unique     => $unique,
        duplicates => $s->{received} - $unique,
        refused    => $s->{refused},
        events     => [$self->events],
        invalid    => $s->{invalid},
        $ids ? (ids => $s->{ids}) : (),
    };
}

1;
