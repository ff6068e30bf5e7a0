package Sandbox::Conversation;

# One conversation: its life, what is said in it, and what is told of it.

use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;
use Mojo::Util qw(b64_encode);
use POSIX qw(strftime);
use Time::HiRes qw(gettimeofday time);

use Sandbox::Callback;
use Sandbox::Script;

has sandbox => undef, weak => 1;

my %TIMEOUT = (
    absent   => 'participant_absent_timeout reached',
    left     => 'participant_left_timeout reached',
    duration => 'max_call_duration reached',
);

sub knob ($self, $name) { return $self->sandbox->config_now->{$name} }

sub properties ($self) { return $self->{in}{properties} // {} }

sub begin ($class, $sandbox, $id, $in) {
    my $self = $class->new(sandbox => $sandbox, id => $id, in => $in);
    my $p = $self->properties;
    my $now = $self->now;

    my %is = (
        name       => $in->{conversation_name} // "New Conversation $id",
        persona    => $in->{pal_id} // $in->{persona_id} // 'p000000000001',
        replica    => $in->{face_id} // $in->{replica_id} // 'r000000000001',
        url        => $sandbox->base . "/room/$id",
        status     => $in->{test_mode} ? 'ended' : 'active',
        born       => time,
        created    => $now,
        updated    => $now,
        absent     => $p->{participant_absent_timeout} // 300,
        left       => $p->{participant_left_timeout} // 0,
        duration   => $p->{max_call_duration} // 3600,
        private    => $in->{require_auth} || $p->{require_auth},
        events     => [],
        canvas     => [],
        transcript => [],
        sockets    => {},
        timers     => {},
        sending    => Mojo::Promise->resolve,
    );
    @$self{keys %is} = values %is;

    # what the plan does not allow is cut, and nothing is said
    my $plan = $self->knob('plan_limit');
    $self->{duration} = $plan if defined $plan && $plan < $self->{duration};

    $self->{token} = token($self) if $self->{private};
    $self->arm(absent => $self->{absent}) unless $in->{test_mode};

    return $self;
}

# Good until nobody may come any more.
sub token ($self) {
    my @parts = map { b64_encode($_, '') =~ tr{+/=}{-_}dr }
        encode_json({alg => 'HS256', typ => 'JWT'}),
        encode_json({r => $self->{id},
            exp => int($self->{born}) + $self->{absent}}),
        pack 'N4', map { int rand 2 ** 32 } 1 .. 4;
    return join '.', @parts;
}

# ---- its names -------------------------------------------------------------

# Which of the two spellings: that of who asked, unless told otherwise.
sub new_names ($self, $thing) {
    my $names = $self->knob('names');
    return $names eq 'new' if $names =~ /^(?:new|old)\z/;
    return $thing eq 'pal' if $names eq 'mixed';
    return exists $self->{in}{pal_id} || exists $self->{in}{face_id};
}

sub face ($self) {
    return $self->new_names('face') ? (face_id => $self->{replica})
        : (replica_id => $self->{replica});
}

sub pal ($self) {
    return $self->new_names('pal') ? (pal_id => $self->{persona})
        : (persona_id => $self->{persona});
}

sub describe ($self) {
    return {
        conversation_id   => $self->{id},
        conversation_name => $self->{name},
        conversation_url  => $self->{url},
        callback_url      => $self->{in}{callback_url} // '',
        status            => $self->{status},
        created_at        => $self->{created},
        updated_at        => $self->{updated},
        $self->face, $self->pal,
    };
}

# Here the cause of a shutdown has another name than in the callback.  What
# the canvas told has a list of its own.
sub verbose ($self) {
    return $self->{shown} if $self->{shown};

    my $terse = $self->knob('verbose') eq 'example';
    my @events = map { $terse ? terse($_) : again($_) }
        grep { $_->{event_type} !~ /^canvas\./ } $self->{events}->@*;
    my $reason = $self->{reason} // '';
    $reason =~ s/ reached\z// if $terse;

    return {events => @events ? \@events : undef,
        length $reason ? (shutdown_reason => $reason) : ()};
}

# As it was called back, as those say who have looked.
sub again ($event) {
    my %p = $event->{properties}->%*;
    $p{reason} = delete $p{shutdown_reason} if exists $p{shutdown_reason};
    return {$event->%{qw(event_type timestamp)}, properties => \%p};
}

# As the example of the documents has it: nobody is named, and what nothing is
# left of is absent.
sub terse ($event) {
    my $again = again($event);
    my $p = $again->{properties};
    delete $p->@{qw(face_id replica_id)};
    $p->{reason} =~ s/ reached\z// if exists $p->{reason};
    delete $again->{properties} unless %$p;
    return $again;
}

# ---- its life --------------------------------------------------------------

sub arm ($self, $name, $seconds) {
    $self->disarm($name);
    $self->{timers}{$name} = Mojo::IOLoop->timer($seconds => sub {
        $self->end($TIMEOUT{$name});
    });
}

sub disarm ($self, $name) {
    my $timer = delete $self->{timers}{$name} or return;
    Mojo::IOLoop->remove($timer);
}

sub joined ($self, $story = $self->knob('story')) {
    return if $self->{joined} || $self->{status} eq 'ended';
    $self->{joined} = time;
    $self->disarm('absent');
    $self->arm(duration => $self->{duration});

    # the second is the first again, for who knows the old name only
    my $at = $self->now;
    $self->emit('system.pal_joined', at => $at);
    $self->emit('system.replica_joined', at => $at) if $self->knob('twins');

    $self->{story} = $story;
    $self->{script} = [Sandbox::Script::steps($self, $story)];
    $self->row({role => 'system', content => 'You are a friendly guide.'
        . ($self->{in}{conversational_context}
            ? " $self->{in}{conversational_context}" : '')});
    $self->speak;
}

sub seconds ($self) {
    return sprintf('%.3f', time - ($self->{joined} // $self->{born})) + 0;
}

# The next step of the script, or undef.
sub speak ($self) {
    my $step = shift $self->{script}->@* or return undef;

    # what is tapped in one moment has one time
    my $at = $self->now =~ s/\d{3}Z\z/Z/r;

    for (@$step) {
        if ($_->{tap}) {
            $self->tap({$_->{tap}->%*, component_version => 'v1',
                interaction_id => join('_', 'ci', $_->{tap}{tool_call_id},
                    $_->{tap}{type}, $self->{id})}, $at);
            next;
        }
        my $row = $self->row($_);
        next unless shown($row);
        $_->send({json => $row}) for values $self->{sockets}->%*;
    }
    return 1;
}

sub row ($self, $row) {
    my $at = time;
    my $kind = $self->knob('row_times');
    my $iso = $kind eq 'iso'
        || $kind eq 'mixed' && $self->{transcript}->@* % 2;

    push $self->{transcript}->@*, {
        %$row,
        timestamp => $iso ? $self->now : sprintf('%.3f', $at) + 0,
        seconds_from_start => $self->seconds,
        duration => sprintf('%.1f', length($row->{content}) / 15) + 0,
        $row->{role} eq 'assistant' ? (inference_id =>
            "inf-$self->{id}-" . scalar $self->{transcript}->@*) : (),
    };
    return $self->{transcript}[-1];
}

# Whether the page of the room has it.
sub shown ($row) { return $row->{role} ne 'system' && length $row->{content} }

sub tap ($self, $what, $at = $self->now =~ s/\d{3}Z\z/Z/r) {
    my $told = {metadata => {}, %$what, conversation_id => $self->{id},
        created_at => $self->now =~ s/Z\z//r};
    push $self->{canvas}->@*, $told;
    $self->emit('canvas.interaction', properties => $told, at => $at);
}

sub end ($self, $reason) {
    return if $self->{status} eq 'ended';
    $self->{status} = 'ended';
    $self->{reason} = $reason;
    $self->{updated} = $self->now;
    $self->disarm($_) for keys $self->{timers}->%*;

    for (values $self->{sockets}->%*) {
        $_->send({json => {ended => $reason}});
        $_->finish;
    }

    $self->emit('system.shutdown');
    return unless $self->{joined};

    my $at;
    for (Sandbox::Script::after($self, $self->{story})) {
        my ($type, $properties) = ref ? @$_ : ($_, undef);
        $at = $self->now unless $properties;
        $self->emit($type, at => $at, properties => $properties);
    }
    return if $self->{story} ne 'all';
    $self->send(undef, Sandbox::Callback::bare($self, $_))
        for qw(objective guardrail);
}

# All of it at once, as if somebody had been there.  Resolves when all is sent.
sub play ($self, $story, $reason) {
    $self->joined($story);
    1 while $self->speak;
    $self->end($reason);
    return $self->{sending};
}

sub forget ($self) {
    $self->disarm($_) for keys $self->{timers}->%*;
    $_->finish for values $self->{sockets}->%*;
}

# ---- what is told of it ----------------------------------------------------

sub emit ($self, $type, %opt) {
    my $at = $opt{at} // $self->now;
    my $properties = $opt{properties}
        // Sandbox::Callback::properties($self, $type);
    push $self->{events}->@*, {event_type => $type, timestamp => $at,
        properties => $properties};
    $self->send($type,
        Sandbox::Callback::envelope($self, $type, $properties, $at));
}

# Callbacks of one conversation go one after the other.
sub send ($self, $type, $body) {
    my $url = $self->{in}{callback_url} // return;
    my $lost = rand() < $self->knob('callback_drop');

    $self->{sending} = $self->{sending}->then(sub {
        $self->sandbox->send_callback($url, $body, $self->{id}, $lost);
    });
}

my $last = '';

# Micros, and never the same twice.
sub now ($self) {
    my ($s, $us) = gettimeofday;
    my $text;
    do {
        $text = strftime('%Y-%m-%dT%H:%M:%S', gmtime $s)
            . sprintf('.%06dZ', $us);
        ($s, $us) = $us == 999_999 ? ($s + 1, 0) : ($s, $us + 1);
    } while $text le $last;
    return $last = $text;
}

1;
