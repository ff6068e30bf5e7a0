#!/usr/bin/perl

# npm

# The sandbox takes what PostHog's own library sends, each once, and refuses
# what PostHog would.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(gzip);
use POSIX qw(strftime);

use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $UUID = '0193e000-0000-7000-8000-00000000000';

sub iso ($offset = 0) { return strftime '%Y-%m-%dT%H:%M:%SZ', gmtime time + $offset }

sub post ($bytes, %headers) {
    return $ua->post($s->posthog_url . '/batch/' =>
        {'Content-Type' => 'application/json', %headers} => $bytes)->result;
}

my $AT = iso();
sub event (%more) {
    return {event => 'page_view', distinct_id => 'v-1', uuid => "${UUID}1",
        timestamp => $AT, properties => {n => 1}, %more};
}

sub batch ($events, %more) {
    return post(encode_json({api_key => $s->posthog_key, batch => $events,
        %more}));
}

sub kept () { return map { $_->{event} } $s->posthog_events }

subtest 'its own library' => sub {
    my $library = Tavus::Test::Sender->new('posthog');
    my %message = (host => $s->posthog_url, key => $s->posthog_key, events => [
        {distinctId => 'v-1', event => 'page_view', uuid => "${UUID}1",
            timestamp => $AT, properties => {n => 1}},
        {distinctId => 'v-2', event => 'conversation.ended',
            uuid => "${UUID}2", timestamp => $AT,
            properties => {'$process_person_profile' => false}},
    ]);
    is_deeply $library->ask(\%message)->{errors}, [], 'no complaint';

    my ($one, $two) = $s->posthog_events;
    is $one->{event}, 'page_view';
    is $one->{distinct_id}, 'v-1';
    is $one->{uuid}, "${UUID}1";
    is $one->{properties}{n}, 1;
    ok $one->{person_profile}, 'with a person';
    ok !$two->{person_profile}, 'without one';
    is_deeply [map { $_->{times} } $one, $two], [1, 1], 'each once';
    my ($call) = $s->calls('/posthog/');
    is $call->{headers}{'content-encoding'}, 'gzip', 'as it comes';
    is $call->{body}{batch}[1]{distinct_id}, 'v-2', 'and is shown';

    is_deeply $library->ask(\%message)->{errors}, [], 'again';
    my $all = $s->received('posthog', ids => 1);
    is $all->{unique}, 2, 'no more of them';
    is $all->{duplicates}, 2, 'each sent twice';
    is_deeply $all->{ids}, {"${UUID}1" => 2, "${UUID}2" => 2};

    $message{key} = 'phc_other';
    isnt scalar $library->ask(\%message)->{errors}->@*, 0, 'with another key';
    is $s->received('posthog')->{invalid}[0]{status}, 401;

    $s->reset;
    is $s->received('posthog')->{unique}, 0, 'forgotten';
    is $library->close, 0;
    done_testing;
};

subtest 'what makes two of one' => sub {
    $s->reset;
    is batch([event()])->json->{status}, 1;
    batch([event()]);
    batch([event(uuid => uc "${UUID}1", properties => {n => 2})]);
    is $s->received('posthog')->{unique}, 1, 'the same';
    for ({uuid => "${UUID}2"}, {event => 'other'}, {distinct_id => 'v-2'},
        {timestamp => iso(-3 * 86400)})
    {
        my $before = $s->received('posthog')->{unique};
        batch([event(%$_)]);
        is $s->received('posthog')->{unique}, $before + 1,
            "another: @{[%$_]}";
    }

    $s->reset;
    batch([event(timestamp => iso(24 * 3600))]);
    my ($clamped) = $s->posthog_events;
    ok $clamped->{clamped}, 'more than 23 hours ahead';
    cmp_ok abs($clamped->{time} - time), '<', 60, 'is now';
    $s->reset;
    batch([event(timestamp => iso(22 * 3600))]);
    ok !($s->posthog_events)[0]{clamped}, 'less is not';

    $s->reset;
    batch([event(timestamp => iso(3600))], sent_at => iso(3600));
    cmp_ok abs(($s->posthog_events)[0]{time} - time), '<', 60,
        'the clock of the sender is corrected';
    done_testing;
};

subtest 'an id in the properties' => sub {
    $s->reset;
    my $event = event(properties => {distinct_id => 'v-9'});
    delete $event->{distinct_id};
    is batch([$event])->code, 200;
    is +($s->posthog_events)[0]{distinct_id}, 'v-9';
    done_testing;
};

