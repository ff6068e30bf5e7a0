package Sandbox::Check;

# What a field of a request may be: a check takes a value, and says why it is
# refused, or undef.

use v5.36;

use B ();
use Exporter qw(import);
use Mojo::JSON qw(true);
use Mojo::URL;
use Time::Local qw(timegm_modern);

our @EXPORT_OK = qw(any_of at_least boolean id instant integer is_bool
    is_object is_string is_strings is_url one_of refusal string text);

sub string ($v) {
    return !ref $v && defined $v
        && (B::svref_2object(\$v)->FLAGS & B::SVf_POK) != 0;
}

sub integer ($v) {
    return !ref $v && defined $v && !string($v) && $v =~ /^-?\d+\z/;
}

sub boolean ($v) { return ref $v eq ref true }

# Of a time in RFC 3339, the seconds since 1970; undef of anything else.
sub instant ($v) {
    return undef unless string($v) && $v =~ /^(\d{4})-(\d\d)-(\d\d)
        T(\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)(?:Z|([+-])(\d\d):(\d\d))\z/x;
    my $ahead = defined $7 ? "${7}1" * ($8 * 3600 + $9 * 60) : 0;
    my $at = eval { timegm_modern(0, $5, $4, $3, $2 - 1, $1) } // return undef;
    return $6 < 61 ? $at + $6 - $ahead : undef;
}

sub is_string ($v) { return string($v) ? undef : 'must be a string' }

sub is_bool ($v) { return boolean($v) ? undef : 'must be a boolean' }

sub is_strings ($v) {
    return ref $v eq 'ARRAY' && !grep({ !string($_) || !length } @$v)
        ? undef : 'must be a list of strings';
}

sub is_url ($v) {
    return 'must be a string' unless string($v);
    my $url = Mojo::URL->new($v);
    return ($url->scheme // '') =~ /^https?\z/ && length($url->host // '')
        && $v !~ /[\s\x00-\x1f]/ ? undef : 'must be a URL';
}

sub is_object ($fields) {
    return sub ($v) {
        ref $v eq 'HASH' ? refusal($v, $fields) : 'must be an object';
    };
}

sub text ($from, $to) {
    return sub ($v) {
        string($v) && length $v >= $from && length $v <= $to
            ? undef : "must be a string of $from to $to characters";
    };
}

sub id ($letter) {
    return sub ($v) {
        string($v) && $v =~ /^$letter[0-9a-f]+\z/
            ? undef : "must be $letter and hex digits";
    };
}

sub at_least ($from) {
    return sub ($v) {
        integer($v) && $v >= $from
            ? undef : "must be an integer of at least $from";
    };
}

sub one_of (@words) {
    return sub ($v) {
        string($v) && grep({ $v eq $_ } @words)
            ? undef : 'must be one of ' . join ', ', @words;
    };
}

# Not an empty list, and each item passes.
sub any_of ($check, $most = undef) {
    return sub ($v) {
        return 'must be a list that is not empty'
            unless ref $v eq 'ARRAY' && @$v;
        return "must have no more than $most" if defined $most && @$v > $most;
        for (@$v) {
            my $why = $check->($_);
            return $why if defined $why;
        }
        return undef;
    };
}

# Why an object is refused, or undef.
sub refusal ($in, $fields) {
    for my $name (sort keys %$in) {
        my $check = $fields->{$name} or return "Unknown field: $name";
        my $why = $check->($in->{$name});
        return "$name: $why" if defined $why;
    }
    return undef;
}

1;
