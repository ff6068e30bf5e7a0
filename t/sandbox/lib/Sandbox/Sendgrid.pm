package Sandbox::Sendgrid;

# SendGrid's POST /v3/mail/send.
#
# https://www.twilio.com/docs/sendgrid/api-reference/mail-send, and its OpenAPI
# in twilio/sendgrid-oai, spec/json/tsg_mail_v3.json, but for what that has
# wrong: custom_args are an object of a personalization's, there are 429 and
# the 200 of sandbox_mode, and a member that it does not name is refused.

use Mojo::Base 'Sandbox::Destination', -signatures;

use Digest::SHA qw(sha256_hex);
use Mojo::JSON ();
use Mojo::Util qw(secure_compare);
use MIME::Base64 qw(decode_base64);
use Time::HiRes qw(time);

use Sandbox::Check qw(boolean integer string);

use constant {
    MOST => 30 * 1024 * 1024, RECIPIENTS => 1000, ARGS => 10_000,
    AHEAD => 72 * 3600, WINDOW => 60,
};

# A check dies of [field, message].
sub unfit ($field, $message) { die [$field, $message] }

sub text ($from = 1, $to = undef) {
    return sub ($v, $at) {
        unfit($at, 'must be a string') unless string($v);
        unfit($at, "must have at least $from characters")
            if length $v < $from;
        unfit($at, "must have no more than $to characters")
            if defined $to && length $v > $to;
    };
}

# What becomes a line of a header.
sub line (@bounds) {
    my $text = text(@bounds);
    return sub ($v, $at) {
        $text->($v, $at);
        unfit($at, 'must not have control characters')
            if $v =~ /[\x00-\x1f\x7f]/;
    };
}

sub whole ($v, $at) { unfit($at, 'must be an integer') unless integer($v) }
sub truth ($v, $at) { unfit($at, 'must be a boolean') unless boolean($v) }

sub object ($fields, @required) {
    return sub ($v, $at) {
        unfit($at, 'must be an object') unless ref $v eq 'HASH';
        my $in = length $at ? "$at." : '';
        for my $name (sort keys %$v) {
            my $check = $fields->{$name}
                // unfit("$in$name", 'is not a known field');
            $check->($v->{$name}, "$in$name");
        }
        exists $v->{$_} or unfit("$in$_", 'is required') for @required;
    };
}

sub list ($check, $most = undef, %how) {
    return sub ($v, $at) {
        unfit($at, 'must be a list that is not empty')
            unless ref $v eq 'ARRAY' && @$v;
        unfit($at, "must have no more than $most")
            if defined $most && @$v > $most;
        $check->($v->[$_], "$at.$_") for 0 .. $#$v;
        my %seen;
        unfit($at, 'must be unique')
            if $how{unique}
                && grep { $seen{Mojo::JSON::encode_json([$_])}++ } @$v;
    };
}

sub strings ($v, $at) {
    unfit($at, 'must be an object') unless ref $v eq 'HASH';
    line(0)->($v->{$_}, "$at.$_") for sort keys %$v;
}

# These are made of other fields, or SendGrid's own.
my %RESERVED = map { $_ => 1 } qw(x-sg-id x-sg-eid received dkim-signature
    content-type content-transfer-encoding to from subject reply-to cc bcc);

sub headers ($v, $at) {
    strings($v, $at);
    for (sort keys %$v) {
        unfit("$at.$_", 'is not the name of a header')
            unless /^[!-9;-~]+\z/;
        unfit("$at.$_", 'is reserved') if $RESERVED{lc $_};
    }
}

