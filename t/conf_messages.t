#!/usr/bin/perl

# Every message with which the module refuses a configuration is provoked here,
# with the file and line it names: one that the sources have, and that nothing
# below brings up, fails the test.  So does a directive that may stand twice.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;
use Tavus::Test::Process qw($ROOT slurp);
use Tavus::Test::Source qw(directives);

# What no configuration brings about, and why.
my %unheard = (
    'RAND_bytes() failed' => 'OpenSSL has no random numbers',
    '"%V": fstat() "%V" failed' => 'of a file that is open',
    '"%V": read() "%V" failed' => 'the disk is broken',
    'no memory for a user' => 'malloc() fails',
    'out of memory' => 'malloc() fails',
    'OpenSSL cannot set up the key' => 'OpenSSL fails',
    'secret is shorter than 16 bytes' => 'found when the secret is read',
);

my $t = conf_test();
my ($dir, $html) = ($t->dir . '/secrets', $t->dir . '/html');
my $SECRET = 'a-secret-of-the-tests-0123456789';
my $good = 'file:' . $t->secret('good', $SECRET);
my $n = 0;
sub keep { return $t->secret('s' . $n++, @_) }

my (@said, $name);

# The message in full but for errno and place, and the line that it names.
sub says {
    my ($message, $line, %conf) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said = refused($message, qr/^\Q$message\E(?: \(\d+: [^)]+\))? in \S+\z/,
        $line, %conf) // '';
    push @said, $said =~ s/(?: \(\d+: [^)]+\))? in \S+:\d+\z//r;
}

sub http { return (http => {@_}) }
sub x { return (locations => {'= /x' => $_[0]}) }

my @create = map { "= /api/tavus/$_" } qw(create-conversation end-conversation);
my $hook = '= /api/tavus/webhook';
my %nothing = map { $_ => undef } @create, $hook, '= /api/track',
    '= /api/contact', '/api/admin/';
my %no_call = (locations => {'= /api/track' => undef, '= /api/contact' => undef,
    '/api/admin/' => undef, $create[1] => undef});

# ---- secrets
my $key = qr/^\s*tavus_api_key /;
sub key { return http(tavus_api_key => $_[0]) }
says('"tavus_api_key" must be env:NAME, file:PATH or credential:NAME', $key,
    key('literal'));
says('"tavus_api_key": environment variable "T_NONE" is not set, nginx must be '
    . 'started with it, and "nginx -t" too', $key, key('env:T_NONE'));
{
    local $ENV{CREDENTIALS_DIRECTORY} = '';
    says('"tavus_api_key": $CREDENTIALS_DIRECTORY is not set, nginx must be '
        . 'started with LoadCredential=, and "nginx -t" with '
        . 'CREDENTIALS_DIRECTORY=/run/credentials/UNIT', $key,
        key('credential:tavus'));
    $ENV{CREDENTIALS_DIRECTORY} = $dir;
    says('"tavus_api_key": a credential is a name, not a path', $key,
        key('credential:../x'));
}
says(qq("tavus_api_key": open() "$dir/none" failed), $key,
    key("file:$dir/none"));
says(qq("tavus_api_key": "$dir" is not a regular file), $key,
    key("file:$dir"));
$name = keep($SECRET, 0644);
says(qq("tavus_api_key": "$name" is open to all users, make it 0600), $key,
    key("file:$name"));
$name = keep('x' x 4097);
says(qq("tavus_api_key": "$name" has 4097 bytes, at most 4096 may be), $key,
    key("file:$name"));
says('"tavus_api_key": the secret holds a NUL byte', $key,
    key('file:' . keep("$SECRET\0")));
says('"tavus_api_key": a byte order mark stands before the secret, save it '
    . 'without', $key, key('file:' . keep("\xef\xbb\xbf$SECRET")));
says('"tavus_api_key": the secret has 15 bytes, at least 16 are needed', $key,
    key('file:' . keep('x' x 15)));
says('"tavus_api_key": the key holds a blank, a control character or one '
    . 'outside of ASCII', $key, key('file:' . keep("$SECRET x")));

# ---- what an endpoint needs
for (qw(tavus_public_origin tavus_vertical tavus_api_key tavus_database)) {
    says(qq("$_" is missing, which this location needs), qr/tavus_conversation;/,
        http($_ => undef), %no_call);
}
says('"tavus_admin_users" is missing, which this location needs',
    qr/tavus_admin;/, locations => {'/x' => 'tavus_admin;'});
says('"tavus_admin" needs a prefix location, what follows it is the resource',
    qr/tavus_admin;/, x('tavus_admin;'));
says('no location with "tavus_webhook tavus" at the path '
    . '"/api/tavus/webhook", where calls would be sent back',
    qr/tavus_conversation;/, locations => {$hook => undef});
says('"tavus_health": the location has a handler already', qr/tavus_health;/,
    x('tavus_metrics; tavus_health;'));
