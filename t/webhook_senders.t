#!/usr/bin/perl

# npm

# Redeliveries as senders make them, signed by the libraries that they give
# away: each difference is none, another event, or a conflict, whether the two
# come one after the other or in one batch.

use lib 't/lib';
use Tavus::Test;
use Digest::MD5 qw(md5_hex);
use IPC::Open2 qw(open2);
use MIME::Base64 qw(encode_base64);
use Mojo::JSON qw(encode_json decode_json);
use Mojo::Promise;
use POSIX qw(strftime);

# where build.sh brings a Node of its own
local $ENV{PATH} = "build/node/bin:$ENV{PATH}";

-d 'build/senders/node_modules/stripe'
    or BAIL_OUT('the senders are missing: ./build.sh test t/webhook_senders.t');

my @STANDARD = map { 'whsec_' . encode_base64($_ x 32, '') } 'a', 'b';
my @STRIPE = map { "whsec_of_stripe_0123456789$_" } 0, 1;
my @TAVUS = map { "secret-of-tavus-0123456789$_" } 0, 1;

my $t = Tavus::Test->new(workers => 1);
my $secrets = sub ($name, @secret) {
    return map { 'file:' . $t->secret("$name$_", $secret[$_]) . " id=k$_" }
        0 .. $#secret;
};
my $location = sub ($scheme, @secret) {
    return join ' ', "tavus_webhook $scheme;",
        map { "tavus_webhook_secret $_;" } $secrets->($scheme, @secret);
};
$t->configure(
    http => {tavus_webhook_secret => [$secrets->(tavus => @TAVUS)],
        tavus_store_timeout => '1m'},
    locations => {
        '= /metrics' => 'tavus_metrics;',
        '= /stripe' => $location->(stripe => @STRIPE),
        '= /standard' => $location->(standard => @STANDARD),
    });
$t->start;

my $node = open2(my $out, my $in, 'node', 't/senders/sign.mjs');

sub library (%message) {
    print {$in} encode_json(\%message), "\n";
    $in->flush;
    my $line = <$out> // die 'no answer of t/senders/sign.mjs';
    return decode_json($line)->%*;
}

