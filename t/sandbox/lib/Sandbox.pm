package Sandbox;

# The frame around the services: records calls, makes faults, sends callbacks.

use Mojo::Base 'Mojolicious', -signatures;

use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Promise;
use Mojo::UserAgent;
use Mojo::Util qw(decode encode);
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use Sandbox::Body;
use Sandbox::Checkout;
use Sandbox::Documents;
use Sandbox::Form;
use Sandbox::Ga4;
use Sandbox::Hooks;
use Sandbox::Posthog;
use Sandbox::Received;
use Sandbox::Script;
use Sandbox::Sendgrid;
use Sandbox::Stripe;
use Sandbox::Tavus;

has base       => '';
has api_key    => 'sandbox-key';
has calls      => sub { [] };
has callbacks  => sub { [] };
has faults     => sub { [] };
# what differs from the knobs' own values, also after a reset
has begins     => sub { +{} };
has config_now => sub ($self) { +{knobs()->%*, $self->begins->%*} };
has destinations => sub ($self) {
    [map { $_->new(sandbox => $self) }
        map { "Sandbox::$_" } qw(Posthog Ga4 Hooks Stripe Sendgrid)];
};
has sender     => sub {
    Mojo::UserAgent->new(max_redirects => 0, request_timeout => 15,
        connect_timeout => 5, inactivity_timeout => 15);
};

my %KINDS = map { $_ => 1 }
    qw(status delay hang cut reset garbage huge slow);
my %FAULT = map { $_ => 1 }
    qw(path method holds kind status body headers ms bytes times raw after);

