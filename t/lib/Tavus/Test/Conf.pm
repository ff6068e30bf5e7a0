package Tavus::Test::Conf;

# What nginx -t makes of a configuration; neither database nor sandbox runs.
#
#   my $t = conf_test();
#   accepted('name', http => {…}, locations => {…});
#   refused('name', qr/what it says/, qr/the line it names/, http => {…});
#   warned('name', qr/what it says/, qr/the line it names/, http => {…});
#   silent('name', qr/what it does not say/, http => {…});
#
# refused() also sees to it that nothing of secret() is repeated.

use v5.36;
use Exporter qw(import);

use Tavus::Test ();
use Tavus::Test::Process qw(slurp);
use Test::More ();

our @EXPORT = our @EXPORT_OK = qw(accepted conf_test refused secret silent
    warned);

my ($t, @secrets);

sub conf_test (%opt) {
    my $http = delete $opt{http} // {};
    $t = Tavus::Test->new(db => 0, sandbox => 0, http => {
        tavus_database => '"host=/run/none dbname=tavus user=tavus_app"',
        %$http}, %opt);
    push @secrets, $t->webhook_secret, $t->api_key;
    return $t;
}

# A value that must never be repeated.
sub secret ($value) { push @secrets, $value; return $value }

sub accepted ($name, %opt) {
    my ($exit, $out) = $t->nginx_t(%opt);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is($exit, 0, $name) or Test::More::diag($out);
    Test::More::unlike($out, qr/\[emerg\]/, 'without a complaint')
        if $exit == 0 && $out =~ /emerg/;
    return $out;
}

# The messages of that level, once each, with the line of the file that they
# name.
sub messages ($out, $level) {
    my %seen;
    return map {
        my ($file, $n) = / in (\S+):(\d+)\z/;
        [$_, defined $n ? (split /\n/, slurp($file) // '')[$n - 1] : undef];
    } grep { !$seen{$_}++ }
        # once to the log, and once to the terminal
        map { s/^.*?\[$level\] (?:\d+#\d+: )?//r }
        grep { /\[$level\]/ } split /\n/, $out;
}

sub warned ($name, $says, $line, %opt) {
    my ($exit, $out) = $t->nginx_t(%opt);
    my @warnings = grep { $_->[0] =~ $says } messages($out, 'warn');
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok($exit == 0 && @warnings == 1
            && ($warnings[0][1] // '') =~ $line, $name)
        or Test::More::diag("exit $exit, said\n$out");
    return;
}

sub silent ($name, $says, %opt) {
    my ($exit, $out) = $t->nginx_t(%opt);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok($exit == 0 && $out !~ $says, $name)
        or Test::More::diag("exit $exit, said\n$out");
    return;
}

sub refused ($name, $says, $line, %opt) {
    my ($exit, $out) = $t->nginx_t(%opt);
    my ($first) = messages($out, 'emerg');
    my ($message, $there) = ($first // [])->@*;
    my @echoed = grep { index($out, $_) >= 0 } @secrets;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok($exit == 1 && ($message // '') =~ $says
            && defined $there && $there =~ $line && !@echoed, $name)
        or Test::More::diag("exit $exit, said\n$out\nline: "
            . ($there // '') . "\n"
            . (@echoed ? 'a secret is repeated' : ''));
    return $message;
}

1;