# No Unicode before the @; none at all in who a mail is from.
sub address ($v, $at) {
    unfit($at, 'Does not contain a valid address.')
        unless string($v) && length $v <= 320
            && $v =~ /^[\w.!#\$%&'*+\/=?^`{|}~-]{1,64}@
                (?:[\w-]{1,63}\.)+[A-Za-z][\w-]*\z/ax;
}

my $who = object({email => \&address, name => sub ($v, $at) {
    line(0, 998)->($v, $at);
    unfit($at, 'must not have ; or ,') if $v =~ /[;,]/;
}}, 'email');

sub base64 ($v, $at) {
    unfit($at, 'must be Base64') unless string($v) && length $v
        && $v =~ m{^[A-Za-z0-9+/]+={0,2}\z} && length decode_base64($v);
}

sub later ($v, $at) {
    whole($v, $at);
    unfit($at, 'must not be more than 72 hours ahead') if $v > time + AHEAD;
}

my $switch = sub (@more) {
    return object({enable => \&truth, map { $_ => text(0) } @more});
};

my $personalization = object({
    from => $who,
    (map { $_ => list($who, RECIPIENTS) } qw(to cc bcc)),
    subject => line(), headers => \&headers, send_at => \&later,
    substitutions => \&strings,
    custom_args => \&strings,
    dynamic_template_data => sub ($v, $at) {
        unfit($at, 'must be an object') unless ref $v eq 'HASH';
    },
}, 'to');

my $MAIL = object({
    personalizations => list($personalization, 1000),
    from => $who, reply_to => $who,
    reply_to_list => list($who, 1000, unique => 1),
    subject => line(),
    content => list(object({type => line(), value => text()},
        qw(type value))),
    attachments => list(object({content => \&base64, type => line(),
        filename => line(), content_id => line(), disposition => sub ($v, $at) {
            unfit($at, 'must be inline or attachment')
                unless string($v) && $v =~ /^(?:inline|attachment)\z/;
        }}, qw(content filename))),
    template_id => line(), headers => \&headers,
    categories => list(line(1, 255), 10, unique => 1),
    send_at => \&later, batch_id => line(),
    asm => object({group_id => \&whole,
        groups_to_display => list(\&whole, 25)}, 'group_id'),
    ip_pool_name => line(2, 64),
    mail_settings => object({
        (map { ("bypass_${_}_management" => $switch->()) }
            qw(list spam bounce unsubscribe)),
        footer => $switch->(qw(text html)), sandbox_mode => $switch->()}),
    tracking_settings => object({
        click_tracking => object({enable => \&truth, enable_text => \&truth}),
        open_tracking => $switch->('substitution_tag'),
        subscription_tracking =>
            $switch->(qw(text html substitution_tag)),
        ganalytics => $switch->(map { "utm_$_" }
            qw(source medium term content campaign))}),
}, qw(personalizations from));

has window => sub { [0, 0] };

sub name ($self) { return 'sendgrid' }

sub mount ($self, $r) {
    $r->any('/v3/mail/send')->to(cb => sub ($c) {
        $self->sandbox->answer($c, $self->take($c));
    });
    $r->get('/v3/scopes')->to(cb => sub ($c) {
        $self->sandbox->answer($c, $self->scopes($c));
    });
}

# What the key that asks may, as GET /v3/scopes tells:
# https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions
sub scopes ($self, $c) {
    my ($key) = ($c->req->headers->authorization // '') =~ /^Bearer (.+)\z/;
    return 401, {errors => [{field => undef, message => 'authorization required'}]}
        unless defined $key && secure_compare($key, $self->now->{sendgrid_key});
    return 200, {scopes => $self->now->{sendgrid_scopes}};
}

sub reset ($self) {
    $self->window([0, 0]);
    return $self->SUPER::reset;
}

sub take ($self, $c) {
    my ($status, $why, $field) = $self->read($c);
    return $status if $status == 200;
    return $self->file($c) if $status == 202;

    $self->refuse($why, status => $status, field => $field);
    return $status, {errors => [{message => $why, field => $field,
        help => undef}]};
}

# 202 or 200, or (status, why, the field).
sub read ($self, $c) {
    my ($bytes, $in) = $c->stash('sent')->@{qw(bytes json)};

    return 405, 'method not allowed' if $c->req->method ne 'POST';
    my ($key) = ($c->req->headers->authorization // '') =~ /^Bearer (.+)\z/;
    return 401, 'The provided authorization grant is invalid, expired, or '
        . 'revoked' unless defined $key
            && secure_compare($key, $self->now->{sendgrid_key});
    return 429, 'too many requests' if $self->spent($c);
    return 413, 'content too large'
        if length $c->req->body > MOST || length($bytes // '') > MOST;
    return 400, 'Bad Request' unless ($c->req->headers->content_type // '')
        =~ m{^application/json\b}i && ref $in eq 'HASH';

    eval { $MAIL->($in, ''); whole_mail($in); 1 } or do {
        die $@ unless ref $@ eq 'ARRAY';
        return 400, $@->@[1, 0];
    };

    my $from = $self->now->{sendgrid_from};
    return 403, 'The from address does not match a verified Sender Identity.',
        'from' if defined $from && lc $in->{from}{email} ne lc $from;

    my $sandboxed = (($in->{mail_settings} // {})->{sandbox_mode} // {})
        ->{enable};
    return $sandboxed ? 200 : 202;
}

# What no field knows alone.
sub whole_mail ($in) {
    my @all = $in->{personalizations}->@*;
    my $n = 0;
    for my $at (0 .. $#all) {
        my %seen;
        my @to = map { ($all[$at]{$_} // [])->@* } qw(to cc bcc);
        unfit('personalizations', 'Each email address in the personalization '
            . 'block should be unique between to, cc, and bcc. We found the '
            . "first duplicate instance of [$_] in the personalizations.$at "
            . 'field.') for grep { $seen{$_}++ } map { lc $_->{email} } @to;
        $n += @to;
        unfit('subject', 'The subject is required.')
            unless defined($all[$at]{subject} // $in->{subject}
                // $in->{template_id});
        my $args = Mojo::JSON::encode_json($all[$at]{custom_args} // {});
        unfit("personalizations.$at.custom_args", 'must be under 10,000 bytes')
            if length $args >= ARGS;
    }
    unfit('personalizations', 'must have no more than 1000 recipients')
        if $n > RECIPIENTS;
    unfit('reply_to_list', 'stands with reply_to')
        if exists $in->{reply_to} && exists $in->{reply_to_list};

    unfit('content', 'The content is required.')
        unless exists $in->{content} || exists $in->{template_id};
    my @type = map { lc $_->{type} } ($in->{content} // [])->@*;
    for my $at (0 .. $#type) {
        unfit("content.$at", 'If present, text/plain and text/html must be the '
            . 'first and second of the content provided, in that order.')
            if $type[$at] eq 'text/plain' && $at > 0
                || $type[$at] eq 'text/html'
                    && ($at > 1 || $at == 1 && $type[0] ne 'text/plain');
    }
}

# Its numbers are not published: none but by request.
sub spent ($self, $c) {
    my $limit = $self->now->{sendgrid_limit} // return 0;
    my $w = $self->window;
    my $now = time;

    @$w = ($now, 0) if $now >= $w->[0] + WINDOW;
    my $h = $c->res->headers;
    $h->header('X-RateLimit-Limit' => $limit);
    $h->header('X-RateLimit-Reset' => int($w->[0] + WINDOW));
    my $spent = ++$w->[1] > $limit;
    $h->header('X-RateLimit-Remaining' => $spent ? 0 : $limit - $w->[1]);
    return $spent;
}

# There is no key by which SendGrid knows one that comes again: who sends twice
# has two mails delivered.
sub file ($self, $c) {
    my $in = $c->stash('sent')->{json};
    my $digest = sha256_hex($c->stash('sent')->{bytes});
    my $id = sprintf '%s.%06d', substr($digest, 0, 22),
        ++$self->state->{serial};

    $self->keep($digest, $id, {message_id => $id, mail => $in});
    $c->res->headers->header('X-Message-Id' => $id);
    return 202;
}

sub people ($all) {
    return join ', ', map {
        length($_->{name} // '') ? "$_->{name} <$_->{email}>" : $_->{email}
    } @$all;
}

sub rows ($self) {
    return map {
        my $mail = $_->{mail};
        my ($first) = $mail->{personalizations}->@*;
        +{
            $_->%{qw(received_at last_at times)},
            name => $first->{subject} // $mail->{subject} // '',
            who  => people([map { $_->{to}->@* }
                $mail->{personalizations}->@*]),
            what => {%$mail},
            note => join(', ', ($mail->{categories} // [])->@*),
        };
    } $self->events;
}

# For the page that shows mails as who gets them would, but for their markup.
sub mails ($self) {
    return map {
        my $mail = $_->{mail};
        my $entry = $_;
        map { +{
            $entry->%{qw(message_id last_at times)},
            subject => $_->{subject} // $mail->{subject} // '',
            parts   => $mail->{content} // [],
            lines   => [grep { length $_->[1] }
                [From => people([$_->{from} // $mail->{from}])],
                ['Reply-To' => people($mail->{reply_to_list}
                    // [$mail->{reply_to} // ()])],
                [To => people($_->{to})], [Cc => people($_->{cc} // [])],
                [Bcc => people($_->{bcc} // [])],
                [Categories => join ', ', ($mail->{categories} // [])->@*],
                map { [$_->[0], $_->[1] // ''] } pairs($mail->{headers}),
                pairs($_->{headers}), pairs($_->{custom_args})],
        } } $mail->{personalizations}->@*;
    } $self->events;
}

sub pairs ($of) { return map { [$_ => $of->{$_}] } sort keys(($of // {})->%*) }

1;
