#!/usr/bin/perl

# Where secrets come from, and which nginx -t refuses.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $good = secret('sk_test_hush-0123456789abcdef');
my $t = conf_test(env => {
    T_GOOD => $good, T_MARK => "\xef\xbb\xbf$good", T_EMPTY => '', T_SHORT => secret('hush-0123456789'),
    CREDENTIALS_DIRECTORY => undef,
});
my $dir = $t->dir . '/secrets';
my $n = 0;
sub keep { return $t->secret('s' . $n++, @_) }

my %where = (
    tavus_api_key => sub { (http => {tavus_api_key => $_[0]}) },
    tavus_stripe_key => sub { (http => {tavus_stripe_key => $_[0],
        tavus_stripe_api_url => 'https://127.0.0.1'}) },
    tavus_webhook_secret =>
        sub { (http => {tavus_webhook_secret => "$_[0] id=k1"}) },
);

for my $directive (sort keys %where) {
    my $with = $where{$directive};
    my $no = sub ($name, $says, $value) {
        refused("$directive $name", $says, qr/^\s*$directive\b/,
            $with->($value));
    };

    accepted("$directive file:", $with->('file:' . keep($good)));
    accepted("$directive file: with a line end",
        $with->('file:' . keep("$good\r\n")));
    accepted("$directive of 16 bytes", $with->('file:' . keep('sk_test_' . 'x' x 8)));
    accepted("$directive readable by a group",
        $with->('file:' . keep($good, 0640)));
    accepted("$directive relative", $with->(
        'file:secrets/' . keep($good) =~ s{.*/}{}r));
    accepted("$directive env:", $with->('env:T_GOOD'));

    $no->('literal', qr/"$directive" must be env:NAME, file:PATH or/, $_)
        for $good, "env $good" =~ s/ .*//r, 'env:', 'file:', 'credential:',
            "File:$dir/x", "http:$dir", "ENV:T_GOOD";
    $no->('missing', qr/"$directive".*"\Q$dir\E\/none" failed.*No such file/,
        "file:$dir/none");
    $no->('a folder', qr/"\Q$dir\E" (?:is not a regular|.*Is a directory)/,
        "file:$dir");
    $no->('empty', qr/the secret has 0 bytes, at least 16/,
        'file:' . keep(''));
    $no->('a line end only', qr/has 0 bytes/, 'file:' . keep("\r\n\n"));
    $no->('short', qr/the secret has 15 bytes, at least 16/,
        'file:' . keep(secret('fifteen-bytes-x') . "\n"));
    $no->('large', qr/has 5000 bytes, at most 4096/,
        'file:' . keep('x' x 5000));
    $no->('with a NUL', qr/holds a NUL/, 'file:' . keep("$good\0more"));
    $no->('with a byte order mark', qr/a byte order mark stands before/, $_)
        for 'file:' . keep("\xef\xbb\xbf$good"), 'env:T_MARK';
    accepted("$directive with such bytes in it",
        $with->('file:' . keep("$good\xef\xbb\xbf")))
        if $directive eq 'tavus_webhook_secret';
    $no->(sprintf('of mode %04o', $_), qr/is open to all users, make it 0600/,
        'file:' . keep($good, $_)) for 0644, 0604, 0602, 0601;
    $no->('env: unset', qr/environment variable "T_NONE" is not set/,
        'env:T_NONE');
    $no->('env: empty', qr/has 0 bytes/, 'env:T_EMPTY');
    $no->('env: short', qr/has 15 bytes/, 'env:T_SHORT');
    $no->('credential: without systemd',
        qr/\$CREDENTIALS_DIRECTORY is not set.*LoadCredential/,
        'credential:tavus');
}

# a device or a pipe must not make nginx hang
system('mkfifo', '-m', '600', "$dir/pipe");
refused('a pipe', qr/is not a regular file/, qr/tavus_api_key/,
    http => {tavus_api_key => "file:$dir/pipe"});
refused('a device', qr/is not a regular file/, qr/tavus_api_key/,
    http => {tavus_api_key => 'file:/dev/null'});
symlink keep($good), "$dir/link";
accepted('a link', http => {tavus_api_key => "file:$dir/link"});
symlink keep($good, 0644), "$dir/open-link";
refused('a link to an open file', qr/is open to all users/, qr/tavus_api_key/,
    http => {tavus_api_key => "file:$dir/open-link"});