says('"tavus_health": a later directive of the location gives it another '
    . 'handler', qr/tavus_health;/, x('tavus_health; empty_gif;'));

# ---- Tavus
my $url = qr/^\s*tavus_api_url /;
sub api { return http(tavus_api_url => $_[0]) }
says('invalid URL "ftp://x", it must start with "https://"', $url,
    api('ftp://x'));
says('invalid URL "https://u@x", it must be a literal base without user, '
    . 'query or variables', $url, api('https://u@x'));
says('invalid URL "https://127.0.0.1:x": invalid port', $url,
    api('https://127.0.0.1:x'));
says('"tavus_api_call_limit" directive must be from 30s to 1d',
    qr/tavus_api_call_limit/, http(tavus_api_call_limit => '29s'));
says('"tavus_api_url" must be https, or http to a loopback address together '
    . 'with "tavus_sandbox on", but is "http://192.0.2.1"', $url,
    api('http://192.0.2.1'));
says('host not found in "https://no.invalid" of "tavus_api_url", and no '
    . '"resolver" is configured', $url, api('https://no.invalid'));
says(qq(could not load certificates from "$html/index.html"),
    qr/^\s*tavus_trusted_certificate /,
    http(tavus_trusted_certificate => "$html/index.html"));
says('"tavus_sandbox on" allows only loopback addresses in "listen", not '
    . '"192.0.2.1:80"', qr/^\s*tavus_sandbox on/,
    server => 'listen 192.0.2.1:80;');

# ---- Stripe
my $stripe = 'file:' . keep('sk_test_0123456789abcdef');
sub stripe { return http(tavus_stripe_key => $stripe, @_) }
says('"tavus_stripe_key": the key holds a blank, a control character or one '
    . 'outside of ASCII', qr/tavus_stripe_key/,
    stripe(tavus_stripe_key => 'file:' . keep('sk_test_0123 456789abcdef')));
says('"tavus_stripe_key": a key begins with "sk_live_", "rk_live_", "sk_test_" '
    . 'or "rk_test_"', qr/tavus_stripe_key/,
    stripe(tavus_stripe_key => 'file:' . keep('pk_test_0123456789abcdef')));
says('"tavus_stripe_api_url" must be https, or http to a loopback address '
    . 'together with "tavus_sandbox on", but is "http://192.0.2.1"',
    qr/^\s*tavus_stripe_api_url /,
    stripe(tavus_stripe_api_url => 'http://192.0.2.1'));
says('host not found in "https://no.invalid" of "tavus_stripe_api_url", and no '
    . '"resolver" is configured', qr/^\s*tavus_stripe_api_url /,
    stripe(tavus_stripe_api_url => 'https://no.invalid'));

# ---- plans
my $plan = qr/^\s*tavus_plan /;
sub plans { return http(tavus_plan => [@_]) }
says('duplicate plan "a"', $plan, plans(('a { price price_1; }') x 2));
says('invalid plan "A", its name is up to 32 of a-z 0-9 - _', $plan,
    plans('A { price price_1; }'));
says('plan "a" has no "price"', $plan, plans('a { }'));
says('unknown directive "cost" in "tavus_plan"', $plan,
    plans('a { cost 1; }'));
says("invalid number of arguments in \"$_->[0]\"", $plan, plans("a { $_->[1] }"))
    for ['price', 'price price_1 price_2;'], ['mode', 'mode;'],
        ['add_on', 'add_on b;'];
says("duplicate \"$_->[0]\"", $plan, plans("a { $_->[1] }"))
    for ['price', 'price price_1; price price_2;'],
        ['mode', 'mode payment; mode payment;'];
says('invalid "mode" "setup", it is subscription or payment', $plan,
    plans('a { mode setup; }'));
says('invalid price "prod_1", its id at Stripe begins with "price_"', $plan,
    plans('a { price prod_1; }'));
says('price "price_1" stands twice in one plan', $plan,
    plans('a { price price_1; add_on b price_1; }'));
says('duplicate "add_on" "b"', $plan,
    plans('a { add_on b price_1; add_on b price_2; }'));
says('invalid "add_on" "B", its name is up to 32 of a-z 0-9 - _', $plan,
    plans('a { add_on B price_1; }'));
says('invalid "add_on" "max=1000", behind the price stands "max=" with a '
    . 'number from 1 to 999', $plan, plans('a { add_on b price_1 max=1000; }'));
says('more than 19 "add_on"', $plan,
    plans('a { ' . join('', map { "add_on b$_ price_$_;" } 1 .. 20) . ' }'));
says("\"$_\" directive must be a literal path without a query", qr/$_/,
    x("$_ x;")) for qw(tavus_checkout_success tavus_checkout_cancel);
