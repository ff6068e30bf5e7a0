#!/usr/bin/perl

# The guard of what an event costs: it fails where a figure has grown by more
# than a tenth over that which is checked in.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(new_dir slurp spew);

my $dir = new_dir();
my $now = 't/bench/instructions.txt';
my $name = 'worker, instructions, 1 a commit';

sub guard ($was) {
    my $out = `perl t/bench/instructions --compare $now $was 2>&1`;
    return ($? >> 8, $out);
}

# the checked-in figures with one of them changed
sub changed ($code) {
    my $text = slurp($now);
    $text =~ s/^\s*(\S+)  (\Q$name\E)$/$code->($1) . "  $2"/me or die $text;
    return spew("$dir/was.txt", $text);
}

is +(guard($now))[0], 0, 'the same';
is +(guard(changed(sub ($n) { $n / 1.09 })))[0], 0, '9 % more';

my ($exit, $out) = guard(changed(sub ($n) { $n / 1.11 }));
is $exit, 1, '11 % more';
like $out, qr/\Q$name\E\s+\S+, was\s+\S+: \+11\.0 %$/m, 'which, and by how much';
like $out, qr/^More by more than 10 %, or not known: \Q$name\E$/m, 'said';
like $out, qr{"t/bench/instructions --write" renews}, 'what is to be done';
unlike $out, qr/other packages/, 'it was measured with the same';

spew("$dir/was.txt", slurp("$dir/was.txt") =~ s/^(# with .*)nginx /$1nginx 0/mr);
like +(guard("$dir/was.txt"))[1], qr/with other packages\.\n  then: .*nginx 0/,
    'a package that has changed is told';

($exit, $out) = guard(changed(sub ($n) { $n * 1.3 }));
is $exit, 0, 'less is no fault';
like $out, qr/^Less by more than 10 %\. .*renews/m, 'but worth to be kept';

spew("$dir/was.txt", slurp($now) =~ s/^.*\Q$name\E\n//mr);
is +(guard("$dir/was.txt"))[0], 1, 'a figure that nobody has checked in';
spew("$dir/was.txt", '');
isnt +(guard("$dir/was.txt"))[0], 0, 'a file without figures';

done_testing;
