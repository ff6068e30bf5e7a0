package Sandbox::StripeEvents;

# Stripe's events: made, sent to the one webhook endpoint that is configured,
# and listed.
#
# https://docs.stripe.com/webhooks, https://docs.stripe.com/api/events/list

use Mojo::Base -base, -signatures;

use Digest::SHA qw(hmac_sha256_hex);
use List::Util qw(shuffle);
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json false true);
use Mojo::Promise;
use Time::HiRes qw(time);

use Sandbox::Check qw(integer);
use Sandbox::StripeShape;

has stripe => undef, weak => 1;
has events => sub { [] };

# What POST /_config takes as stripe_deliver: {type: {delay_ms, times, lost}},
# "*" being all that have none of their own.
sub are_ways ($v) {
    return 0 unless ref $v eq 'HASH';
    for my $way (values %$v) {
        return 0 unless ref $way eq 'HASH';
        return 0 if grep { !/^(?:delay_ms|times|lost)\z/
            || !integer($way->{$_}) || $way->{$_} < 0 } keys %$way;
    }
    return 1;
}

# An event of now: what it shows is as it is now, whenever it is shown, in
# both forms; "was" is what of it had other values before.
sub make ($self, $type, $shape, $of, $request = undef, $was = undef) {
    my $event = {
        id       => $self->stripe->new_id('evt_1', 24),
        type     => $type,
        created  => int time,
        livemode => $of->{livemode},
        request  => $request,
        was      => $was,
        sent     => 0,
        state    => 'pending',
        shown    => {map { $_ => Sandbox::StripeShape->can($shape)->($of, $_) }
            '2024-06-20', '2026-09-30.endive'},
    };
    unshift $self->events->@*, $event;
    return $event;
}

sub shown ($self, $event, $version) {
    my $as = Sandbox::StripeShape::is_new($version)
        ? '2026-09-30.endive' : '2024-06-20';
    return {
        id => $event->{id}, object => 'event', api_version => $version,
        created => $event->{created}, type => $event->{type},
        livemode => Sandbox::StripeShape::bool($event->{livemode}),
        pending_webhooks => $event->{state} eq 'delivered' ? 0 : 1,
        request => {id => $event->{request}{id}, idempotency_key =>
            $event->{request}{key}},
        data => {object => $event->{shown}{$as},
            $event->{was} ? (previous_attributes => $event->{was}) : ()},
    };
}

# One after the other, but what has a delay, which the others overtake.
# Resolves when all of them have arrived, or will not.
sub deliver ($self, @events) {
    my $now = $self->stripe->now;
    my $order = $now->{stripe_order};
    @events = $order eq 'reversed' ? reverse @events
        : $order eq 'random' ? shuffle @events : @events;

    my $last = Mojo::Promise->resolve;
    my @apart;
    for my $event (@events) {
        my $ways = $now->{stripe_deliver};
        my $way = $ways->{$event->{type}} // $ways->{'*'} // {};
        my $times = $way->{times} // 1;
        my $send = sub (@) {
            $self->send($event, $way->{lost}, $times);
        };
        if ($way->{delay_ms}) {
            push @apart, Mojo::Promise->timer($way->{delay_ms} / 1000)
                ->then($send);
        } else {
            $last = $last->then($send);
        }
    }
    return Mojo::Promise->all($last, @apart);
}

sub send ($self, $event, $lost, $times = 1) {
    my $now = $self->stripe->now;

    # who has no endpoint has nothing that failed
    if (!defined $now->{stripe_webhook_url}) {
        $event->{state} = 'delivered';
        return Mojo::Promise->resolve;
    }

    return $self->post($self->shown($event, $now->{stripe_webhook_version}),
        $lost)->then(sub ($entry) {
        $event->{sent} += $entry->{attempts};
        $event->{state} = 'delivered' if ($entry->{status} // 0) =~ /^2/;
        $event->{state} = 'failed' if $event->{state} eq 'pending';
        return $times > 1 ? $self->send($event, $lost, $times - 1) : undef;
    });
}

# Any body, signed at each attempt: the whole secret is the key.
sub post ($self, $body, $lost = 0) {
    my $now = $self->stripe->now;

    return $self->stripe->sandbox->send_callback($now->{stripe_webhook_url},
        $body, undef, $lost, sub ($bytes) {
            my $t = int time;
            return ('Stripe-Signature' => "t=$t,v1=" . hmac_sha256_hex(
                "$t.$bytes", $now->{stripe_webhook_secret}));
        });
}

sub find ($self, $id, $live) {
    my ($event) = grep { $_->{id} eq $id && !$_->{livemode} eq !$live }
        $self->events->@*;
    return $event;
}

# Each is shown in the version that the account had when it was made, which
# need not be the endpoint's.
sub list ($self, $in, $live) {
    my %types = map { $_ => 1 } $in->{type} // (), ($in->{types} // [])->@*;
    my @all = grep { !$_->{livemode} eq !$live } $self->events->@*;

    return page('/v1/events', $in, \@all, sub ($event) {
        return (!%types || $types{$event->{type}})
            && (!exists $in->{delivery_success} || $in->{delivery_success}
                == ($event->{state} eq 'delivered'));
    }, sub ($end) {
        $self->stripe->missing_resource('event', $in->{$end}, $end, 400);
    }, sub ($event) { $self->shown($event,
        $self->stripe->now->{stripe_account_version}) });
}

# A page of a list, newest first: of what is behind or before one of it, what
# is wanted.
sub page ($url, $in, $list, $wanted, $missing, $shown) {
    my $limit = $in->{limit} // 10;
    my @all = @$list;

    for my $end (qw(starting_after ending_before)) {
        my $id = $in->{$end} // next;
        my ($at) = grep { $all[$_]{id} eq $id } 0 .. $#all;
        $missing->($end) unless defined $at;
        @all = $end eq 'starting_after' ? @all[$at + 1 .. $#all]
            : @all[0 .. $at - 1];
    }

    my %of = (gt => sub ($x, $y) { $x > $y }, gte => sub ($x, $y) { $x >= $y },
        lt => sub ($x, $y) { $x < $y }, lte => sub ($x, $y) { $x <= $y });
    my $created = $in->{created} // {};
    @all = grep {
        my $one = $_;
        $wanted->($one) && !grep {
            !$of{$_}->($one->{created}, $created->{$_}) } keys %$created;
    } @all;

    # the page that ends before one is the one next to it
    my $more = @all > $limit;
    @all = exists $in->{ending_before} ? @all[-$limit .. -1]
        : @all[0 .. $limit - 1] if $more;
    return {object => 'list', url => $url, has_more => $more ? true : false,
        data => [map { $shown->($_) } @all]};
}

1;