says('with a "tavus_stripe_key" of live mode "tavus_public_origin" must be '
    . 'https for Stripe to send back to it', qr/tavus_checkout;/,
    http(tavus_plan => 'a { price price_1; }',
        tavus_stripe_api_url => 'https://127.0.0.1', tavus_stripe_key =>
            'file:' . keep('sk_live_0123456789abcdef')),
    x('tavus_checkout;'));

# ---- the database
my $database = qr/^\s*tavus_database /;
sub db { return http(tavus_database => qq("$_[0]")) }
my %reason = (password => 'use "tavus_database_password"',
    passfile => 'use "tavus_database_password"',
    service => 'write its settings here',
    replication => 'this is no replication client',
    client_encoding => 'the module speaks UTF-8',
    sslpassword => 'use a key without a passphrase',
    connect_timeout => 'the module has its own');
says(qq("$_" is not allowed in the connection string: $reason{$_}), $database,
    db("host=/run/x $_=1")) for sort keys %reason;
says('invalid connection URI', $database, db('postgresql://[::1/x'));
says('invalid connection string: invalid connection option "nonsense"',
    $database, db('nonsense=1'));
says('target_session_attrs "standby" is not supported, use read-write, '
    . 'primary or any', $database, db('host=/x target_session_attrs=standby'));
says('sslmode "prefer" is not supported, use disable, require, verify-ca or '
    . 'verify-full', $database, db('host=127.0.0.1 sslmode=prefer'));
says('no "host" in the connection string', $database, db('dbname=x'));
my $who = 'host=127.0.0.1 dbname=x user=y';
says('no "user" in the connection string', $database, db('host=/x dbname=x'));
says('no "dbname" in the connection string', $database, db('host=/x user=y'));
says('sslmode "verify-ca" needs "sslrootcert" in the connection string',
    $database, db("$who sslmode=verify-ca"));
says(qq(connection string: sslcrl "/none/x" is not readable for user id $>),
    $database, db("$who sslmode=require sslcrl=/none/x"));
says('"options" in the connection string has "role", which the module sets',
    $database, db("$who options='-c role=x'"));
says('the connection string has 3 hosts, 0 addresses and 2 ports', $database,
    db('host=/a,/b,/c port=1,2'));
says('invalid port "0" in the connection string', $database,
    db('host=/x port=0'));
says('empty host in the connection string', $database, db('host=/a,'));
says('invalid hostaddr "y" in the connection string', $database,
    db('host=x hostaddr=y'));
says('host not found in "no.invalid" of "tavus_database", and no "resolver" '
    . 'is configured', $database, db('host=no.invalid dbname=x user=y'));
says('"tavus_store_timeout" directive must be from 100ms to 10m',
    qr/tavus_store_timeout/, http(tavus_store_timeout => '99ms'));
says('"tavus_repair" directive must be off or rate=', qr/tavus_repair/,
    http(tavus_repair => 'on'));
says('"tavus_stripe_repair" directive must be off, or from 1m to 1d',
    qr/tavus_stripe_repair/, http(tavus_stripe_repair => $_)) for qw(59s 25h);
says('"tavus_stripe_repair" directive invalid value', qr/tavus_stripe_repair/,
    http(tavus_stripe_repair => 'x'));
says('"tavus_repair" directive takes for "rate=" from 1r/h to 10r/s',
    qr/tavus_repair/, http(tavus_repair => 'rate=11r/s'));
says('"tavus_retention" ' . $_->[0], qr/tavus_retention/,
    http(tavus_retention => $_->[1])) for
    ['has an unknown parameter "source=30d": it knows "events", "browser", '
        . '"contacts", "transcripts" and "trail"', '60d source=30d'],
    ['has "browser" twice', '60d browser=30d browser=30d'],
    ['has an invalid time "browser=x"', '60d browser=x'],
    ['must keep "events" for at least 60d', '59d'],
    ['cannot keep "browser" longer than events, which are kept for 60d',
        '60d browser=61d'],
    ['directive is duplicate', ['60d', '61d']];

# ---- the journal
my $journal = qr/^\s*tavus_journal /;
sub journal { return http(tavus_journal => $_[0]) }
says('invalid path ""', $journal, journal('""'));
says('invalid parameter "size=1g"', $journal, journal("$dir/j size=1g"));
says(qq{"tavus_journal": the folder "$dir/a/b" cannot be made in "$dir/a/"},
    $journal, journal("$dir/a/b"));
says(qq{"tavus_journal": "$dir/good" is not a folder}, $journal,
    journal("$dir/good"));
says(qq{"tavus_journal": stat() "$dir/good/j" failed}, $journal,
    journal("$dir/good/j"));
says('invalid "max_size=1m", it must be a size of at least 16m', $journal,
    journal("$dir/j max_size=1m"));
says('"tavus_journal" needs "tavus_database"', $journal,
    http(tavus_journal => "$dir/j", tavus_database => undef),
    locations => \%nothing);

