#!/usr/bin/perl

# Orders and subscriptions of Stripe's own fixtures (t/data/stripe), in the shape of either age of its API:
# only what tells one object of another, and what happens to it, is filled in.  Wants DATABASE_URL (or PG*
# variables), as a superuser; all of it is rolled back.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use DBD::Pg;
use File::Basename qw( dirname );
use JSON::PP;
use List::Util qw( shuffle );
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $json = JSON::PP->new->canonical;
my $db = DBI->connect("dbi:Pg:" . ($ENV{DATABASE_URL} || ''), undef, undef, { RaiseError => 1, PrintError => 0 });
my $seed = $ENV{SEED} || time() ^ $$;
srand $seed;

my $T = time() - 20 * 86400;
my ($YES, $NO) = (JSON::PP::true, JSON::PP::false);
my ($new, %fixture, $n);

sub fixtures {
    my ($file) = @_;

    open my $in, '<', "$here/../data/stripe/$file.json" or die "$file: $!";
    local $/;
    return %{ $json->decode(scalar <$in>) };
}

# one of them, with members of one's own, which must be there already
sub made {
    my ($kind, %over) = @_;
    my $object = $json->decode($json->encode($fixture{$kind} // die "no $kind"));

    for my $path (keys %over) {
        my ($at, @path) = ($object, split /\./, $path);
        my $last = pop @path;

        $at = $at->{$_} for @path;
        exists $at->{$last} || $path =~ /^metadata\./ or die "$kind has no $path";
        $at->{$last} = $over{$path};
    }

    return $object;
}

sub event {
    my ($type, $at, $object) = @_;
    my $event = made('event', id => sprintf('evt_%05d', ++$n * 7919 % 100000), type => $type, created => $T + $at,
                     api_version => $new ? '2026-10-28.endive' : '2024-06-20');
    $event->{data} = { object => $object };
    return $event;
}

sub order { my ($k) = @_; return sprintf('018f0000-0000-7000-8000-%012x', unpack('%32C*', $k) * 16 + $new) }

sub session {
    my ($k, %over) = @_;
    return made('checkout.session', id => "cs_$k", created => $T, status => 'complete', payment_status => 'paid',
                mode => 'payment', amount_total => 2000, currency => 'eur', payment_intent => "pi_$k",
                'metadata.order_id' => order($k), 'customer_details.email' => "$k\@example.org",
                expires_at => $T + 86400, %over);
}

sub intent {
    my ($k, %over) = @_;
    return made('payment_intent', id => "pi_$k", status => 'succeeded', currency => 'eur',
                latest_charge => "ch_$k", %over);
}

sub charge {
    my ($k, %over) = @_;
    return made('charge', id => "ch_$k", payment_intent => "pi_$k", currency => 'eur', amount => 2000, %over);
}

sub dispute {
    my ($k, $status) = @_;
    return made('dispute', id => "dp_$k", charge => "ch_$k", payment_intent => "pi_$k", status => $status,
                currency => 'eur', amount => 2000, reason => 'fraudulent');
}

sub subscription {
    my ($k, $status, $month, %over) = @_;
    my $object = made('subscription', id => "sub_$k", created => $T, status => $status, customer => "cus_$k",
                      latest_invoice => "in_$k$month", cancel_at => undef, canceled_at => undef,
                      cancel_at_period_end => $NO, ended_at => undef, %over);
    my $at = $new ? $object->{items}{data}[0] : $object;

    exists $at->{current_period_end} or die 'no period';
    $at->{current_period_end} = $T + $month * 2592000;
    $object->{items}{data}[0]{price}{id} = 'price_1';

    return $object;
}

sub invoice {
    my ($k, $i, $status, %over) = @_;
    return made('invoice', id => "in_$k$i", status => $status, currency => 'eur', attempt_count => 1,
                amount_paid => $status eq 'paid' ? 2000 : 0,
                billing_reason => $i == 1 ? 'subscription_create' : 'subscription_cycle',
                $new ? ('parent.subscription_details.subscription' => "sub_$k") : (subscription => "sub_$k"),
                'status_transitions.paid_at' => $status eq 'paid' ? $T + $i * 100 : undef, %over);
}

# with its payment, which has a link to it only here
sub paid {
    my ($k, $i, $at) = @_;
    return (event('invoice.paid', $at, invoice($k, $i, 'paid', $new ? () : (payment_intent => "pi_$k$i"))),
            event('charge.succeeded', $at, charge("$k$i")),
            $new ? do {
                my $payment = made('invoice_payment', id => "inpay_$k$i", invoice => "in_$k$i", status => 'paid');
                $payment->{payment}{payment_intent} = "pi_$k$i";
                event('invoice_payment.paid', $at, $payment);
            } : ());
}

my %story = (
    later => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k, payment_status => 'unpaid')),
                event('payment_intent.processing', 10, intent($k, status => 'processing')),
                event('checkout.session.async_payment_succeeded', 900, session($k)),
                event('payment_intent.succeeded', 900, intent($k)), event('charge.succeeded', 900, charge($k)));
    },
    never => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k, payment_status => 'unpaid')),
                event('payment_intent.processing', 10, intent($k, status => 'processing')),
                event('checkout.session.async_payment_failed', 500, session($k, payment_status => 'unpaid')),
                event('payment_intent.payment_failed', 500, intent($k, status => 'requires_payment_method',
                    last_payment_error => { type => 'card_error', code => 'debit_not_authorized' })));
    },
    expired => sub {
        my ($k) = @_;
        return event('checkout.session.expired', 86400,
                     session($k, status => 'expired', payment_status => 'unpaid', payment_intent => undef));
    },
    disputed => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k)), event('charge.succeeded', 9, charge($k)),
                event('charge.dispute.created', 100, dispute($k, 'needs_response')),
                event('charge.dispute.funds_withdrawn', 100, dispute($k, 'needs_response')),
                event('charge.dispute.updated', 200, dispute($k, 'under_review')),
                event('charge.dispute.closed', 300, dispute($k, 'lost')),
                event('charge.dispute.funds_reinstated', 300, dispute($k, 'lost')));
    },
    refunded => sub {
        my ($k) = @_;
        my %refund = (id => "re_$k", charge => "ch_$k", payment_intent => "pi_$k", currency => 'eur', amount => 700);
        return (event('checkout.session.completed', 10, session($k)),
                event('charge.refunded', 100, charge($k, amount_refunded => 700)),
                event('refund.created', 100, made('refund', %refund, status => 'pending')),
                event('refund.updated', 101, made('refund', %refund, status => 'succeeded')));
    },
    monthly => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k", invoice => "in_${k}1");
        return (event('checkout.session.completed', 100, session($k, %at)),
                event('customer.subscription.created', 98, subscription($k, 'active', 1)),
                paid($k, 1, 99),
                event('customer.subscription.updated', 200, subscription($k, 'active', 2)),
                paid($k, 2, 201),
                event('invoice.payment_failed', 301, invoice($k, 3, 'open')),
                event('customer.subscription.updated', 301, subscription($k, 'past_due', 3)),
                event('charge.dispute.created', 350, dispute("${k}2", 'needs_response')),
                event('customer.subscription.deleted', 400, subscription($k, 'canceled', 3,
                    canceled_at => $T + 400, ended_at => $T + 400)));
    },
    silent => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k", invoice => "in_${k}1");
        return (event('checkout.session.completed', 100, session($k, %at)), paid($k, 1, 99), paid($k, 2, 201));
    },
);

