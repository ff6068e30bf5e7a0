#!/usr/bin/perl

# An endpoint is the same in every context that nginx can run its location in:
# its keys, what it asks of a proof, its guards.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Endpoints;

my $t = Tavus::Test->new;
my $e = Tavus::Test::Endpoints->new($t);

# %P is the path that is asked for, %R one of the context's own, %S what admin
# adds to it, %D the endpoint's directives.
my @contexts = (
    plain => 'location %P { %D }',
    exact => 'location = %P { %D }',
    'first match' => 'location ^~ %P { %D }',
    regex => 'location ~ ^%P$ { %D }',
    named => 'location = %P { try_files /none @%N; } location @%N { %D }',
    nested => 'location %O { location %P { %D } }',
    'nested in an if' => 'location %O { if ($http_x_if) { set $a 1; } '
        . 'location %P { %D if ($http_x_if) { set $a 1; } } }',
    'nested in limit_except' => 'location %O { limit_except GET { deny all; } '
        . 'location %P { %D } }',
    if => 'location %P { %D if ($http_x_if) { set $a 1; } }',
    'if, before' => 'location %P { if ($http_x_if) { set $a 1; } %D }',
    'if, twice' => 'location %P { if ($http_x_if) { set $a 1; } %D '
        . 'if ($http_x_if) { set $b 1; } }',
    'if, of a regex' => 'location ~ ^%P$ { %D if ($http_x_if) { set $a 1; } }',
    'if, of a name' => 'location = %P { try_files /none @%N; } '
        . 'location @%N { %D if ($http_x_if) { set $a 1; } }',
    'if, break' => 'location %P { %D if ($http_x_if) { break; } }',
    'if, rewrite break' =>
        'location %P { %D if ($http_x_if) { rewrite ^ $uri break; } }',
    'if, rewrite last' => 'location %R { %D } '
        . 'location %P { if ($http_x_if) { rewrite ^ %R%S last; } return 500; }',
    'if after a proxy' => 'location %P { %D if ($http_x_if) { '
        . 'proxy_pass http://127.0.0.1:%%PORT%%; } '
        . 'if ($http_x_if) { set $a 1; } }',
    limit_except => 'location %P { %D limit_except DELETE { allow all; } }',
    'limit_except, of a regex' =>
        'location ~ ^%P$ { %D limit_except DELETE { allow all; } }',
    'limit_except, nested' => 'location %O { location %P { '
        . 'limit_except DELETE { allow all; } %D } }',
    'limit_except and if' => 'location %P { %D if ($http_x_if) { set $a 1; } '
        . 'limit_except DELETE { allow all; } }',
    rewrite => 'location %R { %D } '
        . 'location %P { rewrite ^ %R%S last; }',
    try_files => 'location %R { internal; %D } '
        . 'location %P { try_files /none %R%S$is_args$args; }',
    error_page => 'location @%N { %D } '
        . 'location %P { error_page 418 = @%N; return 418; }',
    'error_page, if' => 'location @%N { %D if ($http_x_if) { set $a 1; } } '
        . 'location %P { error_page 418 = @%N; return 418; }',
    'error_page, limit_except' => 'location @%N { %D '
        . 'limit_except DELETE { allow all; } } '
        . 'location %P { error_page 418 = @%N; return 418; }',
    'X-Accel-Redirect' => 'location @%N { internal; %D } '
        . 'location %P { proxy_pass http://127.0.0.1:%%PORT%%/accel/@%N; }',
    'error_page by URI' => 'location %R { internal; %D } location %P { '
        . 'error_page 418 = %R%S?$args; return 418; }',
    'X-Accel-Redirect by URI' => 'location %R { internal; %D } '
        . 'location %P { proxy_set_header X-To %R%S?$args; '
        . 'proxy_pass http://127.0.0.1:%%PORT%%/accel-to; }',
    'behind a limit' => 'location @%N { %D } '
        . 'location %P { tavus_limit zone=wide; try_files /none @%N; }',
    'behind an origin' => 'location @%N { %D } '
        . 'location %P { tavus_cors_origin https://evil.example; '
        . 'try_files /none @%N; }',
    'behind a login' => 'location @%N { %D } location %P { '
        . 'tavus_admin_users %%SECRETS%%/others; try_files /none @%N; }',
);

# What follows the location's name is the resource, so it has to have one.
my $admin = qr/^(?!.*by[ ]URI)(?:exact|named|regex|error_page|X-Accel|behind|
    .*,[ ]of[ ]a[ ])/x;
my $others = $t->secret('others',
    'other:' . crypt('the others of the tests', '$5$rounds=1000$x$') . "\n");

my ($server, @walk) = ('');
for my $i (0 .. $#contexts / 2) {
    my ($context, $text) = @contexts[2 * $i, 2 * $i + 1];
    for my $name ($e->names) {
        next if $name eq 'admin' && $context =~ $admin;
        my $path = $context eq 'plain' ? "/plain/$name" : "/$i/a/$name";
        my %value = (P => $path, O => "/$i/a", R => "/$i/b/$name",
            N => "n$i-$name", S => $e->suffix($name),
            D => $e->directives($name));
        # two with one name: an outer location each
        $value{O} .= "/$name" if $text =~ /%O/;
        $value{P} = $path = "$value{O}/in" if $text =~ /%O/;
        $server .= ($text =~ s/%([PORNSD])\b/$value{$1}/gr) . "\n";
        push @walk, [$context, $name, $path];
    }
}

$t->{http}{tavus_limit_zone} = [$t->{http}{tavus_limit_zone}->@*,
    'wide zone=wide:64k rate=1000r/s capacity=10000'];
$t->{locations} = {$t->{locations}->%*,
    '~ ^/accel/(?<where>.*)$' => 'add_header X-Accel-Redirect $where; '
        . 'return 200 "accel";',
    '/accel-to' => 'add_header X-Accel-Redirect $http_x_to; '
        . 'return 200 "accel";',
};
# names are long, and many
$t->configure(server => 'if ($http_x_if) { set $server_if 1; } ' . $server,
    http_extra => 'variables_hash_max_size 4096; server_names_hash_max_size '
        . '1024;')->start;
# each time from a bucket of its own: a second look would be one too many
my $looks = 0;
wait_ok { $t->get('/plain/health', {'X-Bucket' => 'ready-' . ++$looks})->code
    == 200 } 'ready';
$e->ready;

my %said;
for (@walk) {
    my ($context, $name, $path) = @$_;
    my %more = ('X-If' => 1);
    my @wrong;

    for ($e->probes($name)) {
        my ($probe, $want) = @$_;
        my %headers = %more;
        # nginx makes a GET of it
        next if $context =~ /by URI/ && $e->method($name, $probe) ne 'GET';
        # a login of another list is none here
        if ($context eq 'behind a login') {
            next if $probe ne 'good' && $probe ne 'full';
            next if $name =~ /^(?:health|metrics)$/;
            $headers{Authorization} = 'Basic b3RoZXI6dGhlIG90aGVycyBvZiB0aGUg'
                . 'dGVzdHM=';
        }
        my $got = $e->ask($name, $path, $probe, \%headers);
        push @wrong, "$probe: $got, not $want" if $got ne $want;
    }
    is "@wrong", '', "$name: $context";
}

done_testing;
