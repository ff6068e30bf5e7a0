#!/usr/bin/perl

# What a nested location has of the one around it, an "if" that another module
# answers in, and a login that was for another location.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Endpoints;
use Tavus::Test::Process qw(free_port);

my $t = Tavus::Test->new;
my $e = Tavus::Test::Endpoints->new($t);
my $port = free_port();
my $secret = 'file:' . $t->secret('second', 'second-secret-0123456789');
my %own = map { $_ => $e->directives($_) } qw(tavus standard stripe);
my $login = 'tavus_admin_users %%SECRETS%%/admin.htpasswd;';
my $others = 'tavus_admin_users ' . $t->secret('others',
    'other:' . crypt('another', '$5$rounds=1000$x$') . "\n") . ';';
my $backend = 'rewrite ^ /backend break; '
    . 'proxy_pass http://127.0.0.1:%%PORT%%;';

# all but the endpoint stands outside; a Stripe secret cannot
my %outer = map { my ($name, $said) = ($_, $own{$_});
    $said =~ s/(tavus_webhook $name;)(.*)/$2 location \/out-$name\/in { $1 }/;
    $said =~ s/(tavus_webhook_secret [^;]+;)(.*)\{ /$2\{ $1 /
        if $name eq 'stripe';
    ("/out-$name" => $said) } keys %own;

$t->configure(
    locations => {
        %outer,
        '/plain/conversation' => $e->directives('conversation'),
        '= /swap' => "tavus_contact; $login if (\$http_x_if) { $backend }",
        '= /backend' => 'return 200 "backend";',
        '= /return' => 'tavus_contact; if ($http_x_if) { return 204; }',
        '= /problem' => 'tavus_problem; limit_except GET { allow all; }',
        '= /health' => "tavus_health; $login",
        '= /open' => 'tavus_health;',
        '= /by-others' => "$others try_files /none /health\$is_args\$args;",
        '= /by-others-open' => "$others try_files /none /open\$is_args\$args;",
        '= /by-admin' => "$login try_files /none /health\$is_args\$args;",
    },
    http_extra => "server { listen 127.0.0.1:$port; "
        . "tavus_webhook_secret $secret id=second; "
        . 'location = /api/tavus/webhook { client_max_body_size 8m; '
        . 'tavus_webhook tavus; if ($args) { set $a 1; } } '
        . 'location = /c { tavus_conversation; if ($args) { set $a 1; } } '
        . 'location = /e { tavus_conversation_end; '
        . 'limit_except DELETE { allow all; } } }',
)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$e->ready;

for my $name (qw(tavus standard stripe)) {
    for ($e->probes($name)) {
        my ($probe, $want) = @$_;
        is $e->ask($name, "/out-$name/in", $probe), $want,
            "nested, $name: $probe";
    }
}

# ---- another module's handler is not guarded as the endpoint
my $form = {name => 'Ann Example', email => 'ann@example.com',
    message => 'I would like to know more.'};
my $if = {'X-If' => 1};
is $t->post('/swap', $form)->code, 200, 'a form is open to all';
is $t->post('/swap', $form, $if)->code, 401, 'a proxy in its "if" is not';
is $t->get('/swap', {%$if, $t->admin_headers->%*})->body, 'backend',
    'who has logged in comes to it';
is $t->post('/return', $form)->code, 200, 'without the "if"';
is $t->post('/return', $form, $if)->code, 204, 'which answers by itself';
like $t->socket->send("POST /problem HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 2000000\r\n\r\n")->read_until(qr/not_found/),
    qr{^HTTP/1\.1 404 .*"not_found"}s, 'a problem is told whatever was sent';

# ---- a login counts where its users are listed
my $other = {Authorization => 'Basic b3RoZXI6YW5vdGhlcg=='};
my %full = map { $_ => 1 } qw(database sandbox store worker);
sub full ($path, $headers) {
    my $got = $t->get($path, $headers);
    return $got->code if $got->code != 200;
    return join ' ', 200, grep { $full{$_} } sort keys $got->json->%*;
}
is full('/health?full', $t->admin_headers), '200 database sandbox store worker',
    'the admin sees it in full';
is full('/by-admin?full', $t->admin_headers),
    '200 database sandbox store worker', 'on another way, too';
is full('/by-admin', $t->admin_headers), '200', 'if they ask';
is full('/by-others?full', $other), '401', 'others do not';
is full('/by-others', $other), '200';
is full('/by-others-open?full', $other), '200';
is full('/by-others-open', $other), '200';
is full('/by-others', $t->admin_headers), '401', 'nor is an admin one of them';

# ---- two servers: each has its own
my $url = "http://127.0.0.1:$port";
my $bytes = tavus_event('system.replica_joined', 'c1');
my $post = sub ($path, $body, %headers) {
    return $t->ua->post("$url$path" => {'Content-Type' => 'application/json',
        %headers} => ref $body ? (json => $body) : $body)->result;
};
for my $args ('', '?if') {
    is $post->("/api/tavus/webhook$args", $bytes,
        sign_header('second-secret-0123456789', $bytes))->code, 200,
        "the second server's secret$args";
    is $post->("/api/tavus/webhook$args", $bytes,
        sign_header($t->webhook_secret, $bytes))->code, 401,
        'and not that of the first';
    my $made = $post->("/c$args", {vertical => 'legal'});
    is $made->code, 200;
    my $ticket = {map { $_ => $made->json->{$_} }
        qw(conversation_id end_token)};
    like $ticket->{end_token}, qr/^second\./, 'signs';
    is $post->('/e', $ticket)->code, 200, 'and ends';
    is $t->post('/api/tavus/end-conversation', $ticket)->code, 401;
}

done_testing;
