#!/usr/bin/perl

# memcheck

# tavus_webhook stripe: Stripe-Signature as its owner defines it.

use lib 't/lib';
use Tavus::Test;
use Digest::SHA qw(hmac_sha256_hex);
use POSIX qw(strftime);

my @SECRET = map { "whsec_of_stripe_0123456789$_" } 0 .. 2;

my $t = Tavus::Test->new;
my @file = map { $t->secret("stripe$_", $SECRET[$_]) } 0 .. 2;
$t->configure(locations => {
    '= /stripe' => "tavus_webhook stripe; tavus_webhook_secret "
        . "file:$file[0] id=new; tavus_webhook_secret file:$file[1] id=old;",
    '= /strict' => "tavus_webhook stripe; tavus_webhook_tolerance 20s; "
        . "tavus_webhook_secret file:$file[0] id=new;",
});
$t->start;

my $n = 0;
sub event (%more) {
    $n++;
    return Mojo::JSON::encode_json({id => "evt_$n", object => 'event',
        type => 'invoice.paid', created => time, livemode => \0,
        data => {object => {id => "in_$n"}}, %more});
}

sub code ($body, %headers) {
    return $t->post('/stripe', $body, \%headers)->code;
}

sub count ($table = 'events') {
    return $t->db->selectrow_array("SELECT count(*) FROM tavus.$table");
}

sub refused ($name, $body, %headers) {
    my ($before, $quarantined) = (count(), count('quarantine'));
    is code($body, %headers), 401, $name;
    is count(), $before, "$name: not stored";
    is count('quarantine'), $quarantined, "$name: nor quarantined";
}

sub mac ($time, $body, $i = 0) {
    return hmac_sha256_hex("$time.$body", $SECRET[$i]);
}

subtest 'good' => sub {
    my $body = event(type => 'checkout.session.completed',
        created => time - 3600);
    my %sent = sign_stripe($SECRET[0], $body);
    is code($body, %sent), 200;
    my $row = $t->db->selectrow_hashref(q{SELECT source, event_type,
        verification, conversation_id, convert_from(body, 'UTF8') AS body,
        extract(epoch FROM tavus.uuid_time(id))::bigint AS time,
        kind FROM tavus.events});
    is_deeply $row, {
        source => 'stripe', event_type => 'checkout.session.completed',
        verification => '{"method":"stripe","key_id":"new","signature":"'
            . $sent{'Stripe-Signature'} . '"}', kind => 0,
        conversation_id => undef, body => $body,
        time => Mojo::JSON::decode_json($body)->{created},
    }, 'created is its time';

    $body = event();
    is code($body, sign_stripe($SECRET[1], $body)), 200, 'the second secret';
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE verification::json->>'key_id' = 'old'}), 1;
    done_testing;
};

