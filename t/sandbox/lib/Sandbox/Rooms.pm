package Sandbox::Rooms;

# The page of a conversation, in which somebody seems to talk.

use Mojo::Base -base, -signatures;

use Mojo::IOLoop;

use Sandbox::Conversation;

has tavus => undef, weak => 1;

my $POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; "
    . "connect-src 'self' ws:; img-src 'self' data:";

sub admits ($conv, $token) {
    return !$conv->{private} || defined $token && $token eq $conv->{token};
}

sub mount ($self, $r) {
    $r->get('/room/:id' => sub ($c) { $self->page($c) });

    $r->post('/room/:id/end' => sub ($c) {
        my $conv = $self->tavus->find($c) or return $c->rendered(404);
        $conv->end('participant_left_timeout reached');
        $c->rendered(204);
    });

    $r->websocket('/room/:id/socket' => sub ($c) { $self->talk($c) });
}

sub page ($self, $c) {
    my $conv = $self->tavus->find($c);
    $c->res->headers->header('Content-Security-Policy' => $POLICY);
    return $c->render(template => 'gone', status => 404) unless $conv;

    # a page of its own, that asks the one around it for the token
    return $c->render(template => 'room', status => 403, conv => $conv,
        door => 1) if $conv->{private} && !defined $c->param('t');
    return $c->render(template => 'gone', status => 403)
        unless admits($conv, $c->param('t'));

    $conv->joined;
    # who never connects, a script for instance, has left again
    $conv->arm(left => $conv->{left} + 5)
        if $conv->{status} eq 'active' && !$conv->{sockets}->%*;
    $c->render(template => 'room', conv => $conv, door => 0);
}

# Who has no token in the address says it first.
sub talk ($self, $c) {
    my $conv = $self->tavus->find($c);
    return $c->finish if !$conv || $conv->{status} eq 'ended';

    $c->inactivity_timeout(0);
    my $in = admits($conv, $c->param('t'));
    enter($conv, $c) if $in;

    $c->on(message => sub ($c, $text) {
        if ($in) {
            # the button in the room
            $conv->end('participant_left_timeout reached') if $text eq 'end';
            return;
        }
        $in = admits($conv, $text);
        return $in ? enter($conv, $c) : $c->finish;
    });
}

sub enter ($conv, $c) {
    my $key = "$c";

    $conv->joined;
    $conv->disarm('left');
    $conv->{sockets}{$key} = $c;
    $c->send({json => $_})
        for grep { Sandbox::Conversation::shown($_) } $conv->{transcript}->@*;

    $conv->{speaking} //= Mojo::IOLoop->recurring(
        $conv->knob('line_ms') / 1000 => sub ($loop) {
            return if $conv->{status} eq 'active' && !$conv->{sockets}->%*;
            return if $conv->{status} eq 'active' && $conv->speak;
            $loop->remove(delete $conv->{speaking});
        });

    my $left = sub (@) {
        delete $conv->{sockets}{$key};
        return if $conv->{status} eq 'ended' || $conv->{sockets}->%*;
        $conv->arm(left => $conv->{left});
    };
    $c->on(finish => $left);

    # who goes while the handshake is answered: of that the socket never hears
    $c->tx->handshake->on(finish => sub (@) {
        Mojo::IOLoop->next_tick(sub (@) {
            $left->() unless $c->tx && $c->tx->established;
        });
    });
}

1;