# the key of an API stands in a header
for my $directive (qw(tavus_api_key tavus_stripe_key)) {
    refused("$directive with " . sprintf('%vd', $_), qr/the key holds a blank/,
        qr/$directive/, http => {$directive => 'file:'
            . keep(secret("sk_test_012345678${_}9abcdef-x"))})
        for "\n", "\r\n", ' ', "\t", "\x01", "\xe4", "\x7f";
}

# which mode Stripe's is of must be known
accepted("tavus_stripe_key $_", $where{tavus_stripe_key}->('file:'
    . keep("${_}0123456789abcdef"))) for qw(sk_live_ sk_test_ rk_live_ rk_test_);
refused("tavus_stripe_key $_", qr/a key begins with "sk_live_", "rk_live_"/,
    qr/tavus_stripe_key/, $where{tavus_stripe_key}->('file:'
        . keep(secret("${_}0123456789abcdef"))))
    for qw(pk_test_ pk_live_ whsec_ sk_org_live_ SK_TEST_), '', 'Bearer_sk_test_';

# ---- systemd's credentials
mkdir "$dir/cred", 0700;
$t->secret('cred/tavus', "$good\n", 0400);
$t->secret('cred/short', 'x');
my $with = Tavus::Test->new(db => 0, sandbox => 0,
    http => {tavus_database => $t->{http}{tavus_database}},
    env => {CREDENTIALS_DIRECTORY => "$dir/cred"});
my ($exit, $out) = $with->nginx_t(http => {
    tavus_api_key => 'credential:tavus',
    tavus_webhook_secret => 'credential:tavus id=k1'});
is $exit, 0, 'credential:' or diag $out;
for (['none', qr/No such file/], ['short', qr/has 1 bytes/],
    ['../cred/tavus', qr/a credential is a name, not a path/],
    ['/etc/passwd', qr/a credential is a name, not a path/],
    ['.', qr/regular file|Is a directory/], ['..', qr/regular|Is a dir/])
{
    ($exit, $out) = $with->nginx_t(http =>
        {tavus_api_key => "credential:$_->[0]"});
    ok $exit == 1 && $out =~ $_->[1], "credential:$_->[0]" or diag $out;
    unlike $out, qr/\Q$good\E/;
}

# ---- ids of webhook secrets
my $file = 'file:' . keep($good);
my $other = 'file:' . keep('another-0123456789');
my $ids = sub { (http => {tavus_webhook_secret => [@_]}) };
accepted('two secrets', $ids->("$file id=2026-11", "$other id=2026_a"));
accepted('an id of 32', $ids->("$file id=" . 'a' x 32));
refused("secret: $_->[0]", $_->[1], qr/tavus_webhook_secret/,
    $ids->($_->[2]->@*)) for
    ['without an id', qr/invalid number of arguments in "tavus_webhook_secret"/,
        [$file]],
    ['without an id but a word', qr/id=/, ["$file k1"]],
    ['duplicate id', qr/duplicate secret id "k1"/,
        ["$file id=k1", "$other id=k1"]],
    ['id with a dot', qr/id/, ["$file id=k.1"]],
    ['empty id', qr/id/, ["$file id="]],
    ['id of 33', qr/id/, ["$file id=" . 'a' x 33]],
    ['id with a blank', qr/id/, ["$file \"id=k 1\""]],
    ['id with a letter of ours', qr/id/, ["$file id=k\x{e4}"]],
    ['literal', qr/must be env:NAME/, ["$good id=k1"]],
    ['literal before its id', qr/id=/, ["id=k1 $good"]];
my @many = map { 'file:' . keep("one-of-many-0123456789-$_") . " id=k$_" }
    1 .. 17;
refused('17 secrets', qr/16|too many/, qr/tavus_webhook_secret/,
    $ids->(@many));
accepted('16 secrets', $ids->(@many[0 .. 15]));

# ---- a password for the database
accepted('password', http => {tavus_database_password => 'file:' . keep('x')});
refused('password, literal', qr/"tavus_database_password" must be env:/,
    qr/tavus_database_password/, http => {tavus_database_password => $good});
refused('password, empty', qr/has 0 bytes, at least 1/,
    qr/tavus_database_password/,
    http => {tavus_database_password => 'file:' . keep('')});
refused("$_ twice", qr/"$_" directive is duplicate/, qr/$_/,
    http => {$_ => [($file) x 2]})
    for qw(tavus_api_key tavus_stripe_key tavus_database_password);

done_testing;
