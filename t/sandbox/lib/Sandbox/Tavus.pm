package Sandbox::Tavus;

# Tavus API v2: conversations, their rooms and their callbacks.

use Mojo::Base -base, -signatures;

use B ();
use Mojo::IOLoop;
use Mojo::JSON qw(decode_json false true);
use Mojo::Promise;
use Mojo::URL;
use POSIX qw(strftime);
use Time::HiRes qw(gettimeofday time);

has sandbox       => undef, weak => 1;
has conversations => sub { {} };
has serial        => 0;

# ---- what a create may say -------------------------------------------------

sub string ($v) {
    return !ref $v && defined $v && (B::svref_2object(\$v)->FLAGS & B::SVf_POK);
}

sub integer ($v) {
    return !ref $v && defined $v && !string($v) && $v =~ /^-?\d+$/;
}

sub boolean ($v) { return ref $v eq ref true }

my $is_string = sub ($v) { string($v) ? undef : 'must be a string' };
my $is_bool = sub ($v) { boolean($v) ? undef : 'must be a boolean' };
my $is_strings = sub ($v) {
    ref $v eq 'ARRAY' && !grep({ !string($_) || !length } @$v)
        ? undef : 'must be a list of strings';
};

sub id ($letter) {
    return sub ($v) {
        string($v) && $v =~ /^$letter[0-9a-f]+\z/
            ? undef : "must be $letter and hex digits";
    };
}

sub seconds ($from, $to) {
    return sub ($v) {
        integer($v) && $v >= $from && $v <= $to
            ? undef : "must be an integer from $from to $to";
    };
}

sub one_of (@words) {
    return sub ($v) {
        string($v) && grep({ $v eq $_ } @words)
            ? undef : 'must be one of ' . join ', ', @words;
    };
}

