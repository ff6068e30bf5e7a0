#!/usr/bin/perl

# memcheck

# Stripe refuses, stumbles, stalls, or answers what nobody can be sent to: a
# visitor is told what to do, the owner why, and Stripe is asked once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;
use Tavus::Test::Fault;

my $t = checkout_test(http => {tavus_stripe_timeout => '2s'});
my $box = $t->sandbox;
my $path = '/v1/checkout/sessions';
my $marker = 'upstream-text-9d3f';

# One checkout under a fault: what the visitor gets, what is on record, and
# what the owner is told.
sub trouble ($name, $fault, $status, $code, $reason, $outcome, %more) {
    subtest $name => sub {
        my $before = asked($t);
        $box->fault(path => $path, method => 'POST', times => 1, %$fault) if $fault;

        my $res = checkout($t, ($more{ask} // {})->%*);
        my $got = $res->json // {};
        is $res->code, $status, "status $status" or diag $res->to_string;
        is $got->{code}, $code, $code;
        is $res->headers->content_type, 'application/problem+json';
        unlike $res->to_string, qr/\Q$marker\E|cs_test|price_|127\.0/,
            'nothing of the upstream, nor who it is';
        is $res->headers->header('Retry-After'), $more{retry}, 'Retry-After';
        is $got->{retry_after}, $more{retry}, 'in the body as well';
        is $got->{field}, $more{field}, 'which field';
        $box->no_faults if $box->pid;
        is asked($t) - $before, 1, 'asked once' unless $more{elsewhere};

        my $id = order($t)->{id};
        wait_ok { order($t)->{state} ne 'new' } 'settled';
        if ($outcome eq 'failed') {
            is order($t)->{state}, 'failed', 'nothing was bought';
            is order($t)->{reason}, $reason, $reason;
            is $t->db->selectrow_array(
                'SELECT due_at FROM tavus.orders WHERE id = ?', undef, $id),
                undef, 'nobody need look for it';
        } elsif (!$more{known}) {
            ok $t->db->selectrow_array(q{SELECT due_at IS NOT NULL
                OR tries > 0 OR stripe_session IS NOT NULL
                FROM tavus.orders WHERE id = ?}, undef, $id),
                'it is looked for';
        }

        my ($event) = grep { $_->{order_id} eq $id } failures($t);
        if ($more{silent}) {
            is $event, undef, 'nothing for the owner to mend';
        } else {
            wait_ok { ($event) = grep { $_->{order_id} eq $id } failures($t) }
                'the owner is told';
            is_deeply [$event->@{qw(reason outcome plan http_status)}],
                [$reason, $outcome, $more{ask}{plan} // 'starter',
                $more{http} // 0], "$reason, $outcome";
            is $event->{$_}, $more{event}{$_}, "its $_"
                for sort keys(($more{event} // {})->%*);
        }
        $more{then}->($id) if $more{then};
        done_testing;
    };
}

sub said ($status, $error = {}, %headers) {
    return {kind => 'status', status => $status, headers => \%headers,
        body => {error => {message => $marker, %$error}}};
}

# ---- said no
trouble('status 401', said(401, {type => 'invalid_request_error'}), 503,
    'service_unavailable', 'invalid_api_key', 'failed', retry => 60,
    http => 401, event => {type => 'invalid_request_error'});
trouble('status 403', said(403), 503, 'service_unavailable', 'invalid_api_key',
    'failed', retry => 60, http => 403);
trouble('status 402', said(402, {type => 'card_error', code => 'card_declined'}),
    503, 'service_unavailable', 'payment_required', 'failed', retry => 60,
    http => 402, event => {code => 'card_declined'});
trouble('status 429', said(429, {type => 'rate_limit_error'}), 503,
    'service_unavailable', 'rate_limited', 'failed', retry => 10,
    http => 429);
trouble('429 that says when', said(429, {}, 'Retry-After' => 7), 503,
    'service_unavailable', 'rate_limited', 'failed', retry => 7, http => 429);
trouble('400 of a parameter', said(400, {type => 'invalid_request_error',
    code => 'parameter_unknown', param => 'metadata[x]'}), 502,
    'upstream_error', 'refused', 'failed', http => 400,
    event => {param => 'metadata[x]', code => 'parameter_unknown',
        message => ''});
trouble('status 404', said(404), 502, 'upstream_error', 'refused', 'failed',
    http => 404);
trouble('an address that Stripe does not take', said(400,
    {code => 'email_invalid', param => 'customer_email'}), 400,
    'invalid_field', 'refused', 'failed', field => 'email', silent => 1,
    ask => {email => 'ada@example.com'});

# by Stripe's own words, as the prices are the owner's
trouble('a price that is not there', undef, 502, 'upstream_error', 'refused',
    'failed', ask => {plan => 'gone'}, http => 400,
    event => {code => 'resource_missing', param => 'line_items[0][price]',
        message => q{No such price: 'price_gone'}});
trouble('a mode that is not the price\'s', undef, 502, 'upstream_error',
    'refused', 'failed', ask => {plan => 'wrong'}, http => 400, event => {
        param => 'line_items[0][price]', message => 'You specified `payment` '
        . 'mode but passed a recurring price. Either switch to '
        . '`subscription` mode or use only one-time prices.'});
ok scalar($t->grep_log(qr/checkout of plan "wrong" failed: refused, status 400/)
    && $t->grep_log(qr/"You specified `payment` mode but/)), 'in the log as well';

# ---- nobody knows
trouble("status $_", said($_), 502, 'upstream_error', 'server_error', 'unknown',
    http => $_) for 500, 502, 503, 504;
trouble('status 408', said(408), 502, 'upstream_error', 'timeout', 'unknown',
    http => 408);
trouble('status 409', said(409, {type => 'idempotency_error',
    code => 'idempotency_key_in_use'}), 502, 'upstream_error', 'conflict',
    'unknown', http => 409, event => {code => 'idempotency_key_in_use'});
trouble("status $_", said($_), 502, 'upstream_error', 'invalid_answer', 'unknown',
    http => $_) for 202, 302;
trouble('hang', {kind => 'hang'}, 502, 'upstream_error', 'timeout',
    'unknown');
trouble('hang, and it is made', {kind => 'hang', after => 1}, 502,
    'upstream_error', 'timeout', 'unknown');
trouble('cut', {kind => 'cut', after => 1}, 502, 'upstream_error',
    'connection_lost', 'unknown', http => 200);
trouble('cut at once', {kind => 'cut', bytes => 0}, 502, 'upstream_error',
    'connection_lost', 'unknown');
trouble('reset', {kind => 'reset'}, 502, 'upstream_error', 'connection_lost',
    'unknown');
trouble('huge', {kind => 'huge'}, 502, 'upstream_error', 'invalid_answer',
    'unknown', http => 200);
trouble('garbage', {kind => 'garbage'}, 502, 'upstream_error',
    'invalid_answer', 'unknown', http => 200);

# ---- an answer that is no address
sub answer (%session) {
    return {kind => 'status', status => 200, body => {id => 'cs_test_x'
        . int(rand 1e9), object => 'checkout.session', %session}};
}
trouble("url $_->[0]", answer($_->[1]->%*), 502, 'upstream_error',
    'invalid_answer', 'unknown', http => 200, known => 1, then => sub ($id) {
        is order($t)->{state}, 'open', 'what is known of it is recorded';
    })
    for ['none', {}], ['null', {url => undef}], ['number', {url => 1}],
        ['empty', {url => ''}], ['script', {url => 'javascript:alert(1)'}],
        ['with a quote', {url => 'https://x/"onclick'}],
        ['with a blank', {url => 'https://x/ y'}],
        ['without a host', {url => 'https:///x'}],
        ['with a user', {url => 'https://stripe.com@evil.example/'}],
        ['ftp', {url => 'ftp://x/'}], map({ [$_, {url => $_}] }
            qw(http://x/ http://127.evil.example/ http://localhost.evil/)),
        ['of no scheme', {url => '//x/'}];
trouble("id $_->[0]", answer(id => $_->[1], url => 'https://x/y'), 502,
    'upstream_error', 'invalid_answer', 'unknown', http => 200)
    for ['none', undef], ['another thing', 'pi_123'], ['unfit', 'cs_a/b'],
        ['long', 'cs_' . 'x' x 300];

# ---- not there
$t->configure(http => {tavus_stripe_api_url => 'http://127.0.0.1:'
    . refused_port()})->reload(drained => 1);
trouble('refused', undef, 502, 'upstream_error', 'unreachable', 'failed',
    elsewhere => 1);
$t->configure(http => {tavus_stripe_api_url => $box->url})
    ->reload(drained => 1);

# ---- without a sandbox an address has to be https
is checkout($t)->code, 200, 'and it goes on';
my $log = $t->error_log;
unlike $log, qr/\Q$marker\E/, 'the log repeats nothing of it';
unlike $log, qr/ada\@example/, 'nor of a visitor';
unlike $log . join('', map { join ' ', %$_ } failures($t)),
    qr/\Q${\ $box->stripe_key}\E/, 'no key';

$t->configure(locations => {'= /metrics' => 'tavus_metrics;'})
    ->reload(drained => 1);
checkout($t) for 1 .. 2;
checkout($t, plan => 'gone');
my $text = $t->get('/metrics')->body;
like $text, qr/^tavus_checkouts_created_total 2$/m, 'metrics: made';
like $text, qr/^tavus_checkouts_failed_total\{reason="refused"\} 1$/m,
    'and not';
like $text, qr/^tavus_upstream_requests_total\{service="stripe",result="ok"\} 2$/m,
    'by service';

done_testing;