# ---- destinations
my $deliver = qr/^\s*tavus_deliver /;
my $phc = "posthog { key $good; events *;";
my $g = "ga4 { secret $good; measurement_id G-ABC1234567; events *;";
my $sg = "sendgrid { key $good; from a\@b.de; to c\@d.de;";
my $whsec = 'file:' . keep('whsec_' . ('QUJD' x 11));
my $out = "webhook { url https://127.0.0.1/x; secret $whsec; events *;";
sub d { return http(tavus_deliver => [@_]) }
says('unknown service "kafka", it is one of posthog, ga4, '
    . 'webhook and sendgrid',
    $deliver, d('kafka { }'));
says('invalid parameter "nmae=x"', $deliver, d("webhook nmae=x { }"));
says('invalid name "X", it is up to 32 of a-z 0-9 - _', $deliver,
    d('webhook name=X { }'));
says('duplicate name "posthog" of "tavus_deliver"', $deliver,
    d("$phc }", "$phc }"));
says('unknown directive "key" in "tavus_deliver webhook"', $deliver,
    d("$out key $good; }"));
says('invalid number of arguments in "timeout"', $deliver,
    d("$phc timeout 1s 2s; }"));
says("\"tavus_deliver\" \"$_->[0]\" has no \"$_->[1]\"", $deliver, d($_->[2]))
    for ['posthog', 'events', "posthog { key $good; }"],
        ['posthog', 'key', 'posthog { events *; }'],
        ['ga4', 'secret', 'ga4 { measurement_id G-ABC; events *; }'],
        ['ga4', 'measurement_id', "ga4 { secret $good; events *; }"],
        ['webhook', 'secret', 'webhook { url https://127.0.0.1/; events *; }'],
        ['webhook', 'url', "webhook { secret $whsec; events *; }"],
        ['sendgrid', 'key', 'sendgrid { from a@b.de; to c@d.de; mail sale; }'],
        ['sendgrid', 'from', "sendgrid { key $good; to c\@d.de; mail sale; }"],
        ['sendgrid', 'to', "sendgrid { key $good; from a\@b.de; mail sale; }"],
        ['sendgrid', 'mail', "$sg }"];
says("unknown directive \"$_\" in \"tavus_deliver sendgrid\"", $deliver,
    d("$sg $_ x; }")) for qw(events consent properties secret);
says('unknown kind of mail "sales", it is one of contact.submitted, '
    . 'conversation.ended, sale, refund, dispute and alert', $deliver,
    d("$sg mail sales; }"));
says("duplicate \"mail\" \"$_\"", $deliver, d("$sg mail $_; mail $_; }"))
    for qw(sale conversation.ended);
says("invalid \"$_->[1]\" in \"mail\", only that of alerts has \"digest=\", from "
    . '10s to 1d', $deliver, d("$sg mail $_->[0] $_->[1]; }"))
    for ['sale', 'digest=15m'], ['alert', 'digest=9s'], ['alert', 'digest=2d'],
        ['alert', 'digest=x'], ['alert', 'at=15m'];
says('duplicate "from"', $deliver, d("$sg from x\@y.de; }"));
says('duplicate address "C@D.de" in "to"', $deliver, d("$sg to C\@D.de; }"));
says('more than 20 addresses in "to"', $deliver,
    d("$sg to " . join(' ', map { "x$_\@y.de" } 1 .. 20) . '; }'));
says("\"to\" \"$_->[0]\" $_->[1]", $deliver, d("sendgrid { to \"$_->[0]\"; }"))
    for ['nobody', 'must be an address as "name@example.com", or "Name '
            . '<name@example.com>"'],
        ['X <x@y.de', 'must end with ">"'],
        ['X; <x@y.de>', 'must not have control characters or ; , < > @ " in the '
            . 'name'],
        [('x' x 101) . ' <x@y.de>', 'must have a name of at most 100 bytes of '
            . 'UTF-8'];
says("duplicate \"$_->[0]\"", $deliver, d($_->[1]))
    for ['key', "$phc key $good; }"],
        ['measurement_id', "$g measurement_id G-ABC; }"],
        ['url', "$out url https://127.0.0.1/; }"];
says('"key": the key holds a blank, a control character or one outside of '
    . 'ASCII', $deliver, d('posthog { events *; key file:'
    . keep('phc_ with a blank in it') . '; }'));
says('more than 4 times "secret"', $deliver,
    d($out . " secret $whsec;" x 4 . ' }'));
says('"secret": secret is not base64', $deliver,
    d("webhook { secret $good; }"));
says('invalid "measurement_id" "UA-1", it looks like "G-ABC1234567"', $deliver,
    d("ga4 { measurement_id UA-1; }"));
says('"url" must begin with https://', $deliver,
    d("webhook { url $good; }"));
says('"url" must not have a user', $deliver,
    d("webhook { url https://a:b\@127.0.0.1/; }"));