my $is_url = sub ($v) {
    return 'must be a string' unless string($v);
    my $url = Mojo::URL->new($v);
    return ($url->scheme // '') =~ /^https?\z/ && length($url->host // '')
        && $v !~ /[\s\x00-\x1f]/ ? undef : 'must be a URL';
};

# A full English name; three letters are enough for a few languages only, and
# otherwise a code.
my $is_language = sub ($v) {
    return undef if string($v) && ($v =~ /^[A-Za-z]{4,}(?: [A-Za-z()]+)*\z/
        || $v =~ /^(?:lao|twi|ewe|ido)\z/i);
    return 'must be the full English name of a language, or multilingual';
};

# Codes, with a region where there is one.
my $is_languages = sub ($v) {
    return 'must be a list of codes of languages' unless ref $v eq 'ARRAY'
        && @$v && !grep { !string($_) || !/^[a-z]{2}(?:-[A-Z]{2})?\z/ } @$v;
    return undef;
};

my %STORAGE = (
    s3 => [[qw(bucket_name bucket_region assume_role_arn)], ['external_id']],
    gcs => [[qw(bucket_name project_id workload_identity_provider
                service_account_email)], []],
    azure_blob => [[qw(storage_account container tenant_id client_id)], []],
);

my $is_storage = sub ($v) {
    return 'must be an object' unless ref $v eq 'HASH';
    my $known = string($v->{provider}) && $STORAGE{$v->{provider}}
        or return 'has no known provider';
    my ($must, $may) = @$known;
    my %left = %$v;
    delete $left{provider};
    for (@$must) {
        return "needs $_" unless string(delete $left{$_});
    }
    for (@$may) {
        return "$_ must be a string"
            if exists $left{$_} && !string(delete $left{$_});
    }
    return %left ? 'has an unknown field: ' . (sort keys %left)[0] : undef;
};

my %PROPERTIES = (
    max_call_duration          => seconds(1, 1e9),
    participant_left_timeout   => seconds(0, 3600),
    participant_absent_timeout => seconds(0, 3600),
    enable_recording           => $is_bool,
    enable_closed_captions     => $is_bool,
    apply_greenscreen          => $is_bool,
    language                   => $is_language,
    languages                  => $is_languages,
    require_auth               => $is_bool,
    recording_storage          => $is_storage,
    recording_s3_bucket_name   => $is_string,
    recording_s3_bucket_region => $is_string,
    aws_assume_role_arn        => $is_string,
);

my %FIELDS = (
    replica_id                  => id('r'),
    face_id                     => id('r'),
    persona_id                  => id('p'),
    pal_id                      => id('p'),
    audio_only                  => $is_bool,
    callback_url                => $is_url,
    conversation_name           => $is_string,
    conversational_context      => $is_string,
    custom_greeting             => $is_string,
    memory_stores               => $is_strings,
    document_ids                => $is_strings,
    document_tags               => $is_strings,
    document_retrieval_strategy => one_of(qw(speed balanced quality)),
    test_mode                   => $is_bool,
    require_auth                => $is_bool,
    max_participants            => seconds(2, 100),
    properties => sub ($v) {
        ref $v eq 'HASH' ? refusal($v, \%PROPERTIES) : 'must be an object';
    },
);

# Why an object is refused, or undef.
sub refusal ($in, $fields) {
    for my $name (sort keys %$in) {
        my $check = $fields->{$name} or return "Unknown field: $name";
        my $why = $check->($in->{$name});
        return "$name: $why" if defined $why;
    }
    return undef;
}

sub refuse_create ($self, $in) {
    return 'Invalid request body' unless ref $in eq 'HASH';

    my $why = refusal($in, \%FIELDS);
    return $why if defined $why;

    for (['persona_id', 'pal_id'], ['replica_id', 'face_id']) {
        my ($old, $new) = @$_;
        return "Specify only one of $old and $new"
            if exists $in->{$old} && exists $in->{$new};
    }
    return 'Specify only one of language and languages'
        if exists +($in->{properties} // {})->{language}
            && exists $in->{properties}{languages};
    return 'Either a persona_id or a replica_id is required'
        unless grep { exists $in->{$_} }
            qw(persona_id pal_id replica_id face_id);
    return undef;
}

# ---- routes ----------------------------------------------------------------

sub mount ($self, $r) {
    my $sandbox = $self->sandbox;

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
    );
    for my $method (keys %cb) {
        $cb{$method}->to(cb => sub ($c) {
            my ($status, $json) = $self->$method($c);
            $sandbox->answer($c, $status, $json);
        });
    }
}

sub create ($self, $c) {
    my $in = ($c->req->headers->content_type // '') =~ m{^application/json\b}i
        ? eval { decode_json($c->req->body) } : undef;
    my $why = $self->refuse_create($in);
    return 400, {error => $why} if defined $why;

    my $cap = $self->sandbox->config_now->{max_concurrent};
    my $active = grep { $_->{status} eq 'active' }
        values $self->conversations->%*;
    return 400,
        {message => 'User has reached maximum concurrent conversations'}
        if defined $cap && $active >= $cap && !$in->{test_mode};

    my $p = $in->{properties} // {};
    $self->serial($self->serial + 1);
    my $id = sprintf 'c%08x%06x', time & 0xffffffff,
        ($self->serial << 8 | int rand 256) & 0xffffff;

    my $conv = $self->conversations->{$id} = {
        id         => $id,
        in         => $in,
        name       => $in->{conversation_name} // "New Conversation $id",
        persona    => $in->{persona_id} // $in->{pal_id} // 'p000000000001',
        replica    => $in->{replica_id} // $in->{face_id} // 'r000000000001',
        url        => $self->sandbox->base . "/room/$id",
        status     => $in->{test_mode} ? 'ended' : 'active',
        created    => now(),
        updated    => now(),
        absent     => $p->{participant_absent_timeout} // 300,
        left       => $p->{participant_left_timeout} // 0,
        duration   => $self->duration($p),
        private    => $in->{require_auth} || $p->{require_auth},
        events     => [],
        transcript => [],
        sockets    => {},
        timers     => {},
        sending    => Mojo::Promise->resolve,
    };
    $conv->{token} = join '.', 'eyJzYW5kYm94Ijp0cnVlfQ', $id, int rand 1e9
        if $conv->{private};

    $self->arm($conv, absent => $conv->{absent}) unless $in->{test_mode};

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

# What is more than the plan has is cut without a word.
sub duration ($self, $p) {
    my $asked = $p->{max_call_duration} // 3600;
    my $plan = $self->sandbox->config_now->{plan_limit} // $asked;
    return $asked < $plan ? $asked : $plan;
}

sub describe ($conv) {
    return {
        conversation_id   => $conv->{id},
        conversation_name => $conv->{name},
        conversation_url  => $conv->{url},
        callback_url      => $conv->{in}{callback_url} // '',
        status            => $conv->{status},
        replica_id        => $conv->{replica},
        persona_id        => $conv->{persona},
        created_at        => $conv->{created},
        updated_at        => $conv->{updated},
    };
}

sub find ($self, $c) { return $self->conversations->{$c->param('id')} }

my @BAD_ID = (400, {error => 'Invalid conversation_id'});

sub read ($self, $c) {
    my $conv = $self->find($c) or return @BAD_ID;
    my $out = describe($conv);
    my $verbose = $c->req->query_params->param('verbose') // 'false';

    return 400, {error => 'verbose must be true or false'}
        unless $verbose =~ /^(?:true|false)\z/;

    if ($verbose eq 'true') {
        # here the cause of a shutdown has another name than in the callback
        my @events = map {
            my %p = $_->{properties}->%*;
            $p{reason} = delete $p{shutdown_reason}
                if exists $p{shutdown_reason};
            +{$_->%{qw(event_type timestamp)}, properties => \%p};
        } $conv->{events}->@*;
        $out->{events} = @events ? \@events : undef;
        $out->{shutdown_reason} = $conv->{reason} if $conv->{reason};
    }

    return 200, $out;
}

sub list ($self, $c) {
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
    my @page = splice @{[@all]}, ($page - 1) * $limit < @all
        ? ($page - 1) * $limit : scalar @all, $limit;

    return 200, {data => [map { describe($_) } @page],
        total_count => scalar @all};
}

# What a second end answers is not documented: the less friendly of the two
# that are thinkable.
sub finish ($self, $c) {
    my $conv = $self->find($c) or return @BAD_ID;
    return 400, {error => 'The request has no body'} if length $c->req->body;
    return 400, {error => 'Conversation has already ended'}
        if $conv->{status} eq 'ended';

    $self->end($conv, 'end_conversation_endpoint_hit');
    return 200, {};
}

sub remove ($self, $c) {
    my $conv = $self->find($c) or return @BAD_ID;
    my $hard = $c->req->query_params->param('hard') // 'false';
    return 400, {error => 'hard must be true or false'}
        unless $hard =~ /^(?:true|false)\z/;

    $self->forget($conv);
    return 204, undef;
}

sub forget ($self, $conv) {
    $self->disarm($conv, $_) for keys $conv->{timers}->%*;
    $_->finish for values $conv->{sockets}->%*;
    delete $self->conversations->{$conv->{id}};
}

sub reset ($self) {
    $self->forget($_) for values $self->conversations->%*;
}

# ---- a conversation's life -------------------------------------------------

my %TIMEOUT = (
    absent   => 'participant_absent_timeout reached',
    left     => 'participant_left_timeout reached',
    duration => 'max_call_duration reached',
);

sub arm ($self, $conv, $name, $seconds) {
    $self->disarm($conv, $name);
    $conv->{timers}{$name} = Mojo::IOLoop->timer($seconds => sub {
        $self->end($conv, $TIMEOUT{$name});
    });
}

sub disarm ($self, $conv, $name) {
    my $timer = delete $conv->{timers}{$name} or return;
    Mojo::IOLoop->remove($timer);
}

sub joined ($self, $conv) {
    return if $conv->{joined} || $conv->{status} eq 'ended';
    $conv->{joined} = time;
    $self->disarm($conv, 'absent');
    $self->arm($conv, duration => $conv->{duration});

    my $at = now();
    $self->emit($conv, 'system', 'system.replica_joined',
        {replica_id => $conv->{replica}}, $at);
    $self->emit($conv, 'system', 'system.pal_joined',
        {face_id => $conv->{replica}}, $at)
        if $self->sandbox->config_now->{twins};

    $conv->{script} = [script($conv)];
    push $conv->{transcript}->@*, {role => 'system', content =>
        'You are a friendly guide.' . ($conv->{in}{conversational_context}
            ? " $conv->{in}{conversational_context}" : ''),
        timestamp => time, seconds_from_start => 0, duration => 0};
    $self->speak($conv);
}

sub speak ($self, $conv) {
    my $next = shift $conv->{script}->@* or return undef;
    my $said = {
        role => $next->[0], content => $next->[1], timestamp => time,
        seconds_from_start => sprintf('%.3f', time - $conv->{joined}) + 0,
        duration => sprintf('%.1f', length($next->[1]) / 15) + 0,
    };
    push $conv->{transcript}->@*, $said;
    $_->send({json => $said}) for values $conv->{sockets}->%*;
    return 1;
}

sub end ($self, $conv, $reason) {
    return if $conv->{status} eq 'ended';
    $conv->{status} = 'ended';
    $conv->{reason} = $reason;
    $conv->{updated} = now();
    $self->disarm($conv, $_) for keys $conv->{timers}->%*;

    for (values $conv->{sockets}->%*) {
        $_->send({json => {ended => $reason}});
        $_->finish;
    }

    $self->emit($conv, 'system', 'system.shutdown',
        {replica_id => $conv->{replica}, shutdown_reason => $reason});
    return unless $conv->{joined};

    $self->emit($conv, 'application', 'application.transcription_ready',
        {replica_id => $conv->{replica}, transcript => $conv->{transcript}});
    $self->emit($conv, 'application', 'application.perception_analysis', {
        analysis => 'The visitor looked at the screen, smiled twice and '
            . 'seemed interested. The room was bright and quiet.',
    });
}

# Callbacks of one conversation go one after the other.
sub emit ($self, $conv, $message_type, $event_type, $properties, $at = now()) {
    push $conv->{events}->@*, {event_type => $event_type, timestamp => $at,
        properties => $properties};

    my $url = $conv->{in}{callback_url} // return;
    my $body = {
        message_type    => $message_type,
        event_type      => $event_type,
        conversation_id => $conv->{id},
        timestamp       => $at,
        webhook_url     => $url,
        properties      => $properties,
    };
    $conv->{sending} = $conv->{sending}->then(sub {
        $self->sandbox->send_callback($url, $body, $conv->{id});
    });
}

# For POST /_callback: (url, body) or (undef, why not).
sub envelope ($self, $in) {
    return undef, 'not an object' unless ref $in eq 'HASH';
    return $in->{url}, $in->{body} if defined $in->{url};

    my $conv = $self->conversations->{$in->{conversation_id} // ''}
        or return undef, 'unknown conversation_id';
    my $type = $in->{event_type} // return undef, 'no event_type';
    my $url = $conv->{in}{callback_url}
        // return undef, 'the conversation has no callback_url';

    return $url, {
        message_type    => $type =~ /^([^.]+)/ ? $1 : $type,
        event_type      => $type,
        conversation_id => $conv->{id},
        timestamp       => $in->{timestamp} // now(),
        webhook_url     => $url,
        properties      => $in->{properties} // {},
    };
}

my $last = '';

# Micros, and never the same twice: it is all that tells events apart.
sub now () {
    my ($s, $us) = gettimeofday;
    my $text;
    do {
        $text = strftime('%Y-%m-%dT%H:%M:%S', gmtime $s)
            . sprintf('.%06dZ', $us);
        ($s, $us) = $us == 999_999 ? ($s + 1, 0) : ($s, $us + 1);
    } while $text le $last;
    return $last = $text;
}

# ---- rooms -----------------------------------------------------------------

sub mount_rooms ($self, $r) {
    $r->get('/room/:id' => sub ($c) {
        my $conv = $self->find($c);
        $c->res->headers->header('Content-Security-Policy' =>
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            . "connect-src 'self' ws:; img-src 'self' data:");
        return $c->render(template => 'gone', status => 404) unless $conv;
        # a page of its own, that asks the one around it for the token
        return $c->render(template => 'room', status => 403, conv => $conv,
            door => 1) if $conv->{private} && !defined $c->param('t');
        return $c->render(template => 'gone', status => 403)
            unless admits($conv, $c->param('t'));

        $self->joined($conv);
        # who never connects, a script for instance, has left again
        $self->arm($conv, left => $conv->{left} + 5)
            if $conv->{status} eq 'active' && !$conv->{sockets}->%*;
        $c->render(template => 'room', conv => $conv, door => 0);
    });

    $r->post('/room/:id/end' => sub ($c) {
        my $conv = $self->find($c) or return $c->rendered(404);
        $self->end($conv, 'participant_left_timeout reached');
        $c->rendered(204);
    });

    # who has no token in the address says it first
    $r->websocket('/room/:id/socket' => sub ($c) {
        my $conv = $self->find($c);
        return $c->finish if !$conv || $conv->{status} eq 'ended';

        $c->inactivity_timeout(0);
        my $in = admits($conv, $c->param('t')) && $self->enter($conv, $c);

        $c->on(message => sub ($c, $text) {
            return $c->finish unless $in //= admits($conv, $text)
                && $self->enter($conv, $c);
            # the button in the room
            $self->end($conv, 'participant_left_timeout reached')
                if $text eq 'end';
        });
    });
}

sub admits ($conv, $token) {
    return 1 if !$conv->{private};
    return defined $token && $token eq $conv->{token} ? 1 : undef;
}

sub enter ($self, $conv, $c) {
    my $key = "$c";
    $self->joined($conv);
    $self->disarm($conv, 'left');
    $conv->{sockets}{$key} = $c;
    $c->send({json => $_})
        for grep { $_->{role} ne 'system' } $conv->{transcript}->@*;

    $conv->{speaking} //= Mojo::IOLoop->recurring(
        $self->sandbox->config_now->{line_ms} / 1000 => sub ($loop) {
            return if $conv->{status} eq 'active'
                && !$conv->{sockets}->%*;
            return if $conv->{status} eq 'active' && $self->speak($conv);
            $loop->remove(delete $conv->{speaking});
        });

    $c->on(finish => sub (@) {
        delete $conv->{sockets}{$key};
        return if $conv->{status} eq 'ended' || $conv->{sockets}->%*;
        $self->arm($conv, left => $conv->{left});
    });
    return 1;
}

my %SCRIPTS = (
    healthcare => [
        'Hello! I can help you find the right appointment.',
        'I have had a headache for a week.',
        'I am sorry to hear that. Is it there all day, or in the evening?',
        'Mostly in the evening.',
        'Dr. Lindqvist has time on Thursday at 9:40. Shall I note that down?',
        'Yes, please.',
        'Done. If it gets suddenly worse, call 112 at once.',
    ],
    legal => [
        'Hello! I can walk you through intake. What brings you here?',
        'My landlord keeps my deposit.',
        'When did you move out, and is there a handover record?',
        'In March, and yes, both of us signed it.',
        'That helps. A tenancy lawyer can call you tomorrow. Is that fine?',
        'Tomorrow after ten would be good.',
        'Noted. Nothing I say is legal advice, but you are in good hands.',
    ],
    ecommerce => [
        'Hi! Looking for something particular today?',
        'Running shoes for wide feet.',
        'The Tern 3 comes in a wide fit. Road or trail?',
        'Road, about thirty kilometres a week.',
        'Then the Tern 3 Wide in your size is right. It ships tomorrow.',
        'What about returns?',
        'A hundred days, free, even after a run in the rain.',
    ],
    general => [
        'Hello, nice to see you! What would you like to know?',
        'What can you do?',
        'I answer questions face to face, day and night, in many languages.',
        'And how do I get you onto my site?',
        'One module for nginx and a database. No other servers.',
        'That sounds simple.',
        'It is. Shall I tell you what it costs?',
    ],
);

sub script ($conv) {
    my $tags = join ' ', ($conv->{in}{document_tags} // [])->@*,
        $conv->{name};
    my ($kind) = grep { $tags =~ /$_/ } qw(healthcare legal ecommerce);
    my @lines = $SCRIPTS{$kind // 'general'}->@*;
    $lines[0] = $conv->{in}{custom_greeting}
        if length($conv->{in}{custom_greeting} // '');
    my $i = 0;
    return map { [$i++ % 2 ? 'user' : 'assistant', $_] } @lines;
}

1;