# (path, headers, bytes) of a message: sender, body, and how it is signed
my $NOW = time;
my %SENDER = (
    stripe => sub (%m) {
        return ('/stripe', {library(sender => 'stripe', body => $m{body},
            secret => $STRIPE[$m{key} // 0], time => $NOW + ($m{at} // 0))});
    },
    (map {
        my $sender = $_;
        ($sender => sub (%m) {
            return ('/standard', {library(sender => $sender,
                body => $m{body}, id => $m{id},
                secret => $STANDARD[$m{key} // 0],
                time => $NOW + ($m{at} // 0))});
        })
    } qw(svix standard)),
    tavus => sub (%m) {
        return ('/api/tavus/webhook',
            {sign_header($TAVUS[$m{key} // 0], $m{body})});
    },
    token => sub (%m) {
        return ("/api/tavus/webhook?token=$m{token}", {});
    },
    member => sub (%m) {
        return ('/api/tavus/webhook', {},
            sign_in_body($TAVUS[$m{key} // 0], $m{body}));
    },
);

my $ISO = strftime '%Y-%m-%dT%H:%M:%S', gmtime $NOW - 60;
my $EPOCH = $NOW - 60;

# Two of one sender that differ in what is named; MARK is one of each pair.
sub stripe ($with, %how) {
    my ($mark) = 'evt_MARK';
    return {sender => 'stripe', %how, body => <<"        JSON" =~ s/\s+\z//r};
{"id":"$mark","object":"event","type":"invoice.paid","created":$EPOCH,$with}
        JSON
}

sub standard ($sender, $with, %how) {
    return {sender => $sender, id => 'msg_MARK', %how, body => <<"        JSON" =~ s/\s+\z//r};
{"type":"lead.created","timestamp":"${ISO}Z","data":{"mark":"MARK"},$with}
        JSON
}

sub tavus ($with, %how) {
    my $time = delete $how{time} // qq("$ISO.123456Z");
    my $type = delete $how{type} // 'application.recording_ready';
    return {sender => 'tavus', %how,
        body => <<"        JSON" =~ s/\s+\z//r};
{"event_type":"$type","conversation_id":"c-MARK","timestamp":$time,$with}
        JSON
}

my $DATA = '"data":{"object":{"id":"in_1","object":"invoice","lines":[1,2]}}';
my $URL = '"webhook_url":"http://127.0.0.1/api/tavus/webhook?token=TOKEN"';
my @TABLE;
my $case = sub { push @TABLE, [@_] };

# ---- Stripe
$case->('again' => same => map { stripe($DATA, at => $_) } 0, 60);
$case->('by the other secret' => same => map { stripe($DATA, key => $_) } 0, 1);
$case->('pending_webhooks' => same =>
    map { stripe("$DATA,\"pending_webhooks\":$_") } 1, 0);
$case->('request' => same => map { stripe("$DATA,\"request\":$_") }
    '{"id":"req_1","idempotency_key":"k"}', '{"id":null}', 'null');
$case->('order of members' => same =>
    stripe("$DATA,\"livemode\":true"), stripe("\"livemode\" : true, $DATA"));
$case->('created' => conflict => stripe($DATA),
    {stripe($DATA)->%*, body => stripe($DATA)->{body} =~ s/$EPOCH/$NOW/r});
$case->('livemode' => conflict => map { stripe("$DATA,\"livemode\":$_") }
    qw(true false));
$case->('data' => conflict => stripe($DATA), stripe($DATA =~ s/in_1/in_2/r));
$case->('data of another kind' => conflict =>
    stripe($DATA), stripe($DATA =~ s/invoice/charge/r));
$case->('another shape of it' => same =>
    stripe($DATA), stripe($DATA =~ s/"lines":\[1,2\]/"parent":null/r));
$case->('data without a kind' => conflict => map {
    stripe($_), stripe($_ =~ s/1,2/2,1/r) } $DATA =~ s/"object":"invoice",//r);
$case->('type' => conflict => stripe($DATA),
    {stripe($DATA)->%*, body => stripe($DATA)->{body} =~ s/paid/voided/r});
$case->('id' => another => stripe($DATA),
    {stripe($DATA)->%*, body => stripe($DATA)->{body} =~ s/MARK/MARK-2/r});

# ---- Standard Webhooks, and Svix with its own names for the headers
for my $sender (qw(standard svix)) {
    my $other = $sender eq 'svix' ? 'standard' : 'svix';
    my $say = sub ($with, %how) { standard($sender, $with, %how) };
    $case->('again' => same => map { $say->('"n":1', at => $_) } 0, 60);
    $case->('by the other secret' => same =>
        map { $say->('"n":1', key => $_) } 0, 1);
    $case->("by $other" => same => $say->('"n":1'), standard($other, '"n":1'));
    $case->('timestamp' => conflict => $say->('"n":1'),
        {$say->('"n":1')->%*, body =>
            $say->('"n":1')->{body} =~ s/$ISO/2026-01-01T00:00:00/r});
    $case->('a number' => conflict => $say->('"n":1'), $say->('"n":2'));
    $case->('pending_webhooks' => conflict =>
        map { $say->("\"pending_webhooks\":$_") } 1, 0);
    $case->('id' => another => $say->('"n":1'),
        $say->('"n":1', id => 'msg_MARK-2'));
}

# ---- Tavus
my $say = '"properties":{"s3_key":"k","duration":9}';
$case->('again' => same => tavus($say), tavus($say));
$case->('by the other secret' => same => map { tavus($say, key => $_) } 0, 1);
$case->('token, then signature' => same =>
    tavus("$say,$URL", sender => 'token'), tavus("$say,$URL"));
$case->('token of another secret' => same =>
    map { tavus("$say,$URL", sender => 'token', key => $_) } 0, 1);
$case->('signature in the body, by another' => same =>
    map { tavus($say, sender => 'member', key => $_) } 0, 1);
$case->('message_type' => same => tavus("\"message_type\":\"application\",$say"),
    tavus($say));
$case->("timestamp $_" => same => tavus($say),
    tavus($say, time => $_)) for qq("$ISO.123456"), qq("$ISO.123456789Z"),
    qq("$ISO.123456+0000"), qq("$ISO.123456+00"), qq("\L$ISO.123456z"),
    '"' . ($ISO =~ s/T/ /r) . '.123456 UTC"', "$EPOCH.123456",
    qq("$EPOCH.123456"), "${EPOCH}123456", "${EPOCH}123456789";
$case->('twins' => same =>
    tavus('"properties":{"face_id":"r1"}', type => 'system.pal_joined'),
    tavus('"properties":{"replica_id":"r1"}',
        type => 'system.replica_joined'));
$case->('as its API shows it' => same =>
    tavus('"message_type":"system",' . $URL . ',"properties":'
        . '{"replica_id":"r1","shutdown_reason":"x reached"}',
        type => 'system.shutdown'),
    tavus('"properties":{"reason":"x reached","replica_id":"r1"}',
        type => 'system.shutdown'));
$case->('properties' => another => tavus($say), tavus($say =~ s/9/10/r));
$case->('properties of what there is one of' => conflict =>
    map { tavus("\"properties\":{\"shutdown_reason\":\"$_\"}",
        type => 'system.shutdown') } 'x', 'y');
$case->('time' => another => tavus($say),
    tavus($say, time => qq("$ISO.123457Z")));

# what tells two events of one moment apart
for (['canvas.interaction', 'interaction_id'],
    ['application.post_call_action_executed', 'tool_id', 'tool_name'],
    ['application.recording_copy_failed', 'recording_id'],
    ['guardrail.triggered', 'guardrail_uuid'], ['objective', 'objective_name'],
    ['perception_tool_call', 'tool_call_id'])
{
    my ($type, @name) = @$_;
    for my $name (@name) {
        my $make = sub ($in, $value, $n = 1) {
            my $what = "\"$name\":$value,\"n\":$n";
            return tavus($in ? "\"$in\":{$what}" : $what, type => $type);
        };
        for my $in ('properties', 'payload', '') {
            $case->("$name in " . ($in || 'the body') => another =>
                $make->($in, '"1"'), $make->($in, '"2"'));
        }
        $case->("$name, written otherwise" => same =>
            $make->('properties', '"1"'), $make->('properties', '"\u0031"'));
        $case->("$name, with another number" => another =>
            $make->('properties', '"1"'), $make->('properties', '"1"', 2));
    }
}

# ---- the first application's own form
my $ended = '"payload":{"shutdown_reason":"x reached"}';
$case->('conversation.ended' => same =>
    map { tavus($ended, type => 'conversation.ended', sender => 'member',
        key => $_) } 0, 1);
$case->('payload' => conflict => tavus($ended, type => 'conversation.ended'),
    tavus($ended =~ s/x/y/r, type => 'conversation.ended'));

# ---- both ways
my %EXPECTED = (same => [1, 0], another => [2, 0], conflict => [1, 1]);
my $serial = 0;

sub requests ($mark, @messages) {
    return map {
        my %m = %$_;
        $m{body} =~ s/MARK/$mark/;
        $m{id} =~ s/MARK/$mark/ if defined $m{id};
        my $key = $m{key} // 0;
        $m{token} = sign_token($TAVUS[$key], id => "k$key",
            nonce => md5_hex($mark));
        $m{body} =~ s/TOKEN/$m{token}/;
        my ($path, $headers, $body) = $SENDER{$m{sender}}->(%m);
        [$path, $headers, $body // $m{body}];
    } @messages;
}

sub outcome ($mark) {
    my %n;
    for my $table (qw(events quarantine)) {
        $n{$table} = $t->db->selectrow_array("SELECT count(*)
            FROM tavus.$table WHERE position(convert_to(?, 'UTF8') IN body)
                 > 0", {}, $mark);
    }
    return [@n{qw(events quarantine)}];
}

sub named ($case) {
    my ($name, $expected, $first) = @$case;
    return "$first->{sender}: $name: $expected";
}

subtest 'one after the other' => sub {
    for my $case (@TABLE) {
        my $mark = sprintf 'm%04d-', $serial++;
        my @code = map { $t->post($_->[0], $_->[2], $_->[1])->code }
            requests($mark, $case->@[2 .. $#$case]);
        is_deeply [@code, outcome($mark)],
            [(200) x @code, $EXPECTED{$case->[1]}], named($case);
    }
    done_testing;
};

# A metric, all its labels together.
sub metric ($text, $name) {
    my $n = 0;
    $n += $1 while $text =~ /^tavus_$name(?:\{[^}]*\})? (\d+)/mg;
    return $n;
}

# The table is locked until all of them have come: what comes behind the first
# one, or those that came with it, is a batch.
sub batch (@all) {
    my $before = $t->get('/metrics')->body;
    my %code;

    my $locked = $t->db->begin_work;
    $t->db->do('LOCK TABLE tavus.events IN SHARE ROW EXCLUSIVE MODE');
    my @sent = map {
        $t->ua->post_p($t->url($_->[0]), $_->[1], $_->[2])
            ->then(sub ($tx) { $code{$tx->res->code}++ })
    } @all;
    my $come = Mojo::IOLoop->recurring(0.02 => sub ($loop) {
        $t->ua->get_p($t->url('/metrics'))->then(sub ($tx) {
            my $n = metric($tx->res->body, 'verifications_total')
                - metric($before, 'verifications_total');
            $locked = !$t->db->rollback if $locked && $n == @all;
        });
    });
    Mojo::Promise->all(@sent)->wait;
    Mojo::IOLoop->remove($come);

    is_deeply \%code, {200 => scalar @all}, 'all are taken';
    cmp_ok metric($t->get('/metrics')->body, 'batch_rows_count')
        - metric($before, 'batch_rows_count'), '<=', 3,
        'the first one, and the rest';
}

subtest 'in one batch' => sub {
    my @table = @TABLE;
    while (my @cases = splice @table, 0, 12) {
        my @mark = map { sprintf 'm%04d-', $serial++ } @cases;
        batch(map { requests($mark[$_], $cases[$_]->@[2 .. $#{$cases[$_]}]) }
            0 .. $#cases);
        is_deeply outcome($mark[$_]), $EXPECTED{$cases[$_][1]},
            named($cases[$_]) for 0 .. $#cases;
    }
    done_testing;
};

subtest 'a conversation in that form' => sub {
    my $body = sub ($type) {
        return encode_json({event_type => "conversation.$type",
            conversation_id => 'c-seed', timestamp => now_iso(),
            payload => {shutdown_reason => 'participant_left_timeout reached'}
        });
    };
    for my $type (qw(started ended)) {
        my $sent = sign_in_body($TAVUS[0], $body->($type));
        is $t->post('/api/tavus/webhook', $sent)->code, 200, $type;
        is $t->admin('/api/admin/conversations/c-seed')->json->{status},
            $type eq 'ended' ? 'ended' : 'active', "after $type";
    }
    my $json = $t->admin('/api/admin/conversations/c-seed')->json;
    is $json->{shutdown_reason}, 'participant_left_timeout', 'why';
    ok $json->{started_at} && $json->{endedAt}, 'from when to when';

    $body = $body->('ended') =~ s/c-seed/c-forged/r;
    is $t->post('/api/tavus/webhook', sign_in_body('x' x 20, $body))->code,
        401, 'a forged one';
    is $t->admin('/api/admin/conversations/c-forged')->code, 404,
        'changes nothing';
    done_testing;
};

close $in;
waitpid $node, 0;
is $?, 0, 'the libraries take what they have signed';

done_testing;