says('"url": what follows the host is no path with a query', $deliver,
    d("webhook { url https://127.0.0.1/a#b; }"));
says('"url" of posthog must not have a query', $deliver,
    d("$phc url https://127.0.0.1/a?b; }"));
says('"url" of "tavus_deliver" "webhook" must be https, or http to a loopback '
    . 'address together with "tavus_sandbox on", but is "http://192.0.2.1"',
    $deliver, d("webhook { url http://192.0.2.1/x?secret; secret $whsec; "
    . 'events *; }'));
says('host not found in "https://nothing.invalid" of "tavus_deliver" '
    . '"webhook", and no "resolver" is configured', $deliver,
    d("webhook { url https://nothing.invalid/secret; secret $whsec; "
    . 'events *; }'));
says('invalid "consent" "asked", it is one of required, anonymous and '
    . 'not_needed', $deliver, d("$phc consent asked; }"));
says('"consent not_needed" is for webhooks alone', $deliver,
    d("$phc consent not_needed; }"));
says("invalid \"events\" \"$_->[0]\": $_->[1]", $deliver,
    d("posthog { events \"$_->[0]\"; }"))
    for ['', 'must not be empty'],
        ['x' x 201, 'must not be over 200 bytes'],
        ['a*', 'must have an asterisk alone, or behind a name and a dot'],
        ['a b', 'must not hold blanks or control characters'],
        ["\xff", 'must be UTF-8'],
        ['application.*', 'would match nothing but content, which has to be '
            . 'named'];
says('invalid "events" "e64": there are too many', $deliver, d('posthog { '
    . join('', map { "events e$_; " } 0 .. 64) . '}'));
says('invalid "properties" ""', $deliver, d("$phc properties \"\"; }"));
says('more than 20 "properties"', $deliver, d("$phc properties "
    . join(' ', 1 .. 20) . '; properties 21; }'));
says('invalid "timeout" "31s", it is from 100ms to 30s', $deliver,
    d("$phc timeout 31s; }"));
says('"tavus_deliver" needs "tavus_database"', $deliver,
    http(tavus_deliver => "$out }", tavus_database => undef),
    locations => {%nothing});

# ---- verticals
my $vertical = qr/^\s*tavus_vertical x /;
sub v { return http(tavus_vertical => ["x { persona_id p; $_[0] }"]) }
says('duplicate vertical "x"', $vertical, http(tavus_vertical =>
    [('x { persona_id p; }') x 2]));
says('invalid vertical "X", its name is up to 32 of a-z 0-9 - _',
    qr/tavus_vertical X/, http(tavus_vertical => 'X { persona_id p; }'));
says('vertical "x" has neither "persona_id" nor "replica_id"', $vertical,
    http(tavus_vertical => 'x { }'));
says('invalid number of arguments in "replica_id"', $vertical,
    v('replica_id a b;'));
says('invalid "max_call_duration" "29", it is a number of seconds from 30 to '
    . '86400', $vertical, v('max_call_duration 29;'));
says('unknown directive "nonsense" in "tavus_vertical"', $vertical,
    v('nonsense 1;'));
says('duplicate "replica_id", which "face_id" is another name of', $vertical,
    v('replica_id a; replica_id b;'));
says('duplicate "language"', $vertical, v('language en; language de;'));
says('duplicate "document_tags"', $vertical,
    v('document_tags a; document_tags b;'));
says('invalid "language" "Klingon"', $vertical, v('language Klingon;'));
says('invalid "document_tags" ""', $vertical, v('document_tags a "";'));
says('"memory_stores" takes 1 to 8 values', $vertical, v('memory_stores;'));
says('duplicate "memory_stores"', $vertical,
    v('memory_stores a; memory_stores b;'));
says('invalid "memory_stores" "", a store has 1 to 200 bytes of UTF-8 without '
    . 'control characters', $vertical, v('memory_stores a "";'));
says('"$arg_x" in "memory_stores" is for the visitor to say, or shared with '
    . 'others, and would give him somebody else\'s memory', $vertical,
    v('memory_stores a$arg_x;'));
says('duplicate "visitor_memory"', $vertical,
    v('visitor_memory on; visitor_memory on;'));
says('invalid "visitor_memory" "maybe", it is off, on or consent', $vertical,
    v('visitor_memory maybe;'));
says('"visitor_memory" needs a cookie, and so an https "tavus_public_origin", '
    . 'or "tavus_sandbox on"', $vertical, http(tavus_sandbox => undef,
        tavus_api_url => 'https://127.0.0.1:1', tavus_public_origin => 'http://a.example',
        tavus_vertical => 'x { persona_id p; visitor_memory on; }'));

