package Sandbox::Form;

# application/x-www-form-urlencoded with nested names, as Stripe reads it.
# Stricter: what it would guess at is refused.

use v5.36;

use Mojo::Util qw(decode);

# The fields, [name, value] each; dies of a reason.
sub fields ($bytes) {
    return map {
        my ($name, $value) = split /=/, $_, 2;
        die "a field without \"=\"\n" unless defined $value;
        [plain($name), plain($value)];
    } split /&/, $bytes, -1;
}

sub plain ($text) {
    die "a byte that must be escaped\n"
        if $text =~ /[^A-Za-z0-9*._~!'()\$,;:@\/?+%\[\]-]/;
    $text =~ tr/+/ /;
    die "a bad escape\n" if $text =~ /%(?![0-9A-Fa-f]{2})/;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return decode('UTF-8', $text) // die "bytes that are not UTF-8\n";
}

# {a => {0 => {b => value}}} of a[0][b]=value; dies of [name, reason].
sub nested (@fields) {
    my %in;

    for (@fields) {
        my ($name, $value) = @$_;
        my ($first, $rest) = $name =~ /^([^\[\]]+)((?:\[[^\[\]]*\])*)\z/
            or die [$name, 'is not the name of a parameter'];
        my @path = ($first, $rest =~ /\[([^\[\]]*)\]/g);
        my $at = \%in;
        for my $i (0 .. $#path) {
            # "[]" is the next one of a list
            my $part = length $path[$i] ? $path[$i] : keys %$at;
            if ($i == $#path) {
                die [$name, 'was given twice'] if exists $at->{$part};
                $at->{$part} = $value;
                last;
            }
            $at = $at->{$part} //= {};
            die [$name, 'is a value and a list'] unless ref $at;
        }
    }

    return \%in;
}

1;
