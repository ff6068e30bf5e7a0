package Sandbox::Hooks;

# A receiver of webhooks, signed as Standard Webhooks 1.0.0 has it.
#
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use Mojo::Base 'Sandbox::Destination', -signatures;

use Digest::SHA qw(hmac_sha256 sha256_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use Mojo::JSON qw(false true);
use Mojo::Util qw(decode secure_compare);

use Sandbox::Check qw(string);

use constant TOLERANCE => 300;

# What POST /_config takes as hooks: {name: secret}.
sub are_hooks ($v) {
    return 0 unless ref $v eq 'HASH';
    for my $name (keys %$v) {
        return 0 unless $name =~ /^[\w-]{1,64}\z/ && string($v->{$name})
            && $v->{$name} =~ m{^whsec_([A-Za-z0-9+/]+={0,2})\z};
        my $n = length decode_base64($1);
        return 0 if $n < 24 || $n > 64;
    }
    return 1;
}

sub name ($self) { return 'hooks' }

sub mount ($self, $r) {
    $r->post('/hooks/:hook')->to(cb => sub ($c) {
        $self->sandbox->answer($c, $self->take($c));
    });
}

sub take ($self, $c) {
    my $hook = $c->param('hook');
    my ($status, $why) = $self->verify($c, $hook);
    return 200, {received => true} if $status == 200;
    $self->refuse($why, hook => $hook, status => $status,
        id => $c->req->headers->header('webhook-id'));
    return $status, {error => $why};
}

sub verify ($self, $c, $hook) {
    my $secret = $self->now->{hooks}{$hook}
        // return 404, 'no such hook';
    my ($id, $time, $signatures) = map { $c->req->headers->header("webhook-$_") }
        qw(id timestamp signature);
    return 401, 'a header is missing'
        if grep { !length($_ // '') } $id, $time, $signatures;
    return 401, 'webhook-id has a full stop' if $id =~ /\./;
    return 401, 'webhook-timestamp is not in seconds'
        unless $time =~ /^[1-9]\d{0,11}\z/;
    return 401, 'webhook-timestamp is too old' if $time < time - TOLERANCE;
    return 401, 'webhook-timestamp is in the future'
        if $time > time + TOLERANCE;

    # over the bytes as they came
    my $body = $c->req->body;
    my $mac = 'v1,' . encode_base64(hmac_sha256("$id.$time.$body",
        decode_base64($secret =~ s/^whsec_//r)), '');
    return 401, 'no signature is right'
        unless grep { secure_compare($_, $mac) } split / /, $signatures;

    my $in = $c->stash('sent')->{json};
    return 400, 'not a JSON object' unless ref $in eq 'HASH'
        && ($c->req->headers->content_type // '') =~ m{^application/json\b}i;

    my $digest = sha256_hex($body);
    my $entry = $self->keep("$hook\0$id", $id, {hook => $hook, id => $id,
        type => $in->{type}, body => $in, digest => $digest, changed => false,
        sent => []});
    if ($entry) {
        # one id, one message
        $entry->{changed} = true if $entry->{digest} ne $digest;
        push $entry->{sent}->@*, {body => decode('UTF-8', $body),
            headers => {map { ("webhook-$_->[0]" => $_->[1]) } [id => $id],
                [timestamp => $time], [signature => $signatures]}};
    }
    return 200;
}

sub rows ($self) {
    return map { {
        $_->%{qw(received_at last_at times)},
        name => $_->{type} // '', who => $_->{hook},
        what => $_->{body}, note => $_->{changed} ? 'changed' : '',
    } } $self->events;
}

1;