# ---- origins
my $origin = qr/tavus_cors_origin /;
my %origin = (
    "https://b\xc3\xbccher.example" =>
        'it must be ASCII, an international name as punycode',
    'https://A.example' => 'it must be in lower case',
    'https://$host' => 'variables are not allowed',
    '*' => 'wildcards are not allowed',
    'null' => 'it must be scheme://host[:port]',
    'https://a.example/' => 'it must end after the host and port',
    'http://[::1' => 'its host is not an IPv6 address',
    'https://a.example:0' => 'its port is invalid',
    'https://a.example:443' => 'a default port must be left out',
    'https://a..example' => 'its host is invalid',
    'https://1.2.3' => 'its host is not an IPv4 address in canonical form',
    'http://[::0]' => 'its host is not an IPv6 address in canonical form',
);
says(qq(invalid origin "$_": $origin{$_}), $origin, x("tavus_cors_origin $_;"))
    for sort keys %origin;
says('duplicate origin "https://a.example"', $origin,
    x('tavus_cors_origin https://a.example https://a.example;'));
says('invalid origin "ftp://a.example": its scheme is neither https nor http',
    qr/^\s*tavus_public_origin /, http(tavus_public_origin => 'ftp://a.example'));

# ---- limits
my $limits = qr/^\s*tavus_limit_zone /;
sub zone { return (http_extra => "\ntavus_limit_zone $_[0];\n") }
says('invalid zone "zone=a", it must be name:size', $limits,
    zone('all zone=a rate=1r/s capacity=1'));
says('invalid zone size "zone=a:x"', $limits,
    zone('all zone=a:x rate=1r/s capacity=1'));
says('zone "zone=a:4k" is too small, it needs 32768 bytes', $limits,
    zone('all zone=a:4k rate=1r/s capacity=1'));
says('invalid zone name "a,b"', $limits,
    zone('all zone=a,b:1m rate=1r/s capacity=1'));
says('invalid rate "rate=1r/d", it must be a number between 1 and 1000000 '
    . 'followed by r/s, r/m or r/h, or by k/s, k/m or k/h', $limits,
    zone('all zone=a:1m rate=1r/d capacity=1'));
says('invalid capacity "capacity=0", it must be between 1 and 1000000, or 1k '
    . 'and 1000000k bytes', $limits, zone('all zone=a:1m rate=1r/s capacity=0'));
says('"rate" and "capacity" of limit zone "a" must both count requests or '
    . 'both bytes', $limits, zone('all zone=a:1m rate=1r/s capacity=1k'));
says('invalid prefix length "v4=33"', $limits,
    zone('$binary_remote_addr zone=a:1m rate=1r/s capacity=1 v4=33'));
says('invalid parameter "burst=1"', $limits,
    zone('all zone=a:1m rate=1r/s capacity=1 burst=1'));
says('"tavus_limit_zone" must have "capacity" parameter', $limits,
    zone('all zone=a:1m rate=1r/s'));
says('"v4" and "v6" of limit zone "a" need the key "$binary_remote_addr"',
    $limits, zone('all zone=a:1m rate=1r/s capacity=1 v4=24'));
says('limit zone "site" is already defined', $limits,
    http(tavus_limit_zone => [('all zone=site:1m rate=1r/s capacity=1') x 2]),
    locations => \%nothing);

my $limit = qr/tavus_limit /;
says('invalid parameter "nodelay"', $limit, x('tavus_limit zone=site nodelay;'));
says('"tavus_limit" must have "zone" parameter', $limit,
    x('tavus_limit dry_run;'));
says('unknown limit zone "none", "tavus_limit_zone" must come before its use',
    $limit, x('tavus_limit zone=none;'));
says('limit zone "site" is used twice here', $limit,
    x('tavus_limit zone=site; tavus_limit zone=site;'));
says('more than 8 limits in one place', $limit,
    http(tavus_limit_zone => [map { "all zone=$_:32k rate=1r/s capacity=1" }
        'create', 'site', 1 .. 9]),
    x(join ' ', map { "tavus_limit zone=$_;" } 1 .. 9));

# ---- webhooks
my $webhook = qr/tavus_webhook /;
my $with = "tavus_webhook_secret $good id=s1;";
says('unknown webhook scheme "github", it is tavus, standard or stripe',
    $webhook, x('tavus_webhook github;'));
says('"tavus_webhook_secret" needs an "id=" after the secret',
    qr/tavus_webhook_secret/, x("tavus_webhook_secret $good s1;"));
says('duplicate secret id "s1"', qr/tavus_webhook_secret/, x($with x 2));
says('more than 16 secrets in one place', qr/tavus_webhook_secret/,
    x(join ' ', map { 'tavus_webhook_secret file:' . keep("$SECRET-$_")
        . " id=s$_;" } 1 .. 17));
says('more than 128 secrets in all locations', qr/tavus_webhook_secret/, locations => {
    map { my $l = $_; ("= /x$l" => join ' ', 'tavus_webhook tavus;', map {
        'tavus_webhook_secret file:' . keep("$SECRET-$l-$_") . " id=s$l-$_;" } 1 .. 16) } 1 .. 9});
