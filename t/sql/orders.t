#!/usr/bin/perl

# Orders and subscriptions are what Stripe's events say, in whatever order they come, how often, in
# what batches, before or after Stripe's answer, and in either shape of the API.  Wants DATABASE_URL (or
# PG* variables), as a superuser.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use DBD::Pg qw( :async );
use File::Basename qw( dirname );
use List::Util qw( shuffle );
use JSON::PP;
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my $root = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
my $name = "tavus_orders_$$";
my $json = JSON::PP->new->canonical;
my $seed = $ENV{SEED} || time() ^ $$;
srand $seed;

sub own {
    my $own = $url;

    return "dbname=$name" if $own eq '';
    $own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name}
        or $own .= " dbname=$name";

    return $own;
}

$root->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', own(), '-f',
          "$here/../../sql/install.sql"), 0, 'a database of its own');
my $db = DBI->connect('dbi:Pg:' . own(), undef, undef, { RaiseError => 1, PrintError => 0 });

# ---- what happens, as Stripe tells it

my $T = time() - 40 * 86400;
my ($new, $n) = (0, 0);         # the shape

my $YES = JSON::PP::true;
my $NO = JSON::PP::false;

sub event {
    my ($type, $at, $object, %more) = @_;

    $n++;
    return { id => sprintf('evt_%05d', $n * 7919 % 100000), object => 'event', type => $type,
             api_version => $new ? '2026-10-28.endive' : '2024-06-20', created => $T + $at,
             livemode => $NO, pending_webhooks => 1, data => { object => $object }, %more };
}

sub session {
    my ($k, %more) = @_;

    return { id => "cs_$k", object => 'checkout.session', created => $T, status => 'complete',
             payment_status => 'paid', mode => 'payment', amount_total => 2000, currency => 'eur',
             payment_intent => "pi_$k", customer => "cus_$k", customer_email => undef,
             customer_details => { email => "$k\@example.org" }, expires_at => $T + 86400,
             client_reference_id => order($k), metadata => { order_id => order($k), plan => 'starter' },
             payment_link => undef, %more };
}

sub order { my ($k) = @_; return sprintf('018f0000-0000-7000-8000-%012x', unpack('%32C*', $k) * 16 + $new) }

sub intent {
    my ($k, %more) = @_;
    return { id => "pi_$k", object => 'payment_intent', status => 'succeeded', amount => 2000,
             currency => 'eur', metadata => {}, last_payment_error => undef, %more };
}

sub charge {
    my ($k, %more) = @_;
    return { id => "ch_$k", object => 'charge', amount => 2000, amount_refunded => 0, currency => 'eur',
             payment_intent => "pi_$k", metadata => {}, %more };
}

sub refund {
    my ($k, $r, $amount, %more) = @_;
    return { id => "re_$k$r", object => 'refund', status => 'succeeded', amount => $amount,
             currency => 'eur', charge => "ch_$k", payment_intent => "pi_$k", %more };
}

sub dispute {
    my ($k, $status) = @_;
    return { id => "dp_$k", object => 'dispute', status => $status, reason => 'fraudulent',
             amount => 2000, currency => 'eur', charge => "ch_$k", payment_intent => "pi_$k" };
}

sub subscription {
    my ($k, $status, $month, %more) = @_;
    my %period = (current_period_end => $T + $month * 2592000);

    return { id => "sub_$k", object => 'subscription', created => $T, status => $status,
             customer => "cus_$k", metadata => {}, cancel_at_period_end => $NO, cancel_at => undef,
             canceled_at => undef, ended_at => undef, pause_collection => undef,
             ($new ? () : %period),
             items => { object => 'list', data => [ { id => 'si_1', price => { id => 'price_1' },
                                                      quantity => 2, ($new ? %period : ()) } ] },
             latest_invoice => "in_$k$month", %more };
}

