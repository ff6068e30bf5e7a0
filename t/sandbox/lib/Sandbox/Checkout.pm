package Sandbox::Checkout;

# The page of a Checkout Session: without scripts, so that whatever reads a
# form can press its buttons.

use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::Promise;

has stripe => undef, weak => 1;

# no form-action: a browser would apply it to where paying leads, too
my $POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";

# of webhooks, before the visitor is sent on, as Stripe does
use constant WAIT => 10;

sub mount ($self, $r) {
    $r->get('/c/pay/:id')->to(cb => sub ($c) {
        my $s = $self->stripe->find($c->param('id'))
            // return $self->show($c, undef, '', 404);
        $self->show($c, $s);
    });
    $r->post('/c/pay/:id')->to(cb => sub ($c) { $self->press($c) });
}

sub show ($self, $c, $s, $why = '', $status = 200) {
    $c->res->headers->header('Content-Security-Policy' => $POLICY);
    $c->res->headers->header('Referrer-Policy' => 'no-referrer');
    $c->render(template => 'checkout', status => $status, s => $s, why => $why,
        lines => [map { +{
            what => $_->{price}{id}, quantity => $_->{quantity},
            every => $_->{price}{type} eq 'recurring'
                ? $_->{price}{interval} // 'month' : '',
            amount => money($_->{price}{unit_amount} * $_->{quantity},
                $_->{price}{currency}),
        } } $s ? $s->{items}->@* : ()],
        total => $s ? money($s->{amount}, $s->{currency}) : '');
}

# https://docs.stripe.com/currencies
my %DIGITS = ((map { $_ => 0 } qw(bif clp djf gnf jpy kmf krw mga pyg rwf vnd
    vuv xaf xof xpf)), map { $_ => 3 } qw(bhd jod kwd omr tnd));

sub money ($amount, $currency) {
    my $digits = $DIGITS{$currency} // 2;
    return sprintf '%.*f %s', $digits, $amount / 10 ** $digits, uc $currency;
}

sub press ($self, $c) {
    my $stripe = $self->stripe;
    my $s = $stripe->find($c->param('id'))
        // return $self->show($c, undef, '', 404);
    my $do = $c->param('do') // '';
    my $in = $s->{in};

    return $c->redirect_to($in->{cancel_url})
        if $do eq 'leave' && defined $in->{cancel_url};
    return $self->show($c, $s, 'This session is no longer open.', 409)
        if $s->{status} ne 'open';
    return $self->show($c, $s, 'Your card was declined.', 402)
        if $do eq 'decline';
    return $self->show($c, $s, 'There is no such button.', 400)
        unless $do =~ /^(?:pay|late)\z/;

    my %who = map { $_ => $c->param($_) }
        grep { length($c->param($_) // '') } qw(email name);
    my @events = $stripe->pay($s, %who, late => $do eq 'late');
    my $tx = $c->render_later->tx;
    my $sent = $stripe->made->deliver(@events);
    $sent = Mojo::Promise->race($sent, Mojo::Promise->timer(WAIT))
        if $stripe->now->{stripe_waits};
    $sent = Mojo::Promise->resolve unless $stripe->now->{stripe_waits};
    $sent->then(sub (@) {
        $c->res->code(303);
        $c->redirect_to($in->{success_url}
            =~ s/\{CHECKOUT_SESSION_ID\}/$s->{id}/gr);
        undef $tx;
    });
}

1;