my $whole = sub ($v) { ($v // '') =~ /^\d+\z/ };
my $maybe = sub ($v) { !defined $v || $whole->($v) };
my $share = sub ($v) { ($v // '') =~ /^(?:0|1|0?\.\d+)\z/ };
my $token = sub ($v) { ($v // '') =~ /^[\w-]{1,64}\z/ };
my $secret = sub ($v) { ($v // '') =~ /^[\w.-]{1,128}\z/ };
my $among = sub (@words) {
    return sub ($v) { defined $v && grep { $_ eq $v } @words };
};

my $dated = $among->(qw(2024-06-20 2026-09-30.endive 2026-10-28.endive));
my $loopback = sub ($v) {
    !defined $v
        || $v =~ m{^http://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])[:/]};
};

# A subscription's, but for what is bought once; US cents.
my %PRICES = map {
    my ($id, $type, $amount) = @$_;
    ("price_$id" => {type => $type, currency => 'usd',
        unit_amount => $amount});
} [basic => 'recurring', 2500], [starter => 'recurring', 19_900],
    [growth => 'recurring', 59_900], [scale => 'recurring', 149_900],
    [multilingual => 'recurring', 3900], [ivr => 'recurring', 5900],
    [sla => 'recurring', 9900], [concurrency => 'recurring', 4900],
    [hipaa => 'recurring', 5900], [replica => 'one_time', 19_900],
    [minutes_1k => 'one_time', 4000];

# What POST /_config sets: how it begins, and what it may be.
my %KNOBS = (
    callback_attempts  => [1, $whole],
    callback_drop      => [0, $share],
    callback_retry_ms  => [200, $whole],
    credits            => [1, $whole],
    default_replica    => ['r0123456789ab', sub ($v) { !defined $v || $token->($v) }],
    document_ms        => [1500, $whole],
    errors             => ['either', $among->(qw(either error message))],
    ga4_measurement_id => ['G-SANDBOX1', $token],
    ga4_secret         => ['sandbox-ga4-secret', $token],
    hooks              => [{crm => 'whsec_Y3JtIG9mIHRoZSBzYW5kYm94LCAzMiBieXRlcy4uLi4='},
        \&Sandbox::Hooks::are_hooks],
    line_ms            => [2500, $whole],
    max_concurrent     => [undef, $maybe],
    max_crawling       => [5, $whole],
    max_crawls         => [100, $whole],
    missing_ids        => [[], sub ($v) { ref $v eq 'ARRAY' }],
    names              => ['asked', $among->(qw(asked new old mixed))],
    plan_limit         => [undef, $maybe],
    posthog_key        => ['phc_sandbox_0123456789abcdef', $token],
    record_answers     => [0, $whole],
    recrawl_seconds    => [3600, $whole],
    row_times          => ['epoch', $among->(qw(epoch iso mixed))],
    seed               => [undef, $maybe],
    sendgrid_from      => [undef,
        sub ($v) { !defined $v || $v =~ /^\S+@\S+\z/ }],
    sendgrid_key       => ['SG.sandbox.0123456789abcdef', $secret],
    sendgrid_limit     => [undef, $maybe],
    sendgrid_scopes    => [['mail.send'], sub ($v) { ref $v eq 'ARRAY' }],
    story              => ['full', $among->(Sandbox::Script::stories())],
    stripe_account_version => ['2026-10-28.endive', $dated],
    stripe_deliver     => [{}, \&Sandbox::StripeEvents::are_ways],
    stripe_keeps_500   => [0, $whole],
    stripe_key         => ['sk_test_sandbox0123456789abcdef', $secret],
    stripe_order       => ['made', $among->(qw(made reversed random))],
    stripe_prices      => [\%PRICES, \&Sandbox::Stripe::are_prices],
    stripe_url         => [1, $whole],
    stripe_version     => ['2026-10-28.endive', $dated],
    stripe_waits       => [1, $whole],
    stripe_webhook_secret  => ['whsec_sandbox0123456789abcdef', $secret],
    stripe_webhook_url => [undef, $loopback],
    stripe_webhook_version => ['2026-10-28.endive', $dated],
    twins              => [1, $whole],
    verbose            => ['replayed', $among->(qw(replayed example))],
);

sub knobs () { return {map { $_ => $KNOBS{$_}[0] } keys %KNOBS} }

sub startup ($self) {
    $self->secrets(['sandbox']);
    $self->log->level('warn');
    $self->max_request_size(32 * 1024 * 1024);
    $self->mode('production');
    $self->static->paths([$self->home->child('public')]);
    $self->renderer->compress(0)->paths([$self->home->child('templates')]);
    $self->hook(before_dispatch => sub ($c) { $self->record($c) });
    $self->hook(after_dispatch => sub ($c) { $self->record_answer($c) });

    my $r = $self->routes;
    my $tavus = Sandbox::Tavus->new(sandbox => $self);
    my $documents = Sandbox::Documents->new(tavus => $tavus);

    $r->get('/_health')->to(cb => sub ($c) { $c->render(json => {ok => \1}) });

    $r->get('/_calls')->to(cb => sub ($c) {
        my $path = $c->param('path');
        $c->render(json => {calls => [
            grep { !defined $path || index($_->{path}, $path) == 0 }
                $self->calls->@*]});
    });
    $r->delete('/_calls')->to(cb => sub ($c) {
        $self->calls([]);
        $c->render(json => {});
    });

    $r->post('/_fault')->to(cb => sub ($c) { $self->add_fault($c) });
    $r->delete('/_fault')->to(cb => sub ($c) {
        $self->faults([]);
        $c->render(json => {});
    });

    $r->get('/_callbacks')->to(cb => sub ($c) {
        $c->render(json => {callbacks => $self->callbacks});
    });
    $r->delete('/_callbacks')->to(cb => sub ($c) {
        $self->callbacks([]);
        $c->render(json => {});
    });

    $r->post('/_config')->to(cb => sub ($c) { $self->configure($c) });

    $r->delete('/_state')->to(cb => sub ($c) {
        $self->$_([]) for qw(calls callbacks faults);
        $self->config_now({knobs()->%*, $self->begins->%*});
        $_->reset for $tavus, $documents, $self->destinations->@*;
        $c->render(json => {});
    });

    $r->post('/_callback')->to(cb => sub ($c) {
        my $in = $c->req->json // {};
        my ($url, $body) = $tavus->callback($in);
        return $c->render(status => 400, json => {error => $body})
            unless defined $url;
        my $tx = $c->render_later->tx;
        $self->send_callback($url, $body, $in->{conversation_id})
            ->then(sub ($entry) { $c->render(json => $entry); undef $tx });
    });

    # a callback_url for who has none
    $r->any('/_sink')->to(cb => sub ($c) { $c->render(json => {}) });
    $r->post('/_play')->to(cb => sub ($c) { $tavus->play($c) });
    $r->post('/_events')->to(cb => sub ($c) { $tavus->show($c) });

    $r->post('/_document')->to(cb => sub ($c) { $documents->set($c) });

    $tavus->rooms->mount($r);

    my ($stripe) = grep { $_->name eq 'stripe' } $self->destinations->@*;
    Sandbox::Checkout->new(stripe => $stripe)->mount($r);
    $r->post('/_stripe')->to(cb => sub ($c) { $stripe->act($c) });

    for my $destination ($self->destinations->@*) {
        $r->get('/_' . $destination->name)->to(cb => sub ($c) {
            $c->render(json => $destination->report($c->param('ids')));
        });
    }
    Sandbox::Received->new(sandbox => $self)->mount($r);

    # the services; what stands above is not theirs and has no faults
    my $services = $r->under('/' => sub ($c) { $self->fault_before($c) });

    $documents->mount($services);
    $tavus->mount($services);
    $_->mount($services) for $self->destinations->@*;
    $services->any('/*any' => {any => ''} => sub ($c) {
        $self->answer($c, 404, {message => 'Not Found'});
    });
}

sub configure ($self, $c) {
    my $in = $c->req->json;
    my ($bad) = ref $in eq 'HASH' ? grep {
        !$KNOBS{$_} || !$KNOBS{$_}[1]->($in->{$_})
    } sort keys %$in : 'body';
    return $c->render(status => 400, json => {error => "bad $bad"})
        if defined $bad;

    srand $in->{seed} if defined $in->{seed};
    $self->config_now({$self->config_now->%*, %$in});
    $c->render(json => $self->config_now);
}

# ---- what was received -----------------------------------------------------

sub record ($self, $c) {
    my $req = $c->req;
    my $path = $req->url->path->to_route;
    return if $path =~ m{^/(?:\z|_|c/pay/|room/|(?:checkout|received|room)\.)};

    my $headers = $req->headers->to_hash(1);
    my %headers = map { lc $_ => join ', ', $headers->{$_}->@* }
        keys %$headers;

    if (defined $headers{'x-api-key'}) {
        $headers{'x-api-key'}
            = $headers{'x-api-key'} eq $self->api_key ? 'valid' : 'invalid';
    }

    if (defined $headers{authorization}) {
        my ($key) = $headers{authorization} =~ /^Bearer (.+)\z/;
        $headers{authorization} = grep({ defined $key && $key eq $_ }
            $self->config_now->@{qw(sendgrid_key stripe_key)})
            ? 'valid' : 'invalid';
    }

    # unpacked and read once, for the services too; undef: it cannot be
    my $bytes = Sandbox::Body::unpacked($req);
    my $json = defined $bytes ? eval { decode_json($bytes) } : undef;
    $c->stash(sent => {bytes => $bytes, json => $json});

    # as it came, but for a secret: who has parsed it writes it anew
    my $query = $req->url->query->to_string;
    if ($query =~ /\bapi_secret=/) {
        my $parsed = $req->query_params->clone;
        $parsed->merge(api_secret => $parsed->param('api_secret')
            eq $self->config_now->{ga4_secret} ? 'valid' : 'invalid');
        $query = $parsed->to_string;
    }

    $c->stash(call => {
        time    => time,
        method  => $req->method,
        path    => $path,
        query   => $query,
        headers => \%headers,
        body    => $json // decode('UTF-8', $bytes // '') // '',
        form($headers{'content-type'}, $bytes),
    });
    push $self->calls->@*, $c->stash('call');
    shift $self->calls->@* if $self->calls->@* > 10_000;
}

# Of a form the fields, too: {name => value}.
sub form ($type, $bytes) {
    return unless ($type // '') =~ m{^application/x-www-form-urlencoded\b}i;
    my @fields = eval { Sandbox::Form::fields($bytes // '') };
    return $@ ? () : (form => {map { @$_ } @fields});
}

sub record_answer ($self, $c) {
    my $call = $c->stash('call') or return;
    return unless $self->config_now->{record_answers};
    my $res = $c->res;
    my $bytes = $res->body;
    $call->{answer} = {
        status  => $res->code,
        headers => $res->headers->to_hash,
        body    => length $bytes ? eval { decode_json($bytes) } // $bytes
            : undef,
    };
}

# ---- faults ----------------------------------------------------------------

sub add_fault ($self, $c) {
    my $f = $c->req->json;
    my ($bad) = ref $f eq 'HASH' ? grep { !$FAULT{$_} } keys %$f : 'body';
    $bad //= 'kind' unless $KINDS{$f->{kind} // ''};
    $bad //= 'status' if $f->{kind} eq 'status' && !$f->{status};
    return $c->render(status => 400, json => {error => "bad $bad"})
        if defined $bad;

    push $self->faults->@*, {%$f};
    $c->render(json => {faults => scalar $self->faults->@*});
}

# What begins so.  POST is to make something: what is done to another thing of that
# kind, which lies under it, is not meant, unless the path ends with a slash.
sub concerns ($f, $path) {
    return $path eq $f->{path}
        if uc($f->{method} // '') eq 'POST' && $f->{path} !~ m{/\z};
    return index($path, $f->{path}) == 0;
}

sub take_fault ($self, $c) {
    my $path = $c->req->url->path->to_route;

    # a test looks, and the fault is for who is tested
    return undef if $c->req->headers->header('X-No-Faults');

    for my $f ($self->faults->@*) {
        next if defined $f->{times} && $f->{times} <= 0;
        next if defined $f->{method} && uc $f->{method} ne $c->req->method;
        next if defined $f->{path} && !concerns($f, $path);
        next if defined $f->{holds}
            && index($c->stash('sent')->{bytes} // '', $f->{holds}) < 0;
        $f->{times}-- if defined $f->{times};
        return $f;
    }

    return undef;
}

# True lets the call reach its service.
sub fault_before ($self, $c) {
    my $f = $self->take_fault($c) or return 1;

    if ($f->{after} || $f->{kind} eq 'slow') {
        $c->stash(fault => $f);
        return 1;
    }

    if ($f->{kind} eq 'delay') {
        $c->render_later;
        $c->inactivity_timeout(0);
        my $tx = $c->tx;
        Mojo::IOLoop->timer(($f->{ms} // 1000) / 1000 => sub {
            # the other side may be gone by now
            $c->continue unless $tx->is_finished;
        });
        return undef;
    }

    $self->spoil($c, $f, 200, {});
    return undef;
}

# Every service answers through this: with JSON, with text, or nothing.
sub answer ($self, $c, $status, $body = undef) {
    my $f = $c->stash('fault');
    return $self->spoil($c, $f, $status, $body) if $f;
    return $c->rendered($status) if !defined $body;
    return $c->render(status => $status, json => $body) if ref $body;
    return $c->render(status => $status, text => $body, format => 'txt');
}

sub spoil ($self, $c, $f, $status, $answer) {
    my $kind = $f->{kind};
    my $tx = $c->render_later->tx;
    my $bytes = ref $answer ? encode_json($answer)
        : encode('UTF-8', $answer // '');

    $c->inactivity_timeout(0);
    $c->res->headers->content_type(defined $answer && !ref $answer
        ? 'text/plain;charset=UTF-8' : 'application/json');

    if ($kind eq 'status') {
        my $body = $f->{body} // {error => 'fault'};
        $body = encode_json($body) if ref $body;
        $c->res->headers->header($_ => $f->{headers}{$_})
            for keys(($f->{headers} // {})->%*);
        return $c->render(status => $f->{status}, data => $body);
    }

    if ($kind eq 'delay') {
        Mojo::IOLoop->timer(($f->{ms} // 1000) / 1000 => sub {
            $c->render(status => $status, data => $bytes)
                unless $tx->is_finished;
        });
        return;
    }

    if ($kind eq 'hang') {
        # no longer than until the other side gives up
        return;
    }

    my $stream = Mojo::IOLoop->stream($tx->connection);

    if ($kind eq 'reset') {
        setsockopt $stream->handle, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
        return $stream->close;
    }

    if ($kind eq 'garbage') {
        my $body = $f->{body} // "<html>\x{1}\x{ff}not json";
        utf8::encode($body) if utf8::is_utf8($body);
        return $c->render(status => 200, data => $body) unless $f->{raw};
        return $stream->write($body => sub { $stream->close_gracefully });
    }

    if ($kind eq 'huge') {
        my $left = $f->{bytes} // 64 * 1024 * 1024;
        my ($head, $tail) = ('{"pad":"', '"}');
        my $more;
        $more = sub (@) {
            return undef $more if $left < 0;
            my $n = $left < 65536 ? $left : 65536;
            my $last = ($left -= $n) == 0;
            $left = -1 if $last;
            $c->write('x' x $n . ($last ? $tail : '') => $more);
        };
        $c->res->headers->content_length(length("$head$tail") + $left);
        return $c->write($head => $more);
    }

    # what is left wants a body that can be taken apart
    $bytes = encode_json({error => 'fault', pad => 'x' x 64})
        if length $bytes < 3;
    $status = 200 if $status == 204;

    if ($kind eq 'cut') {
        my $n = $f->{bytes} // int(length($bytes) / 2);
        return $stream->close if $n == 0;
        $c->res->code($status)->headers->content_length(length $bytes);
        return $c->write(substr($bytes, 0, $n) => sub {
            $stream->close_gracefully;
        });
    }

    # slow
    my $ms = ($f->{ms} // 100) / 1000;
    $c->res->code($status)->headers->content_length(length $bytes);
    my $at = 0;
    my $id;
    $id = Mojo::IOLoop->recurring($ms => sub {
        return Mojo::IOLoop->remove($id)
            if $tx->is_finished || $at >= length $bytes;
        $c->write(substr $bytes, $at++, 1);
    });
}

# ---- callbacks -------------------------------------------------------------

# Resolves with the entry of /_callbacks.  A body that is a string goes as it
# is; what is lost does not go at all.  "sign" makes headers of the bytes, anew
# at each attempt.
sub send_callback ($self, $url, $body, $conversation_id = undef, $lost = 0,
    $sign = sub ($bytes) { () })
{
    my $bytes = ref $body ? encode_json($body) : $body;
    my $entry = {
        time            => time,
        url             => "$url",
        conversation_id => $conversation_id,
        event_type      => ref $body eq 'HASH'
            ? $body->{event_type} // $body->{type} : undef,
        body            => $body,
        attempts        => 0,
        status          => undef,
        error           => undef,
    };

    push $self->callbacks->@*, $entry;
    if ($lost) {
        $entry->{lost} = \1;
        return Mojo::Promise->resolve($entry);
    }
    return $self->attempt($entry, $bytes, $sign);
}

sub attempt ($self, $entry, $bytes, $sign) {
    $entry->{attempts}++;

    return $self->sender->post_p($entry->{url} =>
        {'Content-Type' => 'application/json', $sign->($bytes)} => $bytes)
    ->then(
        sub ($tx) {
            $entry->{status} = $tx->res->code;
            $entry->{answer} = $tx->res->text;
            $entry->{error} = undef;
        },
        sub ($error) { $entry->{error} = "$error"; $entry->{status} = undef }
    )->then(sub {
        my $now = $self->config_now;
        return $entry if ($entry->{status} // 0) =~ /^2/
            || $entry->{attempts} >= $now->{callback_attempts};
        return Mojo::Promise->timer($now->{callback_retry_ms} / 1000)
            ->then(sub { $self->attempt($entry, $bytes, $sign) });
    });
}

1;