# the nth invoice of a subscription
sub invoice {
    my ($k, $i, $status, %more) = @_;

    return { id => "in_$k$i", object => 'invoice', status => $status, currency => 'eur',
             amount_due => 2000, amount_paid => $status eq 'paid' ? 2000 : 0, attempt_count => 1,
             billing_reason => $i == 1 ? 'subscription_create' : 'subscription_cycle',
             status_transitions => { paid_at => $status eq 'paid' ? $T + $i * 100 : undef },
             ($new ? (parent => { type => 'subscription_details',
                                  subscription_details => { subscription => "sub_$k", metadata => {} } })
                   : (subscription => "sub_$k", payment_intent => "pi_$k$i", charge => "ch_$k$i")),
             %more };
}

# its payment, which has a link to it only here
sub paid {
    my ($k, $i, $at) = @_;

    return (event('payment_intent.succeeded', $at,
                  intent("$k$i", $new ? () : (invoice => "in_$k$i"))),
            event('charge.succeeded', $at, charge("$k$i", $new ? () : (invoice => "in_$k$i"))),
            event('invoice.paid', $at, invoice($k, $i, 'paid')),
            $new ? event('invoice_payment.paid', $at,
                         { id => "inpay_$k$i", object => 'invoice_payment', invoice => "in_$k$i",
                           status => 'paid', payment => { type => 'payment_intent',
                                                          payment_intent => "pi_$k$i" } }) : ());
}

