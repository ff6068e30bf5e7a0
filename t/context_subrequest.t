#!/usr/bin/perl

# nginx asks for no login and no origin in a subrequest, so an endpoint that
# needs one of them refuses it; a webhook carries its own proof.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Endpoints;

my $t = Tavus::Test->new;
my $e = Tavus::Test::Endpoints->new($t);
my %answers = map { $_ => 1 } qw(tavus standard stripe health problem);
my $nginx = $ENV{TAVUS_NGINX} // '/usr/sbin/nginx';
my $addition = `$nginx -V 2>&1` =~ /http_addition_module/;

my $backend = 'proxy_pass http://127.0.0.1:%%PORT%%/backend;';
my %location = ('= /backend' => 'return 200 "backend";',
    '/ssi/' => 'ssi on; root %%HTML%%;',
    '/known/' => 'ssi on; alias %%HTML%%/ssi/; '
        . 'tavus_admin_users %%SECRETS%%/admin.htpasswd;');
mkdir $t->dir . '/html/ssi';

for my $name ($e->names) {
    my $real = "/real/$name" . $e->suffix($name);
    $location{"/real/$name"} = 'internal; ' . $e->directives($name);
    # reached from one, and in an if
    $location{"/if/$name"} = $e->directives($name)
        . ' if ($http_x_if) { set $a 1; }';
    $location{"= /far/$name"} = "internal; rewrite ^ $real last;";
    $location{"= /farther/$name"} = "internal; try_files /none $real;";

    $location{"= /auth/$name"} = "auth_request $real; empty_gif;";
    $location{"= /auth-if/$name"} =
        "auth_request /if/$name" . $e->suffix($name) . '; empty_gif;';
    $location{"= /auth-far/$name"} = "auth_request /far/$name; empty_gif;";
    $location{"= /auth-farther/$name"} =
        "auth_request /farther/$name; empty_gif;";
    $location{"= /auth-known/$name"} = "auth_request $real; empty_gif; "
        . 'tavus_admin_users %%SECRETS%%/admin.htpasswd;';
    $location{"= /mirror/$name"} = "mirror $real; $backend";
    $location{"= /post/$name"} = "post_action $real; $backend";
    $location{"= /added/$name"} = "add_before_body $real; default_type "
        . 'text/html; try_files /index.html =404;' if $addition;
    $t->file("ssi/$name.html", "<<!--# include virtual=\"$real?full\" -->>");
}

$location{'= /contact'} = 'mirror /real/tavus; mirror_request_body off; '
    . 'tavus_contact;';
$location{'= /callback'} = 'mirror /real/tavus; tavus_webhook tavus;';
$location{'/plain/conversation'} = $e->directives('conversation');
$t->configure(locations => \%location, http_extra => 'log_format t '
    . '"$uri $tavus_event_type $tavus_verify $tavus_key_id"; '
    . 'access_log %%DIR%%/tavus.log t;')->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$e->ready;

my $refusal = qr/"tavus_\w+" refuses the subrequest/;
sub refused { return scalar $t->grep_log($refusal) }

# but for looks, which are one in five minutes
sub stored {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type <> 'admin.viewed'});
}

sub created {
    return scalar grep { $_->{method} eq 'POST'
        && $_->{path} eq '/v2/conversations' } $t->sandbox->calls;
}

# ---- auth_request: the answer is the endpoint's status
my %status = (health => 200, problem => 500, map { $_ => 500 }
    qw(tavus standard stripe));
for my $way (qw(auth auth-if auth-far auth-farther auth-known)) {
    for my $name ($e->names) {
        my $before = refused();
        my $res = $t->get("/$way/$name", {$t->admin_headers->%*,
            'X-Bucket' => "$way-$name", 'X-If' => 1});
        is $res->code, $status{$name} // 403, "$way: $name";
        is refused() - $before, $answers{$name} ? 0 : 1, 'and the log says so';
    }
}