says('secret "s2" has the same value as "s1"', qr/tavus_webhook_secret/,
    x("tavus_webhook_secret $good id=s1; tavus_webhook_secret $good id=s2;"));
says("invalid header name \"$_\"", qr/tavus_webhook_signature_header/,
    x("tavus_webhook tavus; tavus_webhook_signature_header \"$_\";"))
    for 'x sig', '';
says('"tavus_webhook" has no "tavus_webhook_secret"', $webhook,
    x('tavus_webhook stripe;'));
says('"tavus_webhook_tolerance" has no effect, as "tavus_webhook tavus" signs '
    . 'no time', $webhook, x('tavus_webhook tavus; tavus_webhook_tolerance 1m;'));
says("\"$_->[0]\" is for \"tavus_webhook tavus\"", $webhook,
    x("tavus_webhook stripe; $with $_->[0] $_->[1];"))
    for ['tavus_webhook_verify', 'any'],
        ['tavus_webhook_signature_header', 'X-Sig'];
says('"tavus_webhook_tolerance" must not be 0', $webhook,
    x("tavus_webhook stripe; $with tavus_webhook_tolerance 0;"));
my $keys = qr/tavus_webhook_secret/;
says('secret "s.1": key id must be 1 to 32 of A-Z a-z 0-9 _ -', $keys,
    x("tavus_webhook stripe; tavus_webhook_secret $good id=s.1;"));
says('secret "s1": secret is not base64', $keys,
    x('tavus_webhook standard; tavus_webhook_secret file:'
        . keep('whsec_' . '!' x 32) . ' id=s1;'));
says('secret "s1": secret is not 24 to 64 bytes of base64', $keys,
    x('tavus_webhook standard; tavus_webhook_secret file:'
        . keep('whsec_' . 'AAAA' x 4) . ' id=s1;'));