my %story = (
    bought => sub {
        my ($k) = @_;
        return (event('payment_intent.created', 10, intent($k, status => 'requires_payment_method')),
                event('payment_intent.payment_failed', 20,
                      intent($k, status => 'requires_payment_method',
                             last_payment_error => { code => 'card_declined',
                                                     decline_code => 'insufficient_funds' })),
                event('payment_intent.succeeded', 30, intent($k)),
                event('charge.succeeded', 30, charge($k)),
                event('checkout.session.completed', 31, session($k)));
    },
    declined => sub {
        my ($k) = @_;
        return (event('payment_intent.created', 10,
                      intent($k, status => 'requires_payment_method', metadata => { order_id => order($k) })),
                event('payment_intent.payment_failed', 20,
                      intent($k, status => 'requires_payment_method', metadata => { order_id => order($k) },
                             last_payment_error => { code => 'card_declined' })));
    },
    later => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k, payment_status => 'unpaid')),
                event('payment_intent.processing', 10, intent($k, status => 'processing')),
                event('checkout.session.async_payment_failed', 500, session($k, payment_status => 'unpaid')),
                event('payment_intent.payment_failed', 500,
                      intent($k, status => 'requires_payment_method',
                             last_payment_error => { code => 'debit_not_authorized' })),
                event('checkout.session.async_payment_succeeded', 900, session($k)),
                event('payment_intent.succeeded', 900, intent($k)));
    },
    failed => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k, payment_status => 'unpaid')),
                event('payment_intent.processing', 10, intent($k, status => 'processing')),
                # within one second
                event('checkout.session.async_payment_failed', 10, session($k, payment_status => 'unpaid')),
                event('payment_intent.payment_failed', 10,
                      intent($k, status => 'requires_payment_method',
                             last_payment_error => { code => 'debit_not_authorized' })));
    },
    expired => sub {
        my ($k) = @_;
        # as of a trial: nothing was to be paid, and nobody came
        return (event('checkout.session.expired', 86400,
                      session($k, status => 'expired', payment_status => 'no_payment_required',
                              payment_intent => undef)));
    },
    refunded => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k)),
                event('charge.succeeded', 9, charge($k)),
                event('charge.refunded', 100, charge($k, amount_refunded => 500)),
                event('refund.created', 100, refund($k, 'a', 500)),
                event('charge.refunded', 100, charge($k, amount_refunded => 700)),
                event('refund.created', 100, refund($k, 'b', 200, status => 'pending')),
                event('charge.refunded', 300, charge($k, amount_refunded => 1000)),
                event('refund.created', 300, refund($k, 'c', 300, status => 'pending')),
                event('refund.updated', 301, refund($k, 'b', 200)),
                event('refund.failed', 400, refund($k, 'c', 300, status => 'failed')));
    },
    whole => sub {
        my ($k) = @_;
        # only the charge is told of
        return (event('checkout.session.completed', 10, session($k)),
                event('charge.succeeded', 9, charge($k)),
                event('charge.refunded', 100, charge($k, amount_refunded => 2000)),
                event('charge.updated', 50, charge($k)));
    },
    disputed => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k)),
                event('charge.dispute.created', 100, dispute($k, 'needs_response')),
                event('charge.dispute.funds_withdrawn', 100, dispute($k, 'needs_response')),
                event('charge.dispute.updated', 200, dispute($k, 'under_review')),
                event('charge.dispute.closed', 300, dispute($k, 'won')));
    },
    monthly => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k",
                  invoice => "in_${k}1");
        return (event('checkout.session.completed', 100, session($k, %at)),
                event('customer.subscription.created', 98, subscription($k, 'incomplete', 1)),
                event('customer.subscription.updated', 98, subscription($k, 'active', 1)),
                event('invoice.created', 98, invoice($k, 1, 'draft', attempt_count => 0)),
                paid($k, 1, 99),
                event('invoice.created', 200, invoice($k, 2, 'draft', attempt_count => 0)),
                event('customer.subscription.updated', 200, subscription($k, 'active', 2)),
                paid($k, 2, 201),
                event('charge.refunded', 250, charge("${k}2", amount_refunded => 300)),
                event('refund.created', 250, refund("${k}2", 'a', 300)),
                event('customer.subscription.updated', 300, subscription($k, 'active', 3)),
                event('invoice.payment_failed', 301, invoice($k, 3, 'open')),
                event('customer.subscription.updated', 301, subscription($k, 'past_due', 3)),
                event('invoice.payment_failed', 320, invoice($k, 3, 'open', attempt_count => 2)),
                paid($k, 3, 330),
                event('customer.subscription.updated', 330, subscription($k, 'active', 3)),
                event('customer.subscription.updated', 340,
                      subscription($k, 'active', 3, cancel_at_period_end => $YES, canceled_at => $T + 340)));
    },
    cancelled => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k");
        return (event('checkout.session.completed', 100, session($k, %at)),
                event('customer.subscription.created', 98, subscription($k, 'active', 1)),
                paid($k, 1, 99),
                event('invoice.payment_failed', 301, invoice($k, 2, 'open')),
                event('customer.subscription.updated', 301, subscription($k, 'past_due', 2)),
                event('customer.subscription.paused', 302, subscription($k, 'paused', 2)),
                event('customer.subscription.deleted', 400,
                      subscription($k, 'canceled', 2, canceled_at => $T + 400, ended_at => $T + 400)));
    },
    # nobody subscribed to its own events
    silent => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k",
                  invoice => "in_${k}1");
        return (event('checkout.session.completed', 100, session($k, %at)),
                paid($k, 1, 99), paid($k, 2, 201),
                event('invoice.payment_failed', 301, invoice($k, 3, 'open')));
    },
    # all in a second
    hurried => sub {
        my ($k) = @_;
        my %at = (mode => 'subscription', payment_intent => undef, subscription => "sub_$k");
        return (event('checkout.session.completed', 98, session($k, %at)),
                event('customer.subscription.created', 98, subscription($k, 'active', 1)),
                event('customer.subscription.updated', 98, subscription($k, 'past_due', 2)),
                event('invoice.payment_failed', 98, invoice($k, 2, 'open')),
                event('customer.subscription.updated', 98, subscription($k, 'active', 3)));
    },
    # what is none of ours: the other mode, a payment link whose visitor names our order, somebody else's
    # subscription
    strange => sub {
        my ($k) = @_;
        return (event('checkout.session.completed', 10, session($k, id => "cs_live_$k",
                      payment_intent => "pi_live_$k"), livemode => $YES),
                event('checkout.session.completed', 11, session($k, id => "cs_link_$k", metadata => {},
                      payment_link => "plink_$k", payment_intent => "pi_link_$k", amount_total => 1)),
                event('charge.refunded', 12, charge("link_$k", amount_refunded => 1)),
                event('customer.subscription.created', 13, subscription("x$k", 'trialing', 1)),
                event('charge.succeeded', 14, charge("alone$k")));
    },
);

# ---- what is to come of it

my $dump = q{
    SELECT coalesce(json_agg(j ORDER BY j->>'id'), '[]')::text
      FROM (SELECT tavus.order_json(o) || jsonb_build_object('told', o.told_at, 'due', o.due_at IS NOT NULL)
              FROM tavus.orders o
            UNION ALL SELECT tavus.subscription_json(s) FROM tavus.subscriptions s
            UNION ALL SELECT to_jsonb(b) FROM tavus.stripe_objects b) x (j)};