subtest 'refused' => sub {
    $s->reset;
    my $none = sub ($name) {
        my $event = event();
        delete $event->{$name};
        return $event;
    };
    my %bad = (
        'no name'         => $none->('event'),
        'an empty name'   => event(event => ''),
        'a long name'     => event(event => 'x' x 201),
        'no id'           => $none->('distinct_id'),
        'a number as id'  => event(distinct_id => 7),
        'a long id'       => event(distinct_id => 'x' x 201),
        'no UUID'         => event(uuid => 'x'),
        'no time'         => event(timestamp => 'yesterday'),
        'a time in numbers' => event(timestamp => 1777713273),
        'a 30th February' => event(timestamp => '2026-02-30T00:00:00Z'),
        'no zone'         => event(timestamp => '2026-02-03T00:00:00'),
        'properties'      => event(properties => []),
        'a member'        => event(ip => '127.0.0.1'),
        'no object'       => 'page_view',
        'two megabytes'   => event(properties => {x => 'x' x (2 << 20)}),
    );
    for my $id ('', qw(anonymous Guest null undefined none user distinct_id
        true false NaN 0 not_authenticated), '[object Object]', ' null ', '"None"')
    {
        $bad{"the id '$id'"} = event(distinct_id => $id);
    }
    for (sort keys %bad) {
        my $res = batch([event(), $bad{$_}]);
        is $res->code, 400, $_;
        like $res->headers->content_type, qr{^text/plain\b}, 'in plain text';
    }
    is_deeply [kept()], [], 'and the good ones beside them';
    is $s->received('posthog')->{refused}, keys %bad, 'each is on record';
    is $s->received('posthog')->{invalid}[0]{at}, 1, 'with its place';

    is batch([event(event => 'x' x 200, distinct_id => 'x' x 200)])->code, 200,
        'as long as may be';

    is batch([])->code, 400, 'no event';
    is batch({})->code, 400, 'no list';
    is batch([event()], source => 'x')->code, 400, 'an unknown member';
    is batch([event()], historical_migration => 1)->code, 400, 'no boolean';
    is batch([event()], sent_at => 'now')->code, 400, 'no time';
    is post('{"api_key":')->code, 400, 'no JSON';
    is post('[]')->code, 400, 'no object';
    is post(encode_json({api_key => $s->posthog_key, batch => [event()]}),
        'Content-Type' => 'text/plain')->code, 400, 'another type';
    is post("\x1f\x8bnothing", 'Content-Encoding' => 'gzip')->code, 400,
        'not what it is called';
    is post('{}', 'Content-Encoding' => 'br')->code, 400, 'another encoding';
    is post('{}' . ' ' x (20 << 20))->code, 413, 'a large body';
    is post(gzip('{}' . ' ' x (20 << 20)), 'Content-Encoding' => 'gzip')->code,
        413, 'packed, too';

    for (undef, '', 'phx_personal', 'phc_other') {
        is batch([event()], api_key => $_)->code, 401, $_ // 'no key';
    }
    is $ua->post($s->posthog_url . '/batch' => json => {
        api_key => $s->posthog_key, batch => [event(uuid => "${UUID}7")]})
        ->result->code, 200, 'without a slash at the end';
    done_testing;
};

subtest 'faults' => sub {
    $s->reset;
    my $path = '/posthog/';
    $s->fault(path => $path, kind => 'status', status => 429, times => 1,
        headers => {'Retry-After' => 3}, body => 'rate limited');
    my $res = batch([event()]);
    is $res->code, 429;
    is $res->headers->header('Retry-After'), 3;
    is_deeply [kept()], [], 'before the effect';

    $s->fault(path => $path, kind => 'cut', times => 1, after => true);
    is batch([event()])->body, '{"stat', 'cut';
    is_deeply [kept()], ['page_view'], 'after it';
    is batch([event()])->code, 200, 'sent again';
    is +($s->posthog_events)[0]{times}, 2, 'is known';

    $s->fault(path => $path, kind => 'slow', ms => 1, times => 1);
    $res = batch([event(event => '')]);
    is $res->code, 400, 'slow';
    is $res->body, 'event submitted with an empty event name', 'and whole';
    done_testing;
};

done_testing;
