#!/usr/bin/perl

# The sandbox answers as Google Analytics 4 does, to anything: and knows what
# the debug server would have said, and what would never have been counted.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json false true);
use Mojo::UserAgent;
use Time::HiRes ();

use Tavus::Test::Sandbox;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);

sub micros ($offset = 0) {
    return sprintf '%d', (Time::HiRes::time() + $offset) * 1e6;
}

my %SESSION = (session_id => '1777713000', engagement_time_msec => 100);
my $AT = micros(-60);

sub event (%more) {
    my $params = delete $more{params} // {};
    return {name => 'generate_lead', params => {%SESSION, %$params}, %more};
}

sub request (%more) {
    return {client_id => '555.777', timestamp_micros => $AT,
        events => [event()], %more};
}

sub collect ($in, %query) {
    my $url = Mojo::URL->new($s->ga4_url . '/mp/collect')->query({
        measurement_id => $s->ga4_measurement_id,
        api_secret => $s->ga4_secret, %query});
    my $res = $ua->post($url => {'Content-Type' => 'application/json'} =>
        ref $in ? encode_json($in) : $in)->result;
    is $res->code, 204, 'whatever comes' if $res->code != 204;
    return $res;
}

sub debug_of ($in) {
    return $ua->post($s->ga4_url . '/debug/mp/collect' =>
        ref $in ? encode_json($in) : $in)->result->json->{validationMessages};
}

subtest 'an event' => sub {
    my $res = collect(request(user_id => 'u-1', non_personalized_ads => true,
        consent => {ad_user_data => 'DENIED', ad_personalization => 'GRANTED'},
        user_properties => {plan => {value => 'starter'}}));
    is $res->code, 204;
    is $res->body, '';
    my ($event) = $s->ga4_events;
    is $event->{name}, 'generate_lead';
    is $event->{client_id}, '555.777';
    is $event->{user_id}, 'u-1';
    is $event->{consent}{ad_user_data}, 'DENIED';
    is $event->{params}{session_id}, '1777713000';
    is $event->{timestamp_micros}, $AT;
    is $event->{times}, 1;

    collect(request()) for 1 .. 2;
    my $all = $s->received('ga4');
    is $all->{unique}, 2, 'another, for it says less';
    is $all->{duplicates}, 1, 'and that one twice';
    collect(request(events => [map { event(name => "step_$_") } 1 .. 25]));
    is $s->received('ga4')->{unique}, 27, 'as many as may be';
    my ($call) = $s->calls('/ga4/');
    is $call->{query} =~ s/measurement_id=G-SANDBOX1|&//gr,
        'api_secret=valid', 'the secret is not shown';
    done_testing;
};

subtest 'what Google would not tell' => sub {
    $s->reset;
    collect(request(), api_secret => 'other');
    collect(request(), measurement_id => 'G-OTHER');
    collect(request(), api_secret => '');
    is_deeply [map { $_->{reason} } $s->received('ga4')->{invalid}->@*],
        ['api_secret is wrong', 'measurement_id is wrong',
            'api_secret is missing'];
    like +($s->calls('/ga4/'))[0]{query}, qr/api_secret=invalid/;
    is_deeply [$s->ga4_events], [], 'and nothing is counted';
    done_testing;
};

