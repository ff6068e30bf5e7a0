package TavusCheck::Report;

# What was found: a line a check, and no secret in any.
#
#   $report->group('database');
#   $report->ok('login', 'as tavus_app');       true, as all of these
#   $report->fail('login', 'what was seen', 'what to do');   warn, skip
#   $report->secret($bytes)     must never be printed
#   $report->clean($text)       as it may be

use v5.36;
use utf8;

use JSON::PP ();

sub new ($class, %opt) {
    binmode STDOUT, ':encoding(UTF-8)';
    binmode STDERR, ':encoding(UTF-8)';
    $| = 1;
    return bless {checks => [], secrets => [], group => '', said => '',
        %opt}, $class;
}

sub group ($self, $name) { $self->{group} = $name; return }

sub ok ($self, $name, $seen)          { return $self->add(ok => $name, $seen) }
sub warn ($self, $name, $seen, $do)   { return $self->add(warn => $name, $seen, $do) }
sub fail ($self, $name, $seen, $do)   { return $self->add(FAIL => $name, $seen, $do) }
sub skip ($self, $name, $seen, $do = undef) { return $self->add(skip => $name, $seen, $do) }

sub add ($self, $state, $name, $seen, $do = undef) {
    my $check = {group => $self->{group}, name => $name, state => $state,
        seen => $self->clean($seen),
        defined $do ? (do => $self->clean($do)) : ()};
    push $self->{checks}->@*, $check;
    return 1 if $self->{json};

    if ($self->{said} ne $self->{group}) {
        print "\n" if length $self->{said};
        print "$self->{group}\n";
        $self->{said} = $self->{group};
    }
    printf "  %-4s  %s: %s%s\n", $state, $name, $check->{seen},
        defined $do ? ". To do: $check->{do}" : '';
    return 1;
}

# Also as it would stand in a URL.
sub secret ($self, $bytes) {
    return $bytes unless length($bytes // '') >= 6;
    push $self->{secrets}->@*, $bytes,
        $bytes =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
    return $bytes;
}

# What others said is a line of bounded length, without what a terminal obeys.
sub clean ($self, $text) {
    my $hide = join '|', map { quotemeta }
        sort { length $b <=> length $a } $self->{secrets}->@*;
    $text =~ s/$hide/***/g if length $hide;
    $text =~ s/[\x00-\x1f\x7f-\x9f]+/ /g;
    $text =~ s/\s+\z//;
    return length $text > 600 ? substr($text, 0, 597) . '...' : $text;
}

sub count ($self, $state) {
    return scalar grep { $_->{state} eq $state } $self->{checks}->@*;
}

sub failed ($self) { return $self->count('FAIL') }

sub print_sum ($self) {
    printf "\n%s\n", join ', ', map { $self->count($_) . " $_" }
        qw(ok warn FAIL skip);
    return;
}

sub print_json ($self) {
    print JSON::PP->new->canonical->indent->encode({
        checks => $self->{checks},
        map { ($_ => $self->count($_)) } qw(ok warn FAIL skip),
    });
    return;
}

1;