# ---- SSI: the page has the answer in it
my %included = (health => qr/<\{"status":"ok"\}>/, problem => qr/"not_found"/,
    map { $_ => qr/"method_not_allowed"/ } qw(tavus standard stripe));
for my $way (qw(ssi known)) {
    for my $name ($e->names) {
        my $before = refused();
        my $res = $t->get("/$way/$name.html", $t->admin_headers);
        is $res->code, 200, "$way: $name";
        like $res->body, $included{$name} // qr/403 Forbidden/;
        is refused() - $before, $answers{$name} ? 0 : 1, 'and the log says so';
    }
}

if ($addition) {
    for my $name ($e->names) {
        my $res = $t->get("/added/$name");
        is $res->code, 200, "add_before_body: $name";
        like $res->body, $included{$name} // qr/403 Forbidden/ if $name ne
            'health';
    }
}

# ---- mirror: what is proved is stored, what was not asked is refused
for my $name ($e->names) {
    my ($events, $calls, $refused) = (stored(), created(), refused());
    my $post = $name =~ /^(?:admin|health|metrics|problem)$/ ? 0 : 1;
    my ($method, $bytes, $query, $headers) = $e->request($name, 'good');
    my $res = $t->request($method, "/mirror/$name" . ($query && "?$query"),
        $bytes, $headers);
    is $res->body, 'backend', "mirror: $name";
    my $more = $post && $answers{$name} ? 1 : 0;
    wait_ok { stored() == $events + $more && refused() == $refused
        + ($answers{$name} ? 0 : 1) } 'stored, or refused';
    is created(), $calls, 'nothing is created';
}
for my $name (qw(tavus standard stripe)) {
    my $events = stored();
    for ($e->probes($name)) {
        my ($probe) = @$_;
        next if $probe =~ /^(?:good|limited|method)$/;
        my ($method, $bytes, $query, $headers) = $e->request($name, $probe);
        is $t->request($method, "/mirror/$name" . ($query && "?$query"),
            $bytes, $headers)->code, 200;
    }
    $t->settle;
    is stored(), $events, "mirror: what $name cannot prove is not stored";
}

# ---- post_action: a main request again, with all its guards
for my $name ($e->names) {
    for ($e->probes($name)) {
        my ($probe, $want) = @$_;
        next if $probe eq 'limited';
        my ($events, $calls) = (stored(), created());
        my ($method, $bytes, $query, $headers) = $e->request($name, $probe);
        my $res = $t->request($method, "/post/$name" . ($query && "?$query"),
            $bytes, $headers);
        is $res->body, 'backend', "post_action: $name, $probe";
        my $good = $want =~ /^2/ && $method eq 'POST';
        wait_ok { $name =~ /^(?:conversation|end|checkout)\z/
            || stored() == $events + ($good ? 1 : 0) } 'what it does';
        wait_ok { created() == $calls
            + ($good && $name eq 'conversation' ? 1 : 0) } 'and what not';
    }
}

# ---- a subrequest is in nobody's way
my $form = '{"name":"Ann Example","email":"ann@example.com",'
    . '"message":"I would like to know more."}';
my $s = $t->socket->send("POST /contact HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($form)
    . "\r\n\r\n");
wait_ok { $t->grep_log(qr/webhook not verified/) > 0 } 'the mirror has run';
my $before = stored();
$s->send($form);
my $res = $s->response;
is $res && "$res->{status} $res->{body}", '200 {"received":true}',
    'a body that comes after the mirror';
is stored(), $before + 1;

# of the same proof both are told, and each in a line of its own
my ($method, $bytes, $query, $headers) = $e->request('tavus', 'good');
delete $headers->{'X-Own-Signature'};
my (undef, $sent) = ($before = stored(), $t->post('/callback', $bytes,
    {sign_header($t->webhook_secret, $bytes)}));
is $sent->code, 200, 'a webhook that mirrors itself';
is stored(), $before + 1;
wait_ok { open my $in, '<', $t->dir . '/tavus.log' or return 0;
    grep { m{^/callback system.replica_joined signature k1$} } <$in> }
    "what is logged is the main request's";

done_testing;