my $merge = q{
    SELECT tavus.orders_merge(coalesce(jsonb_agg(f.fact) FILTER (WHERE f.fact IS NOT NULL), '[]'), false)
      FROM unnest(?::text[]) b (body), tavus.stripe_fact(convert_to(b.body, 'UTF8')) f};

sub asked {
    my (@k) = @_;
    is($db->selectrow_array(q{SELECT tavus.order_intent(?, false, 'starter', 'payment', '[]', 2000, 'EUR',
        NULL, NULL, ?, NULL, NULL, NULL, NULL, NULL, 120)}, undef, order($_), "s_$_"), 'new',
       "asked for $_") for @k;
}

sub answered {
    my ($k) = @_;
    $db->do('SELECT tavus.order_answer(?, ?, to_timestamp(?), false, NULL)', undef,
            order($k), "cs_$k", $T + 86400);
}

# all of it, some twice, in batches; each a body or the name of an order that is answered
sub told {
    my (@what) = @_;

    while (@what) {
        my @some = splice @what, 0, 1 + int rand 12;
        answered($$_) for grep { ref eq 'SCALAR' } @some;
        $db->do($merge, undef, [ map { $json->encode($_) } grep { ref eq 'HASH' } @some ]);
    }
}

sub outcome {
    my (@what) = @_;

    $db->do('SAVEPOINT o');
    told(@what);
    my $out = $db->selectrow_array($dump);
    $db->do('ROLLBACK TO SAVEPOINT o');
    return $out;
}

# how many outcomes many orders have
sub outcomes {
    my ($rounds, @what) = @_;
    my %seen;

    for (1 .. $rounds) {
        $seen{outcome(shuffle @what, map { $what[rand @what] } 1 .. @what / 4)}++;
    }

    return \%seen;
}

sub row {
    my ($sql, @args) = @_;
    return $json->decode($db->selectrow_array("SELECT to_json(x) FROM ($sql) x", undef, @args));
}

