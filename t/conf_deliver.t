#!/usr/bin/perl

# Destinations that nginx -t accepts; what it refuses is in conf_messages.t.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;
use Tavus::Test::Process qw(new_dir spew);

my $key = 'phc_of_a_project_0123456789';
my $whsec = 'whsec_' . 'QUJD' x 11;
my $url = 'https://127.0.0.1/hook?token=s3cret-of-the-query';
my $credentials = new_dir();
my $t = conf_test(env => {
    T_KEY => secret($key), T_WHSEC => secret($whsec), T_URL => secret($url),
    CREDENTIALS_DIRECTORY => $credentials,
});
for (['key', $key], ['whsec', $whsec], ['url', $url]) {
    $t->secret(@$_);
    spew("$credentials/$_->[0]", $_->[1], 0600);
}
my $dir = $t->dir . '/secrets';

sub ok_with ($name, @blocks) {
    return accepted($name, http => {tavus_deliver => \@blocks});
}

# ---- where secrets come from
for my $from (["file:$dir/", sub ($n) { $n }], ['file:secrets/', sub ($n) { $n }],
    ['credential:', sub ($n) { $n }], ['env:T_', sub ($n) { uc $n }])
{
    my ($form, $named) = @$from;
    my $of = sub ($name) { $form . $named->($name) };
    ok_with($form, "posthog { key @{[$of->('key')]}; events *; "
            . 'url https://127.0.0.1; }',
        "ga4 { secret @{[$of->('key')]}; measurement_id G-ABC1234567; "
            . 'events page_view; url https://127.0.0.1; }',
        "webhook { url @{[$of->('url')]}; secret @{[$of->('whsec')]}; "
            . 'events *; }');
}

# ---- what is known of itself; the hosts are looked up later
accepted('without url', http => {resolver => '127.0.0.1:1', tavus_deliver => [
    "posthog { key file:$dir/key; events *; }",
    "ga4 { secret file:$dir/key; measurement_id G-ABC1234567; events *; }"]});

# ---- names, and where one begins
my $out = "url file:$dir/url; secret file:$dir/whsec; events *;";
ok_with('several of a service', "webhook { $out }", "webhook name=b { $out }",
    "webhook name=@{['x' x 32]} { $out }", "webhook name=a-b_9 { $out }");
ok_with('from', "webhook from=beginning { $out }",
    "webhook name=b from=now { $out }", "webhook from=beginning name=c { $out }");

# ---- lines
ok_with('url', map { "webhook name=n$_->[0] { url $_->[1]; "
    . "secret file:$dir/whsec; events *; }" }
    [1, 'https://127.0.0.1'], [2, 'https://127.0.0.1/'],
    [3, 'https://127.0.0.1:8443/a/b?c=d&e=f'], [4, 'https://[::1]/x'],
    [5, 'http://127.0.0.1:8080/x'], [6, 'https://127.0.0.1/%7Ea?b=?c']);
ok_with('consent', "webhook { $out consent not_needed; }",
    "webhook name=b { $out consent required; }",
    "posthog { key file:$dir/key; events *; url https://127.0.0.1; "
        . 'consent anonymous; }');
ok_with('events', "webhook { $out events page_view; events a.b.*; "
    . 'events contact.submitted application.transcription_ready '
    . "conversation.*; events \"\xc3\xbc\"; }");
ok_with('secret', "webhook { $out secret env:T_WHSEC; "
    . "secret file:$dir/whsec; secret file:$dir/whsec; }");
ok_with('timeout', "webhook { $out timeout 100ms; }",
    "webhook name=b { $out timeout 30s; }");
ok_with('properties', "posthog { key file:$dir/key; events *; "
    . 'url https://127.0.0.1; properties a b; properties c; }');

ok_with('mails', "sendgrid { key file:$dir/key; url https://127.0.0.1; "
        . 'from a@b.de; to c@d.de; mail contact.submitted; }',
    "sendgrid name=owner { key file:$dir/key; url https://127.0.0.1; "
        . 'from "Site & Co. <a@b.de>"; to c@d.de "X <e@f.de>"; to g@h.de; '
        . 'reply_to i@j.de; timeout 5s; mail contact.submitted; mail sale; '
        . 'mail refund; mail dispute; mail conversation.ended; '
        . 'mail alert digest=10s; }',
    (map { "sendgrid name=n$_ { key file:$dir/key; url https://127.0.0.1; "
        . "from a\@b.de; to c\@d.de; mail alert digest=$_; }" } qw(1d 15m 3600s)));
accepted('a vertical that is read in mails', http => {tavus_vertical =>
    ['general { persona_id p1; mail_transcript on; }',
     'legal { persona_id p2; mail_transcript off; }']});

# ---- include
$t->file('crm.conf', "$out consent not_needed;\n");
$t->file('events.conf', "events page_view;\n");
my $html = $t->dir . '/html';
ok_with('include', "webhook { include $html/crm.conf; include $html/events.conf; }",
    "webhook name=b { include $html/cr*.conf; }",
    "webhook name=c { $out include $html/none*.conf; }");
refused('a fault in what is included', qr/unknown directive "nonsense"/,
    qr/^nonsense/, http => {tavus_deliver => ["webhook { include "
    . $t->file('bad.conf', "nonsense 1;\n") . '; }']});

# ---- nothing of it is repeated where it is wrong
my $bad = sub ($name, $says, $block) {
    refused($name, $says, qr/^\s*tavus_deliver/,
        http => {tavus_deliver => [$block]});
};
$bad->('an http address', qr/must be https/, 'webhook { url file:'
    . $t->secret('http.url', 'http://192.0.2.1/'
        . secret('s3cret-of-the-path')) . "; secret file:$dir/whsec; events *; }");
$bad->('no such host', qr/host not found in "https:\/\/nothing.invalid"/,
    'webhook { url file:' . $t->secret('no.url',
        'https://nothing.invalid/s3cret-of-the-path?s3cret-of-the-query')
    . "; secret file:$dir/whsec; events *; }");
$bad->('no address', qr/"url" must begin with https:/, 'webhook { url file:'
    . $t->secret('none.url', 'ftp://127.0.0.1/s3cret-of-the-path')
    . "; secret file:$dir/whsec; events *; }");
$bad->('another secret by mistake', qr/"url" must begin with https:/,
    "webhook { url file:$dir/whsec; secret file:$dir/whsec; events *; }");
$bad->('a user in it', qr/"url" must not have a user/, 'webhook { url file:'
    . $t->secret('user.url', 'https://' . secret('user:passw0rd-of-it')
        . '@127.0.0.1/x')
    . "; secret file:$dir/whsec; events *; }");

done_testing;
