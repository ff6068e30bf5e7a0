package Sandbox::Posthog;

# PostHog's /batch/.
#
# https://posthog.com/docs/api/capture, and what that leaves open as its source
# has it (PostHog/posthog, rust/capture): errors are plain text, one event that
# is refused refuses its batch, and the list of ids that no person has, which
# its newer endpoint refuses.  Stricter than it is: a member that nobody knows,
# a name or id that it would cut, a time that it would not understand.

use Mojo::Base 'Sandbox::Destination', -signatures;

use Mojo::JSON qw(encode_json false true);
use POSIX qw(strftime);
use Time::HiRes qw(time);

use Sandbox::Check qw(boolean instant string);

use constant {
    BATCH => 20 * 1024 * 1024, EVENT => 2 * 1024 * 1024, LENGTH => 200,
    AHEAD => 23 * 3600,
};

# compared in lower case, without white space or quotes around it
my %NOBODY = map { $_ => 1 } '', '0', '00000000-0000-0000-0000-000000000000',
    '[object object]', qw(anonymous anonymous-user backend distinct_id
    distinctid email false guest id nan none not_authenticated null system
    true undefined user);

my %BATCH = map { $_ => 1 } qw(api_key batch historical_migration sent_at);
my %EVENT = map { $_ => 1 }
    qw(event distinct_id properties timestamp uuid offset $set $set_once);

sub name ($self) { return 'posthog' }

sub mount ($self, $r) {
    # with a slash at the end or without
    $r->post('/posthog/batch')->to(cb => sub ($c) {
        $self->sandbox->answer($c, $self->take($c));
    });
}

sub take ($self, $c) {
    my ($status, $why, $at) = $self->read($c);
    return 200, {status => 1} if $status == 200;
    $self->refuse($why, status => $status, defined $at ? (at => $at) : ());
    return $status, $why;
}

# 200, or (status, why, the event's place in the batch).
sub read ($self, $c) {
    my ($bytes, $in) = $c->stash('sent')->@{qw(bytes json)};

    return 400, 'failed to decode request: invalid gzip data'
        unless defined $bytes;
    return 413, 'length limit exceeded' if length $bytes > BATCH;
    return 400, 'failed to decode request: unsupported content type'
        unless ($c->req->headers->content_type // '')
            =~ m{^application/json\b}i;
    return 400, 'failed to parse request: not an object'
        unless ref $in eq 'HASH';

    my ($unknown) = grep { !$BATCH{$_} } sort keys %$in;
    return 400, "failed to parse request: unknown field $unknown"
        if defined $unknown;
    my ($status, $why) = $self->key($in->{api_key});
    return $status, $why if $status;
    return 400, 'failed to parse request: historical_migration'
        if exists $in->{historical_migration}
            && !boolean($in->{historical_migration});

    my $sent_at;
    if (exists $in->{sent_at}) {
        $sent_at = instant($in->{sent_at})
            // return 400, 'failed to parse request: sent_at';
    }
    return 400, 'failed to parse request: batch is not a list'
        unless ref $in->{batch} eq 'ARRAY';
    return 400, 'request holds no event' unless $in->{batch}->@*;

    my $large = length $bytes > EVENT;
    for my $at (0 .. $in->{batch}->$#*) {
        my $event = $in->{batch}[$at];
        $why = refusal($event);
        $why //= 'maximum event size exceeded'
            if $large && length encode_json($event) > EVENT;
        return 400, $why, $at if defined $why;
    }

    $self->file($_, $sent_at) for $in->{batch}->@*;
    return 200;
}

sub key ($self, $key) {
    return 401, 'event submitted without an api_key' unless string($key);
    my $why = !length $key ? 'empty' : $key =~ /^phx_/ ? 'personal_api_key'
        : $key ne $self->now->{posthog_key} ? 'unknown' : return;
    return 401, "API key is not valid: $why";
}

sub property ($event, $name) { return ($event->{properties} // {})->{$name} }

sub id_of ($event) {
    return $event->{distinct_id} // property($event, 'distinct_id');
}

sub is_nobody ($id) {
    return $NOBODY{lc $id =~ s/^\s+|\s+\z//gr =~ s/^(["'])(.*)\1\z/$2/sr};
}

# Why an event is refused, or undef.
sub refusal ($in) {
    return 'failed to parse request: an event is not an object'
        unless ref $in eq 'HASH';
    my ($unknown) = grep { !$EVENT{$_} } sort keys %$in;
    return "failed to parse request: unknown field $unknown"
        if defined $unknown;

    for (qw(properties $set $set_once)) {
        return "failed to parse request: $_ is not an object"
            if exists $in->{$_} && ref $in->{$_} ne 'HASH';
    }
    return 'event submitted with an empty event name'
        unless string($in->{event}) && length $in->{event};
    return 'event name is too long' if length $in->{event} > LENGTH;

    my $id = id_of($in)
        // return 'event submitted without a distinct_id';
    return 'distinct_id is not a string' unless string($id);
    return 'event submitted with an empty distinct_id' unless length $id;
    return 'distinct_id is too long' if length $id > LENGTH;
    return 'distinct_id is nobody: ' . $id if is_nobody($id);

    return 'failed to parse request: uuid'
        if exists $in->{uuid} && !(string($in->{uuid}) && $in->{uuid}
            =~ /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/i);
    return 'failed to parse request: timestamp'
        if exists $in->{timestamp} && !defined instant($in->{timestamp});
    return 'failed to parse request: offset'
        if exists $in->{offset} && !Sandbox::Check::integer($in->{offset});
    return undef;
}

# One that is in the table twice is merged there by day, name, distinct_id and
# uuid.  Where the sender says when it sent, its clock is corrected first.
sub file ($self, $in, $sent_at) {
    my $now = time;
    my $time = defined $in->{timestamp} ? instant($in->{timestamp}) : $now;
    $time -= $sent_at - $now if defined $sent_at && defined $in->{timestamp}
        && !property($in, '$ignore_sent_at');
    $time = $now - $in->{offset} / 1000 if defined $in->{offset};
    my $clamped = $time > $now + AHEAD;
    $time = $now if $clamped;

    my $id = id_of($in);
    my $uuid = lc($in->{uuid} // sprintf 'none-%d', ++$self->state->{nameless});
    $self->keep(
        join("\0", strftime('%Y-%m-%d', gmtime $time), $in->{event}, $id, $uuid),
        $uuid,
        {%$in, distinct_id => $id, uuid => $uuid, time => $time,
            clamped => $clamped ? true : false,
            person_profile => said_no($in) ? false : true});
}

sub said_no ($in) {
    my $said = property($in, '$process_person_profile');
    return boolean($said) && !$said;
}

sub rows ($self) {
    return map { {
        $_->%{qw(received_at last_at times)},
        name => $_->{event}, who => $_->{distinct_id},
        what => {properties => $_->{properties} // {},
            timestamp => $_->{timestamp}, uuid => $_->{uuid}},
        note => $_->{person_profile} ? '' : 'no person',
    } } $self->events;
}

1;