for my $shape (0, 1) {
    $new = $shape;
    my $what = $new ? 'newer' : 'older';
    my (%key, @all, @none);

    $db->begin_work;

    for my $kind (sort keys %story) {
        my $k = $key{$kind} = $kind;
        my @told = $story{$kind}->($k);

        asked($k);
        my $seen = outcomes(8, @told, ($kind eq 'strange' || $kind eq 'declined') ? () : \$k);
        is(scalar keys %$seen, 1, "$what: $kind has one outcome") or diag "SEED=$seed";
        push @all, @told, $kind eq 'strange' || $kind eq 'declined' ? () : \$k;
    }

    my $seen = outcomes(5, @all);
    is(scalar keys %$seen, 1, "$what: all among each other have one outcome") or diag "SEED=$seed";

    told(@all);
    is($db->selectrow_array($dump), (keys %$seen)[0], "$what: which is that of the order in which it was");

    my %order = map { $_ => $json->decode($db->selectrow_array(
        'SELECT tavus.order_json(o)::text FROM tavus.orders o WHERE id = ?', undef, order($key{$_}))) }
        keys %key;

    sub facts { my ($o, @names) = @_; return { map { $_ => $o->{$_} } grep { defined $o->{$_} } @names } }
    my @some = qw( state reason paid_at );
    my $at = sub { $db->selectrow_array('SELECT tavus.iso(to_timestamp(?))', undef, $T + $_[0]) };

    is_deeply(facts($order{bought}, @some, qw( amount email subscription plan ours stripe_session )),
              { state => 'paid', paid_at => $at->(31), email => 'bought@example.org', plan => 'starter',
                ours => $YES, stripe_session => 'cs_bought',
                amount => { amount => 2000, currency => 'eur', value => '20.00' } }, "$what: bought");
    is_deeply(facts($order{declined}, @some), { state => 'new', reason => 'card_declined' },
              "$what: declined, and the page is still open");
    is_deeply(facts($order{later}, @some), { state => 'paid', paid_at => $at->(900) },
              "$what: what failed and succeeded later is paid");
    is_deeply(facts($order{failed}, @some), { state => 'unpaid', reason => 'debit_not_authorized' },
              "$what: what failed is not");
    is_deeply(facts($order{expired}, @some), { state => 'expired' },
              "$what: what expired is not, even where nothing was to be paid");
    is_deeply($order{refunded}{refunded}, [ { amount => 700, currency => 'eur', value => '7.00' } ],
              "$what: refunds by their ids, without the one that failed");
    is($order{refunded}{state}, 'paid', "$what: beside the payment");
    is_deeply($order{whole}{refunded}, [ { amount => 2000, currency => 'eur', value => '20.00' } ],
              "$what: or as the charge says");
    is_deeply($order{disputed}{disputes},
              [ { id => 'dp_disputed', status => 'won', reason => 'fraudulent',
                  amount => { amount => 2000, currency => 'eur', value => '20.00' } } ],
              "$what: a dispute has its last state");
    is_deeply(facts($order{strange}, @some, 'ours'), { state => 'new', ours => $YES },
              "$what: who names our order does not pay it");
    is_deeply($order{strange}{refunded}, [], "$what: nor gives back");
    is_deeply(row(q{SELECT json_agg(json_build_array(stripe_session, ours, livemode, state, total,
                                                     refunded->'eur') ORDER BY stripe_session) AS a
                      FROM tavus.orders WHERE asked_at IS NULL}),
              { a => [ [ 'cs_link_strange', $NO, $NO, 'paid', 1, 1 ],
                       [ 'cs_live_strange', $NO, $YES, 'paid', 2000, undef ] ] },
              "$what: but is kept, as none of ours");

    my %sub = map { $_ => $json->decode($db->selectrow_array(
        'SELECT tavus.subscription_json(s)::text FROM tavus.subscriptions s WHERE subscription = ?', undef,
        "sub_$_")) } qw( monthly cancelled silent hurried xstrange );
    my @kept = qw( status ours order_id invoices renewals paid paid_at refunded failing canceled_at ends_at
                   ended_at period_end items plan );
    is_deeply(facts($sub{monthly}, @kept),
              { status => 'active', ours => $YES, order_id => order('monthly'), invoices => 3,
                renewals => 2, paid => [ { amount => 6000, currency => 'eur', value => '60.00' } ],
                paid_at => $at->(300), failing => $NO, canceled_at => $at->(340), plan => 'starter',
                refunded => [ { amount => 300, currency => 'eur', value => '3.00' } ],
                ends_at => $at->(3 * 2592000), period_end => $at->(3 * 2592000),
                items => [ { price => 'price_1', quantity => 2 } ] }, "$what: a subscription");
    is_deeply(facts($sub{cancelled}, qw( status failing invoices ended_at )),
              { status => 'canceled', failing => $YES, invoices => 1, ended_at => $at->(400) },
              "$what: one that failed and ended");
    is_deeply(facts($sub{silent}, qw( status ours order_id customer invoices renewals failing created_at period_end )),
              { status => 'unknown', ours => $YES, order_id => order('silent'), customer => 'cus_silent',
                invoices => 2, renewals => 1, failing => $YES, created_at => $at->(0) },
              "$what: one of which only its invoices tell, and how it is, nobody");
    is_deeply(facts($sub{hurried}, qw( status failing )), { status => 'active', failing => $YES },
              "$what: of one second, the later period counts");
    is_deeply(facts($sub{xstrange}, qw( status ours order_id )), { status => 'trialing', ours => $NO },
              "$what: one that nobody here has asked for");
    is($order{monthly}{subscription}, 'sub_monthly', "$what: the order knows its own");

    # a rule that is changed is seen
    my $kept = outcome(shuffle @all);
    my %mutant = (
        'the last that came counts' => [ orders_merge => qr/WHERE o\.kind IS NULL\s+OR \(EXCLUDED.*?;/s, ';' ],
        'a tree does not grow' => [ orders_merge => qr/IF cardinality\(trees\) > 1/, 'IF false' ],
        'paid can be undone' => [ stripe_fact => qr/doc ->> 'state' = 'paid'/, 'false' ],
        'types of a second are equal' => [ stripe_fact => qr/tavus\.stripe_rank\(type\)/, '1' ],
        'periods of a second are equal' => [ stripe_fact => qr/coalesce\(\(doc ->> 'period_end'\).* 100\n/,
                                             "0\n" ],
        'failed refunds are given back' => [ stripe_fact => qr/doc ->> 'status' IN \('failed', 'canceled'\)/,
                                             'false' ],
    );
    for my $change ($new ? sort keys %mutant : ()) {
        my ($function, $from, $to) = @{ $mutant{$change} };

        $db->do('SAVEPOINT m');
        my $source = $db->selectrow_array('SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = ?
            AND pronamespace = \'tavus\'::regnamespace', undef, $function);
        is(scalar($source =~ s/$from/$to/), 1, "$what: mutation: $change");
        $db->do($source);
        $db->do('DELETE FROM tavus.stripe_objects');
        $db->do('UPDATE tavus.orders SET told_session = NULL, told_state = NULL WHERE asked_at IS NOT NULL');
        $db->do('DELETE FROM tavus.orders WHERE asked_at IS NULL');
        my $changed = outcomes(3, @all);
        delete $changed->{$kept};
        cmp_ok(scalar keys %$changed, '>', 0, "$what: is seen");
        $db->do('ROLLBACK TO SAVEPOINT m');
    }

    $db->rollback;
}

# ---- the same through the log, which is read by two

my $store = q{
    SELECT tavus.record(
        array_agg(id ORDER BY o), array_agg(now()), array_agg(NULL::bytea), array_agg(0::smallint),
        array_agg('stripe'::text), array_agg(type ORDER BY o), array_agg(NULL::text),
        array_agg(NULL::bytea), array_agg(NULL::text), array_agg(decode(body, 'hex') ORDER BY o),
        array_agg(NULL::text))
      FROM unnest(?::uuid[], ?::text[], ?::text[]) WITH ORDINALITY AS u (id, type, body, o)};

sub stored {
    my (@events) = @_;

    return $db->selectrow_array($store, undef,
        [ map { $db->selectrow_array('SELECT tavus.stripe_uuid(?, ?)', undef, $_->{id}, $_->{created}) }
              @events ],
        [ map { $_->{type} } @events ], [ map { unpack 'H*', $_->{body} // $json->encode($_) } @events ]);
}

my $other = $db->clone;
my @all = map { $story{$_}->($_) } sort keys %story;
my $expected;

asked(sort keys %story);
$db->begin_work;
$expected = outcome(@all);
$db->rollback;

# until both have read all
sub rolled {
    my ($events, $unread) = (0, 0);

    for (1 .. 1000) {
        my $most = 1 + int rand 40;
        my $said = $json->decode(($_ % 2 ? $db : $other)->selectrow_array(
            'SELECT tavus.orders_roll(?, false)', undef, $most));

        $events += $said->{events};
        $unread += $said->{unread};
        last if $said->{events} == 0;
    }

    return ($events, $unread);
}

my @left = shuffle @all;
my ($read, $bad) = (0, 0);

while (@left) {
    my @some = splice @left, 0, 1 + int rand 20;
    like(stored(@some), qr/^s+$/, 'stored') or last;
    like(stored(map { { %$_, pending_webhooks => 0 } } @some[0, -1]), qr/^d+$/, 'and sent again');
    my ($e, $u) = rolled();
    $read += $e;
    $bad += $u;
}

is($read, scalar @all, 'each event is read once');
is($bad, 0, 'none that could not be');
is($db->selectrow_array($dump), $expected, 'orders and subscriptions are as before');

$db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'orders'});
is((rolled())[0], scalar @all, 'all is read again');
is($db->selectrow_array($dump), $expected, 'which changes nothing');

$db->begin_work;
$db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'orders'});
$db->selectrow_array('SELECT tavus.orders_roll(5, false)');
is($other->selectrow_array('SELECT tavus.orders_roll(5, false)'),
   '{"events":0,"merged":0,"unread":0}', 'one reads at a time, and nobody waits');
$db->rollback;

# an answer that is not committed yet, and the webhook that overtook it

sub waits {
    for (1 .. 1000) {
        return 1 if $root->selectrow_array(q{SELECT count(*) FROM pg_locks WHERE pid = ? AND NOT granted},
                                           undef, $db->{pg_pid});
        select undef, undef, undef, 0.01;
    }
    return 0;
}

asked('raced');
is(stored(event('checkout.session.completed', 40, session('raced'))), 's', 'a session is paid');
$other->begin_work;
$other->do('SELECT tavus.order_answer(?, ?, NULL, false, NULL)', undef, order('raced'), 'cs_raced');
my $roll = $db->prepare('SELECT tavus.orders_roll(100, false)', { pg_async => PG_ASYNC });
$roll->execute;
ok(waits(), 'who reads waits for who answers');
$other->commit;
$db->pg_result;
$roll->finish;
is($db->selectrow_array(q{SELECT state || answered_session || told_session FROM tavus.orders
    WHERE id = ?}, undef, order('raced')), 'paidcs_racedcs_raced',
   'and neither takes away what the other said');

# what no reader of anything can expect

my $id = 0;
my @odd = map { { id => 'odd' . $id++, created => $T, type => 'checkout.session.completed', body => $_ } }
    ('', '{', '[]', '"x"', 'null', '{}', '{"object":"event"}', '[' x 4000, "\x00",
     map { $json->encode(event('checkout.session.completed', 5, $_)) }
         ({}, [], 'x', undef, { object => 'checkout.session' }, { object => 'checkout.session', id => {} },
          session('odd', id => 'order:live:' . order('bought')), session('odd', created => 'x'),
          session('odd', id => 'x' x 256), { object => 'subscription', id => 'sub_odd' }));
my $odd = @odd;
push @odd, map { { id => 'odd' . $id++, created => $T, type => 'customer.subscription.updated',
                   body => $json->encode($_) } }
    (event('customer.subscription.updated', 5,
           { object => 'subscription', id => 'sub_odd', created => $T, status => { a => 1 },
             items => { data => { a => [] } }, metadata => [ 1 ], pause_collection => 'x',
             current_period_end => 1e300, cancel_at => -1e12, customer => 'c' x 300 }),
     event('charge.refunded', 5,
           { object => 'charge', id => 'ch_odd', amount_refunded => 1.5, currency => 'x' x 100,
             payment_intent => { id => [ 1 ] } }),
     event('refund.created', 5, { object => 'refund', id => 're_odd', amount => 100, charge => 'ch_odd' }),
     event('invoice.paid', 5,
           { object => 'invoice', id => 'in_odd', status => 'paid', amount_paid => 1e30, currency => [],
             subscription => 'sub_odd', parent => 'x' }),
     event('charge.dispute.created', 5, { object => 'dispute', id => 'dp_odd', charge => 'ch_odd' }),
     event('payment_intent.created', 5,
           { object => 'payment_intent', id => 'pi_odd', metadata => { order_id => 'x' x 36 } }));
push @odd, map { { id => 'odd' . $id++, created => $T, type => 'checkout.session.completed',
                   body => $json->encode($_) } }
    ({ object => 'v2.core.event', id => 'evt_thin', type => 'v2.core.account.updated',
       created => '2026-11-01T00:00:00Z', related_object => { id => 'cs_bought' } },
     event('invoice.upcoming', 5, { object => 'invoice' }),
     event('customer.subscription.x', 5, { object => 'entitlement', id => 'e' }));

is(stored(@odd), 's' x @odd, 'odd ones are stored');
is_deeply([ rolled() ], [ scalar @odd, $odd ], 'are passed over, and counted');
is($db->selectrow_array(q{SELECT count(*) FROM tavus.orders WHERE stripe_session ~ 'odd'}), 0,
   'and make no order');
is($db->selectrow_array(q{SELECT concat(status, ' ', paused, items) FROM tavus.subscriptions
    WHERE subscription = 'sub_odd'}), 'unknown f', 'nor more than is fit');
is($db->selectrow_array(q{SELECT tavus.order_json(o)->>'state' FROM tavus.orders o WHERE id = ?}, undef,
   order('bought')), 'paid', 'what was known stays');

$other->disconnect;
$db->disconnect;
$root->do("DROP DATABASE $name");

done_testing();