subtest 'the header' => sub {
    my $now = time;
    my $header = sub ($make) {
        my $body = event();
        local $_ = mac($now, $body);
        return ($body, 'Stripe-Signature' => $make->($body));
    };
    my $wrong = '0' x 64;

    is code($header->(sub { "t=$now,v1=$_" })), 200;
    is code($header->(sub { "v1=$_,t=$now" })), 200, 'the time last';
    is code($header->(sub { "t=$now,v1=$wrong,v1=$_" })), 200, 'several';
    is code($header->(sub { "t=$now,v1=$_,v1=$wrong" })), 200, 'several';
    is code($header->(sub { "t=$now,v1=$_,v0=$wrong" })), 200, 'v0 besides';
    is code($header->(sub { "t=$now,x=y,v1=,v1=$_" })), 200, 'unknown ones';

    refused('v0 alone', $header->(sub { "t=$now,v0=$_" }));
    refused('no v1', $header->(sub { "t=$now" }));
    refused('no time', $header->(sub { "v1=$_" }));
    refused('two times', $header->(sub { "t=$now,t=1,v1=$_" }));
    refused('a time that is none', $header->(sub { "t=x$now,v1=$_" }));
    refused('another time', $header->(sub { "t=@{[$now - 1]},v1=$_" }));
    refused('upper case', $header->(sub { "t=$now,v1=" . uc $_ }));
    refused('cut', $header->(sub { "t=$now,v1=" . substr $_, 0, 63 }));
    refused('wrong', $header->(sub { "t=$now,v1=$wrong" }));
    refused('empty', $header->(sub { '' }));
    refused('commas', $header->(sub { ',' x 4000 }));
    refused('missing', event());
    refused('a signature of Tavus', $header->(sub { $_ }));

    my $body = event();
    my %h = sign_stripe($SECRET[0], $body);
    refused('another body', "$body ", %h);
    refused('the secret without whsec_', $body,
        sign_stripe($SECRET[0] =~ s/^whsec_//r, $body));
    is code($body, %h), 200;
    done_testing;
};

# a secret that is for Tavus says nothing here, and this one nothing there
subtest 'its own secrets' => sub {
    my $body = event();
    refused('the inherited', $body, sign_stripe($t->webhook_secret, $body));
    refused('of nobody', $body, sign_stripe($SECRET[2], $body));
    refused('in the form of Tavus', $body, sign_header($SECRET[0], $body));
    is $t->post('/stripe?token=' . sign_token($t->webhook_secret), $body)
        ->code, 401, 'a token';
    $body = sign_in_body($SECRET[0], event());
    refused('in the body', $body);

    $body = event();
    is $t->post('/api/tavus/webhook', $body,
        {sign_header($SECRET[0], $body)})->code, 401;

    my ($exit, $out) = $t->nginx_t(locations =>
        {'= /none' => 'tavus_webhook stripe;'});
    is $exit, 1;
    like $out, qr/"tavus_webhook" has no "tavus_webhook_secret"/;
    done_testing;
};

subtest 'tolerance' => sub {
    my $try = sub ($path, $skew) {
        my $body = event();
        my $res = $t->post($path, $body,
            {sign_stripe($SECRET[0], $body, time + $skew)});
        return $res->code == 401 ? $res->json->{code} : $res->code;
    };
    is $try->('/stripe', $_), 200, "$_ s" for -280, 280;
    is $try->('/stripe', $_), 'expired_signature', "$_ s" for -320, 320, -1e6;
    is $try->('/strict', $_), 200, "$_ s of 20" for -10, 10;
    is $try->('/strict', $_), 'expired_signature', "$_ s of 20" for -30, 40;

    my $body = event();
    refused('beyond 64 bits', $body,
        sign_stripe($SECRET[0], $body, '9' x 30));
    done_testing;
};

subtest 'redelivered' => sub {
    my $before = count();
    my $body = event();
    is code($body, sign_stripe($SECRET[0], $body, time + $_)), 200
        for 0, 1, 100;
    is code($body, sign_stripe($SECRET[1], $body)), 200;
    is count(), $before + 1, 'stored once';

    my $created = time;
    is code($_, sign_stripe($SECRET[0], $_)), 200
        for event(created => $created), event(created => $created);
    is count(), $before + 3, 'another id, another event';
    is count('quarantine'), 0;
    done_testing;
};

subtest 'created' => sub {
    my $at = time - 7200;
    my $iso = strftime('%Y-%m-%dT%H:%M:%S', gmtime $at);
    for my $created ($at, "$at", "$iso.232083866Z", "$iso.232+0000",
        "$at.232083866", $at * 1000 + 232)
    {
        my $body = event(created => $created);
        is code($body, sign_stripe($SECRET[0], $body)), 200 for 1, 2;
        is_deeply $t->db->selectcol_arrayref(q{SELECT
            floor(extract(epoch FROM tavus.uuid_time(id)))::bigint
            FROM tavus.events WHERE body = convert_to(?, 'UTF8')}, {}, $body),
            [$at], "as $created";
    }
    done_testing;
};

# what Stripe would not send is kept as well
subtest 'odd events' => sub {
    my %odd = (
        'created as text' => event(created => '2026-01-01T00:00:00Z'),
        'negative' => event(created => -1),
        'with a fraction' => event() =~ s/"created":\d+/"created":1.5e9/r,
        'far off' => event() =~ s/("created":)\d+/$1 . '9' x 20/er,
        'long ago' => event(created => time - 86400 * 400),
        'no created' => event() =~ s/"created":\d+,//r,
        'no id' => event() =~ s/"id":"evt_\d+",//r,
        'a number as id' => event(id => 7),
        'a long id' => event(id => 'evt_' . 'x' x 1000),
        'a list' => '[]',
    );
    for my $name (sort keys %odd) {
        my $before = count();
        is code($odd{$name}, sign_stripe($SECRET[0], $odd{$name})), 200, $name
            for 1, 2;
        is count(), $before + 1, "$name: stored once";
    }
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE tavus.uuid_time(id) < now() - interval '1 day'}), 0,
        'at their receipt';
    is count('quarantine'), 0;

    my $body = event(type => ['x']);
    is code($body, sign_stripe($SECRET[0], $body)), 200;
    is $t->db->selectrow_array(q{SELECT reason FROM tavus.quarantine
        WHERE source = 'stripe'}), 'unfit_event_type';
    done_testing;
};

done_testing;