my $merge = q{
    SELECT tavus.orders_merge(coalesce(jsonb_agg(f.fact) FILTER (WHERE f.fact IS NOT NULL), '[]'), false),
           count(*) FILTER (WHERE f.unread)
      FROM unnest(?::text[]) b (body), tavus.stripe_fact(convert_to(b.body, 'UTF8')) f};
my $dump = q{
    SELECT json_object_agg(j.k, j.v ORDER BY j.k)::text
      FROM (SELECT o.id::text AS k, tavus.order_json(o) AS v FROM tavus.orders o
            UNION ALL SELECT s.subscription, tavus.subscription_json(s) FROM tavus.subscriptions s) j};

sub outcome {
    my @left = @_;

    $db->do('SAVEPOINT o');
    while (@left) {
        my ($none, $unread) = $db->selectrow_array($merge, undef,
            [ map { $json->encode($_) } splice @left, 0, 1 + int rand 8 ]);
        is($unread, 0, 'all can be read') if $unread;
    }
    my $out = $db->selectrow_array($dump);
    $db->do('ROLLBACK TO SAVEPOINT o');
    return $out;
}

sub facts {
    my ($of, @names) = @_;
    return { map { exists $of->{$_} ? ($_ => $of->{$_}) : () } @names };
}

sub money { my ($n) = @_; return { amount => $n, currency => 'eur', value => sprintf '%.2f', $n / 100 } }