subtest 'what its debug server says' => sub {
    is_deeply debug_of(request()), [], 'nothing';
    is_deeply [$s->ga4_events], [], 'and keeps nothing';

    my @bad = (
        ['no JSON', '{', '', 'VALUE_INVALID'],
        ['a large body', '{' . ' ' x 130_000, '', 'VALUE_OUT_OF_BOUNDS'],
        ['no client_id', {request()->%{qw(events)}}, 'client_id',
            'VALUE_REQUIRED'],
        ['a long user_id', request(user_id => 'x' x 257), 'user_id',
            'VALUE_INVALID'],
        ['an unknown field', request(session => 1), 'session',
            'VALUE_INVALID'],
        ['three days ago', request(timestamp_micros => micros(-72 * 3601)),
            'timestamp_micros', 'VALUE_OUT_OF_BOUNDS'],
        ['what is not yet', request(timestamp_micros => micros(3600)),
            'timestamp_micros', 'VALUE_OUT_OF_BOUNDS'],
        ['a time as text', request(timestamp_micros => '2026-01-01'),
            'timestamp_micros', 'VALUE_INVALID'],
        ['yes', request(consent => {ad_user_data => 'YES'}),
            'consent.ad_user_data', 'VALUE_INVALID'],
        ['analytics', request(consent => {analytics_storage => 'GRANTED'}),
            'consent.analytics_storage', 'VALUE_INVALID'],
        ['personal', request(non_personalized_ads => 'yes'),
            'non_personalized_ads', 'VALUE_INVALID'],
        ['26 user properties', request(user_properties =>
            {map { ("p$_" => {value => 1}) } 1 .. 26}), 'user_properties',
            'EXCEEDED_MAX_ENTITIES'],
        ['a long user property', request(user_properties =>
            {plan => {value => 'x' x 37}}), 'user_properties.plan',
            'VALUE_OUT_OF_BOUNDS'],
        ['one that is reserved', request(user_properties =>
            {user_id => {value => 'x'}}), 'user_properties.user_id',
            'NAME_RESERVED'],
        ['one of a long name', request(user_properties =>
            {'x' x 25, {value => 'x'}}), 'user_properties.' . 'x' x 25,
            'NAME_INVALID'],
        ['no event', request(events => []), 'events', 'VALUE_REQUIRED'],
        ['26 events', request(events => [map { event() } 1 .. 26]), 'events',
            'EXCEEDED_MAX_ENTITIES'],
    );
    my @of_event = (
        ['no object', 7, '', 'VALUE_INVALID'],
        ['no name', {params => {}}, '.name', 'VALUE_REQUIRED'],
        ['a dot', event(name => 'checkout.paid'), '.name', 'NAME_INVALID'],
        ['a long name', event(name => 'x' x 41), '.name', 'NAME_INVALID'],
        ['a digit first', event(name => '1st'), '.name', 'NAME_INVALID'],
        ['another letter', event(name => "caf\x{e9}"), '.name',
            'NAME_INVALID'],
        (map { ["the name $_", event(name => $_), '.name', 'NAME_RESERVED'] }
            qw(error session_start first_visit user_engagement ad_click
            _event firebase_x ga_x google_x)),
        ['an unknown field', event(id => 1), '.id', 'VALUE_INVALID'],
        ['an old time', event(timestamp_micros => 1), '.timestamp_micros',
            'VALUE_OUT_OF_BOUNDS'],
        ['26 parameters', event(params => {map { ("p$_" => 1) } 1 .. 24}),
            '.params', 'EXCEEDED_MAX_ENTITIES'],
        ['a long value', event(params => {p => 'x' x 101}), '.params.p',
            'VALUE_OUT_OF_BOUNDS'],
        ['a long page', event(params => {page_location => 'x' x 1001}),
            '.params.page_location', 'VALUE_OUT_OF_BOUNDS'],
        ['an object', event(params => {p => {}}), '.params.p',
            'VALUE_INVALID'],
        ['a boolean', event(params => {p => true}), '.params.p',
            'VALUE_INVALID'],
        ['null', event(params => {p => undef}), '.params.p', 'VALUE_INVALID'],
        ['a reserved parameter', event(params => {firebase_conversion => 1}),
            '.params.firebase_conversion', 'NAME_RESERVED'],
        ['a parameter with a $', event(params => {'$p' => 1}), '.params.$p',
            'NAME_INVALID'],
        ['no session', event(params => {session_id => undef}),
            '.params.session_id', 'VALUE_INVALID', 'VALUE_REQUIRED'],
        ['a session of letters', event(params => {session_id => 's-1'}),
            '.params.session_id', 'VALUE_INVALID'],
        ['no time spent', event(params => {engagement_time_msec => 'long'}),
            '.params.engagement_time_msec', 'VALUE_INVALID'],
        ['a value without currency', event(params => {value => 25}),
            '.params.currency', 'VALUE_REQUIRED'],
        ['a value as text', event(params => {value => '25',
            currency => 'EUR'}), '.params.value', 'VALUE_INVALID'],
        ['items', event(params => {items => {}}), '.params.items',
            'VALUE_INVALID'],
        ['11 parameters of an item', event(params => {items =>
            [{item_id => 'a', map { ("p$_" => 1) } 1 .. 11}]}),
            '.params.items[0]', 'EXCEEDED_MAX_ENTITIES'],
    );
    push @bad, map {
        my ($name, $event, $at, @codes) = @$_;
        [$name, request(events => [event(), $event]), "events[1]$at", @codes];
    } @of_event;

    for (@bad) {
        my ($name, $in, $path, @codes) = @$_;
        my $said = debug_of($in);
        is_deeply [map { [$_->@{qw(fieldPath validationCode)}] } @$said],
            [map { [$path, $_] } @codes], $name
            or diag explain $said;
        collect($in);
        is_deeply $s->received('ga4')->{invalid}[-1]{messages}, $said,
            'and it is on record';
    }
    is_deeply [$s->ga4_events], [], 'none is counted';
    is_deeply debug_of(request(events => [event(params => {value => 25,
        currency => 'EUR', page_location => 'x' x 1000, p => 'x' x 100,
        items => [{item_id => 'a', price => 25, map { ("p$_" => 1) } 1 .. 10}],
        session_id => 1777713000})])), [], 'as much as may be';
    done_testing;
};

subtest 'faults' => sub {
    $s->reset;
    for (['cut', 200], ['hang', undef], ['slow', 200]) {
        my ($kind, $code) = @$_;
        $s->fault(path => '/ga4/', kind => $kind, ms => 1, times => 1,
            after => true);
        my $tx = Mojo::UserAgent->new(request_timeout => $code ? 20 : 0.3)
            ->post($s->ga4_url . '/mp/collect?measurement_id='
                . $s->ga4_measurement_id . '&api_secret=' . $s->ga4_secret
                => json => request());
        is $tx->res->code, $code, $kind;
    }
    is +($s->ga4_events)[0]{times}, 3, 'each had its effect';
    done_testing;
};

done_testing;
