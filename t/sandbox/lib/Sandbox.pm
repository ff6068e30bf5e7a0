package Sandbox;

# The frame around the services: records calls, makes faults, sends callbacks.

use Mojo::Base 'Mojolicious', -signatures;

use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json to_json);
use Mojo::UserAgent;
use Mojo::Util qw(decode);
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use Sandbox::Tavus;

has base       => '';
has api_key    => 'sandbox-key';
has calls      => sub { [] };
has callbacks  => sub { [] };
has faults     => sub { [] };
has config_now => sub { +{knobs()->%*} };
has sender     => sub {
    Mojo::UserAgent->new(max_redirects => 0, request_timeout => 15,
        connect_timeout => 5, inactivity_timeout => 15);
};

my %KINDS = map { $_ => 1 }
    qw(status delay hang cut reset garbage huge slow);
my %FAULT = map { $_ => 1 }
    qw(path method kind status body headers ms bytes times raw after);

sub knobs () {
    return {
        max_concurrent    => undef,
        plan_limit        => undef,
        callback_attempts => 1,
        callback_retry_ms => 200,
        line_ms           => 2500,
        twins             => 0,
    };
}

sub startup ($self) {
    $self->secrets(['sandbox']);
    $self->log->level('warn');
    $self->max_request_size(32 * 1024 * 1024);
    $self->mode('production');
    $self->static->paths([$self->home->child('public')]);
    $self->renderer->paths([$self->home->child('templates')]);
    $self->hook(before_dispatch => sub ($c) { $self->record($c) });

    my $r = $self->routes;
    my $tavus = Sandbox::Tavus->new(sandbox => $self);

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

    $r->post('/_config')->to(cb => sub ($c) {
        my $in = $c->req->json;
        return $c->render(status => 400, json => {error => 'not an object'})
            unless ref $in eq 'HASH';
        for (keys %$in) {
            return $c->render(status => 400, json => {error => "unknown: $_"})
                unless exists knobs()->{$_};
        }
        $self->config_now({$self->config_now->%*, %$in});
        $c->render(json => $self->config_now);
    });

    $r->delete('/_state')->to(cb => sub ($c) {
        $self->$_([]) for qw(calls callbacks faults);
        $self->config_now({knobs()->%*});
        $tavus->reset;
        $c->render(json => {});
    });

    $r->post('/_callback')->to(cb => sub ($c) {
        my $in = $c->req->json // {};
        my ($url, $body) = $tavus->envelope($in);
        return $c->render(status => 400, json => {error => $body})
            unless defined $url;
        my $tx = $c->render_later->tx;
        $self->send_callback($url, $body, $in->{conversation_id})
            ->then(sub ($entry) { $c->render(json => $entry); undef $tx });
    });

    $tavus->mount_rooms($r);

    # the services; what stands above is not theirs and has no faults
    my $services = $r->under('/' => sub ($c) { $self->fault_before($c) });

    $tavus->mount($services);
    $services->any('/*any' => {any => ''} => sub ($c) {
        $self->answer($c, 404, {message => 'Not Found'});
    });
}

# ---- what was received -----------------------------------------------------

sub record ($self, $c) {
    my $req = $c->req;
    my $path = $req->url->path->to_route;
    return if $path =~ m{^/(?:_|room/|room\.)};

    my $headers = $req->headers->to_hash(1);
    my %headers = map { lc $_ => join ', ', $headers->{$_}->@* }
        keys %$headers;

    if (defined $headers{'x-api-key'}) {
        $headers{'x-api-key'}
            = $headers{'x-api-key'} eq $self->api_key ? 'valid' : 'invalid';
    }

    my $bytes = $req->body;
    my $json = eval { decode_json($bytes) };

    push $self->calls->@*, {
        time    => time,
        method  => $req->method,
        path    => $path,
        query   => $req->url->query->to_string,
        headers => \%headers,
        body    => $json // decode('UTF-8', $bytes) // '',
    };
    shift $self->calls->@* if $self->calls->@* > 10_000;
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

sub take_fault ($self, $c) {
    my $path = $c->req->url->path->to_route;

    # a test looks, and the fault is for who is tested
    return undef if $c->req->headers->header('X-No-Faults');

    for my $f ($self->faults->@*) {
        next if defined $f->{times} && $f->{times} <= 0;
        next if defined $f->{method} && uc $f->{method} ne $c->req->method;
        next if defined $f->{path} && index($path, $f->{path}) != 0;
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

# Every service answers through this.
sub answer ($self, $c, $status, $json = undef) {
    my $f = $c->stash('fault');
    return $self->spoil($c, $f, $status, $json) if $f;
    return $c->rendered($status) if !defined $json;
    return $c->render(status => $status, json => $json);
}

sub spoil ($self, $c, $f, $status, $json) {
    my $kind = $f->{kind};
    my $tx = $c->render_later->tx;
    my $bytes = defined $json ? encode_json($json) : '';

    $c->inactivity_timeout(0);
    $c->res->headers->content_type('application/json');

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
# is.
sub send_callback ($self, $url, $body, $conversation_id = undef) {
    my $bytes = ref $body ? encode_json($body) : $body;
    my $entry = {
        time            => time,
        url             => "$url",
        conversation_id => $conversation_id,
        event_type      => ref $body eq 'HASH' ? $body->{event_type} : undef,
        body            => $body,
        attempts        => 0,
        status          => undef,
        error           => undef,
    };

    push $self->callbacks->@*, $entry;
    return $self->attempt($entry, $bytes);
}

sub attempt ($self, $entry, $bytes) {
    $entry->{attempts}++;

    return $self->sender->post_p($entry->{url} =>
        {'Content-Type' => 'application/json'} => $bytes)
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
            ->then(sub { $self->attempt($entry, $bytes) });
    });
}

1;