for my $shape (0, 1) {
    $new = $shape;
    %fixture = fixtures($new ? '2026-07' : '2024-08');
    my $what = $new ? 'newer' : 'older';
    my (@all, %seen);

    $db->begin_work;
    $db->do(q{DELETE FROM tavus.orders});
    for my $k (sort keys %story) {
        $db->selectrow_array(q{SELECT tavus.order_intent(?, false, 'starter', 'payment', '[]', 2000, 'EUR', NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, 120)}, undef, order($k));
        push @all, $story{$k}->($k);
    }

    $seen{outcome(shuffle @all)}++ for 1 .. 8;
    is(scalar keys %seen, 1, "$what: one outcome, whatever the order") or diag "SEED=$seed";

    my $is = $json->decode((keys %seen)[0]);
    my %order = map { $_ => $is->{order($_)} } keys %story;

    is($order{later}{state}, 'paid', "$what: paid by a bank, later");
    is_deeply(facts($order{never}, qw( state reason )), { state => 'unpaid', reason => 'debit_not_authorized' },
              "$what: or not");
    is($order{expired}{state}, 'expired', "$what: nobody came");
    is_deeply($order{disputed}{disputes},
              [ { id => 'dp_disputed', status => 'lost', reason => 'fraudulent', amount => money(2000) } ],
              "$what: a dispute that was lost");
    is($order{disputed}{state}, 'paid', "$what: beside the payment");
    is_deeply($order{refunded}{refunded}, [ money(700) ], "$what: a refund");
    is($order{later}{email}, 'later@example.org', "$what: whose it is");

    is_deeply(facts($is->{sub_monthly}, qw( ours status invoices renewals paid disputes failing items order_id )),
              { ours => $YES, status => 'canceled', invoices => 2, renewals => 1, paid => [ money(4000) ],
                disputes => 1, failing => $YES, items => $is->{sub_monthly}{items}, order_id => order('monthly') },
              "$what: a subscription, with a dispute about its second payment");
    is($is->{sub_monthly}{items}[0]{price}, 'price_1', "$what: and its price");
    like($is->{sub_monthly}{period_end}, qr/^\d{4}-/, "$what: its period");
    is_deeply(facts($is->{sub_silent}, qw( ours status invoices renewals paid order_id )),
              { ours => $YES, status => 'unknown', invoices => 2, renewals => 1, paid => [ money(4000) ],
                order_id => order('silent') }, "$what: one of which only its invoices tell");
    is(scalar(keys %$is), scalar(keys %story) + 2, "$what: nothing else");

    # a thin event, as Stripe documents it, and the fixture's own event of what no order is made of
    my $thin = { id => 'evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0', object => 'v2.core.event',
                 type => 'v2.core.account[requirements].updated', livemode => $NO,
                 created => '2026-11-17T06:20:52.246Z', context => undef, reason => undef,
                 related_object => { id => 'acct_1', type => 'v2.core.account', url => '/v2/core/accounts/acct_1' } };
    for my $other ($thin, $fixture{event}) {
        is_deeply([ $db->selectrow_array('SELECT f.fact, f.unread FROM tavus.stripe_fact(convert_to(?, \'UTF8\')) f',
                                         undef, $json->encode($other)) ], [ undef, 0 ],
                  "$what: $other->{type} tells nothing, and is not amiss");
    }

    # one event of both ages is one
    if ($new) {
        my @two = $json->encode(event('invoice.paid', 5, invoice('twice', 1, 'paid')));

        $new = 0;
        $n--;
        %fixture = fixtures('2024-08');
        push @two, $json->encode(event('invoice.paid', 5, invoice('twice', 1, 'paid')));

        isnt($two[0], $two[1], 'two shapes of one event');
        is($db->selectrow_array(q{SELECT tavus.same_event('stripe', convert_to(?, 'UTF8'), convert_to(?, 'UTF8'))},
                                undef, @two), 1, 'are one event');
        is($db->selectrow_array(q{SELECT tavus.same_event('stripe', convert_to(?, 'UTF8'), convert_to(?, 'UTF8'))},
                                undef, $two[0], $two[1] =~ s/in_twice1/in_twice2/r),
           0, 'of another invoice are not');
    }

    $db->rollback;
}

$db->disconnect;

done_testing();