# ---- users
my $users = qr/tavus_admin_users /;
my $hash = crypt 'pass', '$6$rounds=1000$saltstring$';
sub users {
    my ($message, $bytes, $mode) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $file = $t->secret('users', $bytes, $mode // 0600);
    says($message =~ s/%%/user file "$file"/r, $users,
        x("tavus_admin_users $file;"));
}
users('%% must not be accessible to others, use mode 0640 or 0600',
    "a:$hash\n", 0644);
users('%% is larger than 64k', '#' x 65537);
users('no users in %%', "# none\n");
users('no "user:hash" in %% at line 1', "a\n");
users('invalid length of a user name in %% at line 2', "# one\n:$hash\n");
users('invalid character in a user name in %% at line 1', "a\tb:$hash\n");
users('byte order mark before a user name in %% at line 2',
    "a:$hash\n\xef\xbb\xbfb:$hash\n");
users('duplicate user in %% at line 2', "a:$hash\na:$hash\n");
users('too many users in %% at line 1001',
    join '', map { "u$_:ab2RmhfeGz9J6\n" } 1 .. 1001);
users('plain-text password in %% at line 1', "a:{PLAIN}secret\n");
users('unknown format of a password hash in %% at line 1', "a:secret\n");
users('damaged password hash in %% at line 1', "a:${hash}x\n");
says(qq(open() "$dir/none" failed), $users,
    x("tavus_admin_users $dir/none;"));
says(qq(user file "$dir" is not a file), $users, x("tavus_admin_users $dir;"));
$t->secret('users', "a:$hash\n");
says('invalid realm "a"b"', $users,
    x("tavus_admin_users $dir/users 'realm=a\"b';"));
says('invalid parameter "other"', $users,
    x("tavus_admin_users $dir/users other;"));

# ---- budget
my $budget = qr/^\s*tavus_budget /;
sub budget { return http(tavus_budget => $_[0], @_[1 .. $#_]) }
says('invalid limit "hour=3", it is one of active, day, minutes, visitor_day and '
    . 'line with "=" and a number', $budget, budget('hour=3'));
says('invalid limit "line=0", it is a number from 1 to 1000', $budget,
    budget('line=0'));
says('duplicate limit "day=4"', $budget, budget('day=3 day=4'));
says('"line" of "tavus_budget" needs "active", as nobody waits where there is always '
    . 'a place', $budget, budget('line=3'));
# in the order of the file, of which the first is named
says('"minutes=9" of "tavus_budget" is less than one call of vertical "healthcare", '
    . '"max_call_duration" 600,', $budget, budget('minutes=9'));
says('"tavus_budget" needs "tavus_database"', $budget,
    budget('day=3', tavus_database => undef), locations => \%nothing);

# ---- the waiting line
my $queue = qr/tavus_queue/;
says('invalid "hold=5m" of "tavus_queue", it may be 2s to 30s', $queue,
    x('tavus_queue hold=5m;'));
says('"tavus_queue" has no parameter "held=5s"', $queue,
    x('tavus_queue held=5s;'));
says('"tavus_queue" needs a "tavus_budget" with "line=", or nobody ever waits',
    $queue, x('tavus_queue;'));

# ---- twice
my %repeated = map { $_ => 1 } qw(tavus_limit_zone tavus_limit
    tavus_deliver tavus_vertical tavus_plan tavus_cors_origin
    tavus_webhook_secret);
my %twice = (
    tavus_database => '"host=/run/x dbname=x user=y"',
    tavus_database_password => $good,
    tavus_store_timeout => '1s', tavus_store_buffer => '16m',
    tavus_journal => "$dir/j", tavus_retention => '60d',
    tavus_repair => 'off', tavus_stripe_repair => 'off',
    tavus_budget => 'day=3',
    tavus_api_key => $good, tavus_api_url => 'https://127.0.0.1',
    tavus_api_timeout => '1s', tavus_api_call_limit => '5m',
    tavus_stripe_key => $stripe, tavus_stripe_api_url => 'https://127.0.0.1',
    tavus_stripe_timeout => '1s',
    tavus_checkout_success => '/x', tavus_checkout_cancel => '/x',
    tavus_api_names => 'legacy', tavus_sandbox => 'on',
    tavus_trusted_certificate => '/etc/ssl/certs/ca-certificates.crt',
    tavus_public_origin => 'https://a.example',
    tavus_admin_users => "$dir/users", tavus_webhook_verify => 'any',
    tavus_webhook_signature_header => 'X-Sig',
    tavus_webhook_tolerance => '1m', tavus_callback => '/x',
);
my @directives = directives();
cmp_ok scalar(@directives), '>', 20, 'directives are found';
for (@directives) {
    my ($directive, $where, $function) = @$_;
    # a location's handler is asserted above
    next if $repeated{$directive}
        || $function =~ /\Angx_tavus_(?:endpoint|webhook|queue)\z/;
    my $value = $twice{$directive};
    ok defined $value, "$directive has a value here" or next;
    my @twice = $where =~ /LOC_CONF/ ? x("$directive $value; " x 2)
        : http($directive => [$value, $value]);
    says("\"$directive\" directive is duplicate", qr/\b$directive /, @twice);
}

# ---- what the sources say ---------------------------------------------------

my %macro = (ngx_open_file_n => 'open()', ngx_fd_info_n => 'fstat()',
    ngx_file_info_n => 'stat()', ngx_read_fd_n => 'read()',
    ngx_read_file_n => 'pread()');
my $literal = qr/"(?:[^"\\]|\\.)*"/;
my $piece = qr/$literal|ngx_\w+_n\b/;
my $sentence = qr/$piece(?:\s+$piece)*/;

# C's literals beside each other, as one
sub unquote {
    my ($text) = @_;
    $text =~ s/\b(ngx_\w+_n)\b/"$macro{$1}"/g;
    return join '', map { s/^"|"\z//gr =~ s/\\(.)/$1/gr } $text =~ /$literal/g;
}

my (%formats, %reasons);
for my $file (split /\n/, `find $ROOT/ngx_tavus_module -name '*.c'`) {
    my $text = slurp($file) =~ s{/\*.*?\*/}{}gsr;

    # the call without its file's other arguments: those have no blanks
    while ($text =~ /log_error\(NGX_LOG_EMERG,(.*?)\);\n/gs) {
        my $call = $1;
        $formats{$_}++ for grep { /\w.* / } map { unquote($_) }
            $call =~ /($sentence)/g;
    }

    # of bodies, not of configurations
    next if $file =~ m{/core/tavus_json\w*\.c\z};

    # what a "%s" of them says; sentences are for people, in answers
    my $assigned = qr/return|\*?(?:error|reason) =/;
    $reasons{$_}++ for grep { /\w .*\w/ && !/\.\z/ } map { unquote($_) }
        $text =~ /$assigned\s+(?:\([^;"]*\?\s*NULL\s*:\s*)?($sentence);/g,
        $text =~ /\{ "\w+", ($literal) \}/g;
}
cmp_ok scalar(keys %formats), '>', 60, 'formats are found';
cmp_ok scalar(keys %reasons), '>', 30, 'reasons are found';

for my $format (sort keys %formats) {
    next if $unheard{$format};
    my $bare = $format =~ s/ in %V:%ui\z//r;
    my $pattern = join '', map {
        /^%(?:\*s|[sV])\z/ ? '.*' : /^%/ ? '-?\d+' : quotemeta
    } split /(%\*s|%u?[a-zA-Z])/, $bare;
    ok scalar(grep { /^$pattern\z/ } @said), "heard: $format";
}
for my $reason (sort keys %reasons) {
    next if $unheard{$reason};
    ok scalar(grep { index($_, $reason) >= 0 } @said), "heard: $reason";
}
ok $formats{$_} || $reasons{$_}, "still in the sources: $_"
    for sort keys %unheard;

done_testing;
