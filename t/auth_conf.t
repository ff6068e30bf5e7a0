#!/usr/bin/perl

# What nginx -t refuses of tavus_admin_users and the file that it names.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);
my $HASH = crypt 'pass', '$6$rounds=1000$saltstring$';
my $file = $t->dir . '/secrets/users';

# what nginx -t says, and the line of the configuration that it names
sub nginx_t {
    my ($text) = @_;
    my ($exit, $out) = $t->nginx_t(locations => {'/x' => $text});
    my $warned = $out =~ s/.*\[warn\].*\n//g;
    return $exit unless $out =~ s/ in (\S+):(\d+)\n.*//s;
    my $line = (split /\n/, slurp($1))[$2 - 1];
    return $out =~ s/.*\[emerg\] (\d+#\d+: )?//sr, $line;
}

sub accepted {
    my ($name, $bytes, $mode) = @_;
    $t->secret('users', $bytes, $mode // 0600);
    is_deeply [nginx_t("tavus_admin_users $file;")], [0], $name;
}

sub refused {
    my ($name, $why, $bytes, $mode) = @_;
    $t->secret('users', $bytes, $mode // 0600);
    my ($said, $line) = nginx_t("tavus_admin_users $file;");
    is $said, $why =~ s/%%/user file "$file"/r, $name;
    like $line // '', qr/tavus_admin_users/, 'at its line';
}

accepted('one user', "admin:$HASH\n");
accepted('no line feed at the end', "admin:$HASH");
accepted('CRLF, comments, blank lines', "# x\r\n\r\nadmin:$HASH\r\n#\n");
accepted('a byte order mark', "\xef\xbb\xbfadmin:$HASH\r\n");
accepted('a byte order mark before a comment', "\xef\xbb\xbf# x\nb:$HASH\n");
accepted('a group may read it', "admin:$HASH\n", 0640);
accepted('a name of 255 bytes', 'x' x 255 . ":$HASH\n");
accepted('1000 users', join '', map { "u$_:ab2RmhfeGz9J6\n" } 1 .. 1000);

my $open = '%% must not be accessible to others, use mode 0640 or 0600';
refused(sprintf('mode %o', $_), $open, "admin:$HASH\n", $_)
    for 0644, 0604, 0601, 0602;
refused('an empty file', 'no users in %%', '');
refused('nobody in it', 'no users in %%', "# nobody\n\n");
refused('no hash', 'no "user:hash" in %% at line 2', "a:$HASH\nadmin\n");
refused('the same user twice', 'duplicate user in %% at line 4',
    "# x\na:$HASH\nb:$HASH\na:$HASH\n");
refused('one with a mark behind another',
    'byte order mark before a user name in %% at line 2',
    "a:$HASH\n\xef\xbb\xbfb:$HASH\n");
refused('nothing but a mark', 'no users in %%', "\xef\xbb\xbf");
refused('the same user, once behind a mark', 'duplicate user in %% at line 2',
    "\xef\xbb\xbfa:$HASH\na:$HASH\n");
refused('no name', 'invalid length of a user name in %% at line 1',
    ":$HASH\n");
refused('a name of 256 bytes', 'invalid length of a user name in %% at line 1',
    'x' x 256 . ":$HASH\n");
refused('a tab in a name', 'invalid character in a user name in %% at line 1',
    "a\tb:$HASH\n");
refused($_, 'plain-text password in %% at line 2', "# x\nadmin:$_\n")
    for '{PLAIN}secret', '{plain}secret';
refused($_, 'unknown format of a password hash in %% at line 1', "admin:$_\n")
    for 'secret', '', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', '{SSHA}AAAAAAAAAAAA',
    '$9$abc$AAAAAAAAAAAAAAAAAAAAAA', '$6$', "\$6\$a b\$$HASH", 'x' x 40;
refused('a hash cut short', 'damaged password hash in %% at line 1',
    'admin:' . substr($HASH, 0, -1) . "\n");
refused('a hash too long', 'damaged password hash in %% at line 1',
    "admin:${HASH}x\n");
refused('1001 users', 'too many users in %% at line 1001',
    join '', map { "u$_:ab2RmhfeGz9J6\n" } 1 .. 1001);
refused('a large file', '%% is larger than 64k', '#' x 65537);

unlike join('', nginx_t("tavus_admin_users $file;")), qr/\Q$HASH/;
$t->secret('users', "admin:not the hash but the password\n");
my (undef, $out) = $t->nginx_t(
    locations => {'/x' => "tavus_admin_users $file;"});
unlike $out, qr/the password/, 'what is in it is not told';

my ($said, $line) = nginx_t("tavus_admin_users $file.none;");
is $said, "open() \"$file.none\" failed (2: No such file or directory)";
like $line, qr/tavus_admin_users/;
($said) = nginx_t('tavus_admin_users ' . $t->dir . ';');
like $said, qr/^user file ".*" is not a file/;
system('mkfifo', '-m', '600', "$file.fifo") == 0 or die 'mkfifo';
($said) = nginx_t("tavus_admin_users $file.fifo;");
like $said, qr/^user file ".*" is not a file/, 'a pipe';

$t->secret('users', "admin:$HASH\n");
is_deeply [nginx_t("tavus_admin_users $file 'realm=The panel';")], [0];
($said) = nginx_t("tavus_admin_users $file 'realm=a\"b';");
is $said, 'invalid realm "a"b"';
($said) = nginx_t("tavus_admin_users $file other;");
is $said, 'invalid parameter "other"';
($said) = nginx_t("tavus_admin_users $file; tavus_admin_users $file;");
is $said, '"tavus_admin_users" directive is duplicate';
($said) = nginx_t('tavus_admin_users;');
like $said, qr/^invalid number of arguments/;

# the admin API never stands open
my ($exit, $refusal) = $t->nginx_t(locations => {'/x' => 'tavus_admin;'},
    http => {tavus_database => '"host=/tmp dbname=x user=x"'});
is $exit, 1;
like $refusal, qr/"tavus_admin_users" is missing, which this location needs/;
like $refusal, qr/ in \S+:\d+$/m;

done_testing;
