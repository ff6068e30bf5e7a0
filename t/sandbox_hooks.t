#!/usr/bin/perl

# npm

# The sandbox receives webhooks as who verifies them by Standard Webhooks does:
# signed by its library, each once, and nothing that is not right.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;

use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $secret = $s->hook('crm');
my $BODY = '{"type":"lead.created","timestamp":"2026-05-02T09:14:33Z",'
    . '"data":{"name":"Ada"}}';

sub post ($headers, $body = $BODY, $hook = 'crm') {
    return $ua->post($s->hook_url($hook) =>
        {'Content-Type' => 'application/json', %$headers} => $body)->result;
}

sub signed ($id, $body = $BODY, $time = time, $key = $secret) {
    return {sign_standard($key, $id, $body, $time)};
}

subtest 'its library' => sub {
    my $library = Tavus::Test::Sender->new('sign');
    my $verifier = Tavus::Test::Sender->new('verify');
    my $headers = $library->ask({sender => 'standard', secret => $secret,
        id => 'msg_1', time => time, body => $BODY});

    is post($headers)->code, 200, 'taken';
    my ($message) = $s->hook_messages('crm');
    is $message->{id}, 'msg_1';
    is $message->{type}, 'lead.created';
    is $message->{body}{data}{name}, 'Ada';
    is $message->{times}, 1;
    is_deeply $message->{sent}, [{body => $BODY, headers => $headers}],
        'as it came';

    is post($headers)->code, 200, 'again';
    my $all = $s->received('hooks', ids => 1);
    is $all->{unique}, 1, 'is the same';
    is $all->{duplicates}, 1, 'and counted';
    is_deeply $all->{ids}, {msg_1 => 2};

    my %wrong = (
        'the body' => [$headers, $BODY =~ s/Ada/Bob/r],
        'the signature' => [{%$headers,
            'webhook-signature' => 'v1,' . 'A' x 43 . '='}, $BODY],
        'the time' => [{%$headers, 'webhook-timestamp' =>
            $headers->{'webhook-timestamp'} - 1}, $BODY],
        'the id' => [{%$headers, 'webhook-id' => 'msg_2'}, $BODY],
        'an old one' => [signed('msg_1', $BODY, time - 330), $BODY],
        'a future one' => [signed('msg_1', $BODY, time + 330), $BODY],
        'another secret' => [signed('msg_1', $BODY, time,
            'whsec_' . 'QUFB' x 10), $BODY],
        'no id' => [{$headers->%{qw(webhook-timestamp webhook-signature)}},
            $BODY],
    );
    my $rolled = {%$headers, 'webhook-signature' => 'v1,' . 'A' x 43
        . "= v2,x $headers->{'webhook-signature'}"};
    is_deeply $verifier->ask({secret => $secret, headers => $rolled,
        body => $BODY}), {ok => Mojo::JSON::true}, 'one of several is right';
    is post($rolled)->code, 200, 'here, too';
    for (sort keys %wrong) {
        my ($with, $body) = $wrong{$_}->@*;
        ok !$verifier->ask({secret => $secret, headers => $with,
            body => $body})->{ok}, "$_: refused by the library";
        is post($with, $body)->code, 401, 'and here';
    }
    is $s->received('hooks')->{unique}, 1, 'nothing of it is kept';
    is $s->received('hooks')->{refused}, keys %wrong, 'but on record';
    is $s->received('hooks')->{invalid}[0]{status}, 401;
    is $_->close, 0 for $library, $verifier;
    done_testing;
};

subtest 'what else is refused' => sub {
    is post(signed('msg_1'), $BODY, 'other')->code, 404, 'nobody there';
    is post(signed('msg.1'))->code, 401, 'a full stop in an id';
    is post({signed('msg_1')->%*, 'webhook-timestamp' => 'now'})->code, 401,
        'no seconds';
    is post(signed('msg_9', $_), $_)->code, 400, $_ for '[]', 'x', '';
    is post({signed('msg_9')->%*, 'Content-Type' => 'text/plain'})->code, 400,
        'another type';

    for ('secret', 'whsec_', 'whsec_QUFB', 'whsec_' . 'QUFB' x 22,
        'whsec_' . '*' x 40, ['whsec_' . 'QUFB' x 10])
    {
        my $tx = $ua->post($s->url . '/_config' => json => {hooks =>
            {crm => $_}});
        is $tx->res->code, 400, 'a secret that is none';
    }
    done_testing;
};

subtest 'several, and one that changed' => sub {
    my $other = $s->hook('erp', 'another secret of thirty-two byt');
    is post(signed('msg_1', $BODY, time, $other), $BODY, 'erp')->code, 200,
        'the first one is still known';
    is scalar $s->hook_messages('erp'), 1, 'of its own';
    is post(signed('msg_1'), $BODY, 'erp')->code, 401, 'with its own secret';

    my $changed = $BODY =~ s/Ada/Bob/r;
    is post(signed('msg_1', $changed), $changed)->code, 200;
    ok +($s->hook_messages('crm'))[0]{changed}, 'one id, two messages';
    ok !($s->hook_messages('erp'))[0]{changed};
    done_testing;
};

subtest 'faults' => sub {
    $s->fault(path => '/hooks/erp', kind => 'status', status => 410);
    is post(signed('msg_2'), $BODY, 'erp')->code, 410, 'of one';
    is post(signed('msg_2'))->code, 200, 'and not of another';
    $s->fault(path => '/hooks/crm', kind => 'status', status => 302, times => 1,
        headers => {Location => $s->url . '/_sink'});
    my $res = post(signed('msg_3'));
    is $res->code, 302, 'leads elsewhere';
    is $res->headers->location, $s->url . '/_sink';
    is scalar(grep { $_->{id} eq 'msg_3' } $s->hook_messages('crm')), 0;

    $s->fault(path => '/hooks/crm', kind => 'status', status => 500, times => 1,
        after => Mojo::JSON::true);
    is post(signed('msg_3'))->code, 500, 'only the answer is lost';
    is scalar(grep { $_->{id} eq 'msg_3' } $s->hook_messages('crm')), 1;

    $s->reset;
    is post(signed('msg_4'))->code, 401, 'as if just started: with its own secret';
    done_testing;
};

done_testing;
